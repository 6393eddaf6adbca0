"""What a series did before decides how much it takes to alarm."""

from controlplane.domain.anomaly.calibration import ALERT_SCORE, Calibration, Restraint
from controlplane.domain.anomaly.parameters import RESTRAINT_NATS, RESTRAINT_SECONDS, WARM_UP_FULL

CADENCE = 300.0


def test_each_alarm_asks_for_more_and_is_forgotten() -> None:
    restraint, asked, now = Restraint(), [], 1000
    for _ in range(4):
        asked.append(restraint.nats(now, CADENCE))
        restraint.note(now, CADENCE)
        now += 200
    assert asked[0] == 0.0 and asked == sorted(set(asked))
    assert asked[-1] < 2 * RESTRAINT_NATS, "a series that alarms often is not silenced"
    assert restraint.nats(now + int(5 * RESTRAINT_SECONDS / CADENCE), CADENCE) < 0.1 * asked[-1]


def test_a_series_that_alarmed_needs_more_evidence_for_the_next_alarm() -> None:
    """The same evidence, barely enough for a series that never alarmed."""

    def alarms(earlier: int) -> bool:
        calibration = Calibration()
        for _ in range(WARM_UP_FULL + 1000):
            calibration.score(0.0, 0.0, 0.0, CADENCE)
        for _ in range(earlier):
            calibration.restraint.note(calibration.count, CADENCE)
        return calibration.score(least, 0.0, 0.0, CADENCE) >= ALERT_SCORE

    least = 5.0
    while not alarms(0):
        least += 0.05
    assert not alarms(1)
    least += 2.0
    assert alarms(1)
