"""Asking the running daemon, for commands about what only it knows."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from controlplane.cli.invocation import Invocation

if TYPE_CHECKING:
    from controlplane.services.ports import RemoteDaemon


def daemon_of(invocation: Invocation) -> "RemoteDaemon":
    """The daemon of this call's configuration. Raises InvalidConfiguration."""
    from controlplane.cli.settings import load_settings
    from controlplane.wiring.alerts import daemon_api

    return daemon_api(load_settings(invocation))


def ask_daemon(
    invocation: Invocation, path: str, query: Sequence[tuple[str, str]] = (), hint: str | None = None
) -> Any:
    """Its JSON answer. Raises CmctlError; ``hint`` is the next step when it does not answer and says no other."""
    import asyncio

    from controlplane.errors import DependencyUnreachable

    try:
        answer, _ = asyncio.run(daemon_of(invocation).get(path, query))
    except DependencyUnreachable as error:
        error.hint = error.hint or hint
        raise
    return answer


def tell_daemon(invocation: Invocation, path: str, request: dict[str, Any]) -> Any:
    """Post a request; its JSON answer. Raises CmctlError."""
    import asyncio

    return asyncio.run(daemon_of(invocation).post(path, request))
