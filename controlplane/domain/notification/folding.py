"""What a receiver is told of an alert that flaps: once that it does, once that it is calm, nothing in between."""

from controlplane.domain.alert import AlertState
from controlplane.domain.flapping import Flapping
from controlplane.domain.notification.cooldown import Decision, Told

NOTHING = Decision("nothing")


def decide_flapping(state: AlertState, flapping: Flapping, told: Told | None) -> Decision:
    """About an alert that flaps now. Who never heard of it is told once it fires."""
    if told is None:
        return Decision("send") if state == "firing" else NOTHING
    return NOTHING if told.flapping_since == flapping.began_at else Decision("send")


def decide_calm(state: AlertState, wants_resolved: bool) -> Decision:
    """About one that is calm again, for a receiver that was told that it flaps."""
    return Decision("send" if state == "firing" or wants_resolved else "note")
