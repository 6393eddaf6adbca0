"""Watch components that have just been started until each serves or has failed."""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from controlplane.domain.component import ComponentState, ComponentStatus
from controlplane.errors import CmctlError

_POLL_SECONDS = 0.1
# A component that dies this often while we wait will not recover by itself.
_HOPELESS_DEATHS = 2


@dataclass
class Lives:
    """How often one component has died while it was watched.

    Its service manager starts it again: at once, seen as another process id, or
    after a pause, seen as RETRYING.
    """

    _pids: set[int] = field(default_factory=set)
    _pauses: int = 0
    _is_paused: bool = False

    def see(self, status: ComponentStatus) -> None:
        """Take in one more look at the component."""
        is_paused = status.state is ComponentState.RETRYING
        self._pauses += is_paused and not self._is_paused
        self._is_paused = is_paused
        if status.pid is not None:
            self._pids.add(status.pid)

    @property
    def deaths(self) -> int:
        """Deaths seen so far."""
        return max(self._pauses, len(self._pids) - 1)


class StartFailed(CmctlError):
    """A component did not become healthy; ``component`` names it."""

    def __init__(self, component: str, message: str, hint: str) -> None:
        super().__init__(message, hint)
        self.component = component


def wait_until_ready(
    components: Collection[str],
    statuses: Callable[[], list[ComponentStatus]],
    readiness: Callable[[str], str | None],
    report: Callable[[str, str | None], None],
    deadline: float,
) -> None:
    """Return once every component serves.

    ``readiness`` says why a component does not serve yet, None when it does;
    ``report`` gets each component's problem, None once it serves. ``deadline``
    is of ``time.monotonic``. Raises StartFailed.
    """
    pending = {component: Lives() for component in components}
    while pending:
        for status in statuses():
            if status.component not in pending:
                continue
            pending[status.component].see(status)
            problem = _problem(status, readiness)
            report(status.component, problem)
            if problem is None:
                del pending[status.component]
            else:
                _check_hope(status, pending[status.component], problem, deadline)
        if pending:
            time.sleep(_POLL_SECONDS)


def _problem(status: ComponentStatus, readiness: Callable[[str], str | None]) -> str | None:
    if status.state not in (ComponentState.RUNNING, ComponentState.STARTING):
        return status.detail or status.state.value
    return readiness(status.component)


def _check_hope(status: ComponentStatus, lives: Lives, problem: str, deadline: float) -> None:
    if status.state is ComponentState.FAILED or lives.deaths >= _HOPELESS_DEATHS:
        raise StartFailed(
            status.component,
            f"{status.component} stopped right after its start: {problem}",
            hint="the end of its log is above; after the remedy type: cmctl up",
        )
    if time.monotonic() > deadline:
        raise StartFailed(
            status.component,
            f"{status.component} is not healthy in time: {problem}",
            hint="the end of its log is above; --timeout gives it longer",
        )
