"""Tests that have a long form: short in ``make test``, at full length in ``make soak``."""

import os
from typing import TypeVar

Length = TypeVar("Length", int, float)

IS_SOAK = os.environ.get("TESTS_SOAK") == "1"


def length(short: Length, full: Length) -> Length:
    """How much of something a test does. Mark the test with ``pytest.mark.soak``."""
    return full if IS_SOAK else short
