"""The engine's own guard: when this machine is the problem, checks say so instead of accusing their targets."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from controlplane.domain.check import CheckSpec, CheckState, Observation

# A step of the clock that ordinary time synchronisation (which slews) does not make.
CLOCK_STEP_SECONDS = 5.0
# Results of these kinds compare times of this machine with times of elsewhere.
CLOCK_KINDS = frozenset({"certificate", "prometheus_target", "prometheus_query", "response_time"})
# So many different hosts going silent in one run have us in common.
SILENT_HOSTS = 3
LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True)
class HostFacts:
    """What is known about this machine's network and clock.

    ``unreachable`` maps a host to why this machine has no way to it (no route,
    names are not resolved). ``clock_step_seconds`` is how far the clock jumped
    since the last look, ``suspended_seconds`` how long the machine slept.
    """

    loopback_works: bool = True
    unreachable: Mapping[str, str] = field(default_factory=dict)
    clock_step_seconds: float = 0.0
    suspended_seconds: float = 0.0


def is_loopback(host: str) -> bool:
    """Whether a host name or address means this machine itself."""
    return host in LOOPBACK_HOSTS or host.startswith("127.")


def excuse(spec: CheckSpec, observation: Observation, facts: HostFacts, lag_seconds: float = 0.0) -> str | None:
    """Why a result must not be believed; None when it may.

    ``lag_seconds`` is the longest time this process was kept from running during the run.
    """
    clock = _clock_excuse(spec, facts)
    if clock or observation.state == CheckState.OK:
        return clock
    if spec.host is not None:
        if is_loopback(spec.host) and not facts.loopback_works:
            return "the loopback interface of this machine does not work"
        if spec.host in facts.unreachable:
            return facts.unreachable[spec.host]
    if observation.timed_out and lag_seconds >= spec.timeout_seconds / 2:
        return f"this process did not get to run for {lag_seconds:.1f} s"
    return None


def _clock_excuse(spec: CheckSpec, facts: HostFacts) -> str | None:
    if spec.kind not in CLOCK_KINDS:
        return None
    if abs(facts.clock_step_seconds) >= CLOCK_STEP_SECONDS:
        return f"the clock of this machine jumped by {facts.clock_step_seconds:+.0f} s"
    if facts.suspended_seconds >= CLOCK_STEP_SECONDS:
        return f"this machine slept for {facts.suspended_seconds:.0f} s"
    return None


def excuse_silence(observed: Mapping[str, tuple[CheckSpec, Observation]]) -> str | None:
    """Why the silence of the remote hosts is ours: all of them, and several, timed out in one run."""
    remote = {name: pair for name, pair in observed.items() if pair[0].host and not is_loopback(pair[0].host)}
    hosts = {spec.host for spec, _ in remote.values()}
    if len(hosts) < SILENT_HOSTS or not all(observation.timed_out for _, observation in remote.values()):
        return None
    return f"all {len(hosts)} remote hosts went silent at once, so the network of this machine is suspected"


def guard(
    observed: Mapping[str, tuple[CheckSpec, Observation]], facts: HostFacts, lag_seconds: float = 0.0
) -> dict[str, Observation]:
    """The observations of one run, with UNKNOWN and the reason in place of those that must not be believed."""
    silence = excuse_silence(observed)
    guarded = {}
    for name, (spec, observation) in observed.items():
        reason = excuse(spec, observation, facts, lag_seconds)
        if reason is None and silence and spec.host and not is_loopback(spec.host):
            reason = silence
        guarded[name] = observation if reason is None else _unknown(observation, reason)
    return guarded


def _unknown(observation: Observation, reason: str) -> Observation:
    message = f"{reason} (seen: {observation.message})"
    return replace(observation, state=CheckState.UNKNOWN, message=message)
