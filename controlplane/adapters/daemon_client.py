"""Reads the control plane daemon's own view over its HTTP API."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from controlplane.adapters.http import get_json
from controlplane.domain.alert import Alert, priority_of
from controlplane.domain.check import CheckResult, CheckState
from controlplane.domain.slo_status import objective_status
from controlplane.domain.status import DaemonAnswer, StatusForecast, StatusIncident
from controlplane.errors import CmctlError


class DaemonClient:
    """``token`` is asked for each time; None sends none, which is enough on loopback."""

    def __init__(self, url: str, timeout_seconds: float, token: Callable[[], str | None]) -> None:
        self._url = url
        self._timeout_seconds = timeout_seconds
        self._token = token

    async def read(self) -> DaemonAnswer:
        """Its check results, the alerts that fire, the objectives. Raises DependencyUnreachable, CmctlError."""
        token = self._token()
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        answer = await get_json(f"{self._url}/api/v1/status", self._timeout_seconds, headers)
        try:
            return DaemonAnswer(
                is_reachable=True,
                checks=[_check(item) for item in answer["checks"]],
                alerts=[_alert(item) for item in answer["alerts"]],
                objectives=[objective_status(item, _moment(item["evaluated_at"])) for item in answer["slos"]],
                incidents=[_incident(item) for item in answer["incidents"]],
                role=str(answer["role"]["name"]),
                role_detail=str(answer["role"]["detail"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise CmctlError(f"{self._url}: not an answer of the control plane") from error

    async def forecasts(self) -> list[StatusForecast]:
        """What it forecasts, the nearest end first. Raises DependencyUnreachable, CmctlError."""
        token = self._token()
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        answer = await get_json(f"{self._url}/api/v1/forecasts", self._timeout_seconds, headers)
        try:
            return [_forecast(item) for item in answer if item["state"] != "learning"]
        except (KeyError, TypeError, ValueError) as error:
            raise CmctlError(f"{self._url}: not an answer of the control plane") from error


def _forecast(item: Mapping[str, Any]) -> StatusForecast:
    early, expected, late = (
        None if item[name] is None else _moment(item[name]) for name in ("early_at", "expected_at", "late_at")
    )
    return StatusForecast(
        resource=str(item["resource"]),
        title=str(item["title"]),
        labels={str(name): str(value) for name, value in item["labels"].items()},
        level=float(item["level"]),
        limit=float(item["limit"]),
        unit=str(item["unit"]),
        early_at=early,
        expected_at=expected,
        late_at=late,
    )


def _check(item: Mapping[str, Any]) -> CheckResult:
    return CheckResult(
        name=str(item["name"]),
        kind=str(item["kind"]),
        state=CheckState[item["state"]],
        raw_state=CheckState[item["raw_state"]],
        message=str(item["message"]),
        value=item["value"],
        unit=str(item["unit"]),
        warning=item["warning"],
        critical=item["critical"],
        duration_seconds=float(item["duration_seconds"]),
        checked_at=_moment(item["checked_at"]),
        state_since=_moment(item["state_since"]),
    )


def _alert(item: Mapping[str, Any]) -> Alert:
    labels = {str(name): str(value) for name, value in item["labels"].items()}
    return Alert(
        fingerprint=str(item["fingerprint"]),
        name=str(item["name"]),
        state="firing",
        severity=str(item["severity"]),
        priority=priority_of({"priority": str(item["priority"])}),
        starts_at=_moment(item["starts_at"]),
        ends_at=None,
        received_at=_moment(item["received_at"]),
        labels=labels,
        annotations={str(name): str(value) for name, value in item["annotations"].items()},
        acknowledged_by=item.get("acknowledged_by"),
    )


def _incident(item: Mapping[str, Any]) -> StatusIncident:
    return StatusIncident(
        number=str(item["number"]),
        title=str(item["title"]),
        priority=str(item["priority"]),
        service=str(item["service"]),
        began_at=_moment(item["began_at"]),
        firing=bool(item["firing"]),
        acknowledged_by=item["acknowledged_by"],
    )


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
