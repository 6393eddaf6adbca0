"""Real stacks for acceptance tests."""

from collections.abc import Iterator

import pytest

from tests.support.stack import EmbeddedStack


@pytest.fixture(scope="session")
def running_stack() -> Iterator[EmbeddedStack]:
    """The whole stack, healthy, with quick intervals, shared by the run. Leave it running and whole."""
    stack = EmbeddedStack()
    try:
        stack.up()
        yield stack
    finally:
        stack.remove()


@pytest.fixture
def own_stack() -> Iterator[EmbeddedStack]:
    """A stack of this test's own, configured with quick intervals and not started; stopped after the test."""
    stack = EmbeddedStack()
    try:
        yield stack
    finally:
        stack.remove()
