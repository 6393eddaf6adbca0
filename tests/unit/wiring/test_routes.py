"""Routes as they are configured, down to who is told of which alert at which moment."""

from datetime import UTC, datetime

import pytest
import yaml

from controlplane.config.schema import Settings
from controlplane.domain.alert import Alert
from controlplane.domain.notification.routing import receivers_of
from controlplane.wiring.notifications import policy

# The routes of specs/002 section 12.3: P0 everybody at once, P1 and P2 in business hours, there.
CONFIGURED = """
data_dir: /nowhere
profile: claude-mem
notifications:
  receivers:
    - {name: oncall, url: {environment: A}}
    - {name: team, url: {environment: B}}
    - {name: mail, url: {environment: C}}
    - {name: others, url: {environment: D}}
  routes:
    - {name: neighbours, profiles: [agent-v3], receivers: [others]}
    - {name: critical, priorities: [P0], receivers: [oncall], continue: true}
    - {name: databases, severities: [critical, error], labels: {service: "postgresql|qdrant"}, receivers: [team]}
    - name: office
      priorities: [P1, P2]
      receivers: [team]
      times: [{time_zone: Asia/Shanghai, days: [mon, tue, wed, thu, fri], start: "09:00", end: "18:00"}]
    - name: otherwise
      priorities: [P1, P2]
      receivers: [mail]
      times: [{time_zone: Asia/Shanghai, days: [mon, tue, wed, thu, fri], start: "09:00", end: "18:00", outside: true}]
"""
OFFICE = datetime(2025, 7, 7, 1, 30, tzinfo=UTC)  # Monday, 09:30 in Shanghai
EVENING = datetime(2025, 7, 7, 10, 0, tzinfo=UTC)  # 18:00 there
WEEKEND = datetime(2025, 7, 12, 3, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("fields", "moment", "expected"),
    [
        ({"priority": "P0"}, WEEKEND, ("oncall",)),
        ({"priority": "P0", "labels": {"service": "postgresql"}}, WEEKEND, ("oncall", "team")),
        ({"severity": "error", "labels": {"service": "qdrant"}}, EVENING, ("team",)),
        ({"severity": "error", "labels": {"service": "qdrant2"}}, EVENING, ("mail",)),
        ({"severity": "warning", "labels": {"service": "qdrant"}}, OFFICE, ("team",)),
        ({}, OFFICE, ("team",)),
        ({}, EVENING, ("mail",)),
        ({}, WEEKEND, ("mail",)),
        ({"priority": "P2"}, OFFICE, ("team",)),
        ({"priority": "P3"}, OFFICE, ()),
        ({"priority": "P0", "labels": {"profile": "agent-v3"}}, OFFICE, ("others",)),
    ],
)
def test_who_is_told_of_what_and_when(fields: dict[str, object], moment: datetime, expected: tuple[str, ...]) -> None:
    decisions = policy(Settings.model_validate(yaml.safe_load(CONFIGURED)))
    values = {"fingerprint": "f", "name": "X", "state": "firing", "severity": "critical", "priority": "P1"}
    alert = Alert(**{**values, "starts_at": moment, "ends_at": None, "received_at": moment, **fields})  # type: ignore[arg-type]
    assert receivers_of(alert, decisions.routes, decisions.default_profile, moment) == expected


def test_without_routes_everybody_is_told_of_everything() -> None:
    document = yaml.safe_load(CONFIGURED)
    del document["notifications"]["routes"]
    (everywhere,) = policy(Settings.model_validate(document)).routes
    assert (everywhere.receivers, everywhere.priorities, everywhere.windows) == (
        ("oncall", "team", "mail", "others"),
        frozenset(),
        (),
    )
