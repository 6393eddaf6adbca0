"""Waiting for components that have just been started."""

import time
from collections.abc import Callable, Iterator

import pytest

from controlplane.domain.component import ComponentState, ComponentStatus
from controlplane.services.start_watch import StartFailed, wait_until_ready

RUNNING, RETRYING, FAILED = ComponentState.RUNNING, ComponentState.RETRYING, ComponentState.FAILED
LATER = time.monotonic() + 3600


def looks(*states: tuple[ComponentState, int | None]) -> Callable[[], list[ComponentStatus]]:
    """One status a look; the last one stays."""
    iterator: Iterator[tuple[ComponentState, int | None]] = iter(states)
    last = [states[-1]]

    def statuses() -> list[ComponentStatus]:
        state, pid = last[0] = next(iterator, last[0])
        return [ComponentStatus("prometheus", state, pid, detail="spawn error" if state is RETRYING else "")]

    return statuses


def wait(
    statuses: Callable[[], list[ComponentStatus]], answers: list[str | None], deadline: float = LATER
) -> list[str | None]:
    reports: list[str | None] = []
    wait_until_ready(
        ["prometheus"],
        statuses,
        lambda component: answers.pop(0) if len(answers) > 1 else answers[0],
        lambda component, problem: reports.append(problem),
        deadline,
    )
    return reports


def test_returns_when_the_component_serves_and_reports_on_the_way() -> None:
    assert wait(looks((RUNNING, 1)), ["not yet", "not yet", None]) == ["not yet", "not yet", None]


def test_a_failed_component_is_given_up() -> None:
    with pytest.raises(StartFailed, match="prometheus stopped right after its start: failed"):
        wait(looks((RUNNING, 1), (FAILED, None)), ["no"])


def test_two_pauses_between_attempts_are_enough() -> None:
    with pytest.raises(StartFailed, match="spawn error"):
        wait(looks((RETRYING, None), (RETRYING, None), (RUNNING, None), (RETRYING, None)), ["no"])


def test_a_component_that_keeps_dying_is_seen_by_its_process_ids() -> None:
    with pytest.raises(StartFailed, match="stopped right after"):
        wait(looks((RUNNING, 1), (RUNNING, 2), (RUNNING, 3)), ["no"])


def test_one_death_is_forgiven() -> None:
    assert wait(looks((RUNNING, 1), (RUNNING, 2)), ["no", None])[-1] is None


def test_the_deadline_ends_the_wait() -> None:
    with pytest.raises(StartFailed, match="not healthy in time: no") as caught:
        wait(looks((RUNNING, 1)), ["no"], deadline=time.monotonic())
    assert caught.value.component == "prometheus"
