"""A real Prometheus with generated data, and what recording rules made of it."""

from collections.abc import Iterator

import pytest

from tests.support.prometheus import PrometheusServer


@pytest.fixture
def prometheus() -> Iterator[PrometheusServer]:
    """A Prometheus of this test's own, not yet started."""
    server = PrometheusServer()
    try:
        yield server
    finally:
        server.remove()
