"""Which of the run's parallel workers this process is (pytest-xdist), so that two of them never share a port."""

import os
from collections.abc import Sequence


def own_share(values: Sequence[int]) -> Sequence[int]:
    """Every N-th value for worker k of N; all of them when the tests do not run in parallel."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0")
    count = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    return values[int(worker.removeprefix("gw")) :: count]
