"""Examiners of the troubleshooting trees: functions that look at one thing and say what they saw."""

from controlplane.domain.check import CheckState, Observation
from controlplane.domain.diagnosis import Examination, Outcome

_OUTCOMES = {CheckState.OK: Outcome.FINE, CheckState.UNKNOWN: Outcome.UNKNOWN, CheckState.WARNING: Outcome.FINE}


def fine(detail: str) -> Examination:
    """Nothing wrong."""
    return Examination(Outcome.FINE, detail)


def faulty(detail: str) -> Examination:
    """Something wrong."""
    return Examination(Outcome.FAULTY, detail)


def unknown(detail: str) -> Examination:
    """It cannot be told."""
    return Examination(Outcome.UNKNOWN, detail)


def from_observation(observation: Observation) -> Examination:
    """What a probe saw; only CRITICAL explains an outage."""
    return Examination(_OUTCOMES.get(observation.state, Outcome.FAULTY), observation.message)
