"""Silences through Alertmanager's HTTP API (prometheus/alertmanager api/v2/openapi.yaml)."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from controlplane.adapters.http import Request, Response, get_json, send
from controlplane.domain.silence import Silence
from controlplane.domain.slo.selector import Matcher
from controlplane.errors import CmctlError

_OPERATORS = {(False, True): "=", (False, False): "!=", (True, True): "=~", (True, False): "!~"}
_JSON = {"Content-Type": "application/json"}


class AlertmanagerSilences:
    """Implements Silencer. A matcher that Alertmanager refuses, such as a regular expression RE2 lacks, is an error."""

    def __init__(self, url: str, timeout_seconds: float) -> None:
        self._url = url
        self._timeout_seconds = timeout_seconds

    async def silences(self) -> list[Silence]:
        """Every silence that Alertmanager remembers."""
        answer = await get_json(f"{self._url}/api/v2/silences", self._timeout_seconds)
        try:
            return [_silence(item) for item in answer]
        except (KeyError, TypeError, ValueError) as error:
            raise CmctlError(f"{self._url}: not an answer of Alertmanager") from error

    async def create(self, silence: Silence) -> str:
        """Make a silence; Alertmanager moves a start in the past to now."""
        body = {
            "matchers": [
                {
                    "name": matcher.label,
                    "value": matcher.value,
                    "isRegex": matcher.operator in ("=~", "!~"),
                    "isEqual": matcher.operator in ("=", "=~"),
                }
                for matcher in silence.matchers
            ],
            "startsAt": silence.starts_at.isoformat(),
            "endsAt": silence.ends_at.isoformat(),
            "createdBy": silence.created_by,
            "comment": silence.comment,
        }
        request = Request(f"{self._url}/api/v2/silences", "POST", json.dumps(body).encode(), _JSON)
        answer = self._checked(await send(request, self._timeout_seconds), f"refuses the silence {silence.comment!r}")
        try:
            return str(answer.json()["silenceID"])
        except (KeyError, TypeError, ValueError) as error:
            raise CmctlError(f"{self._url}: not an answer of Alertmanager") from error

    async def expire(self, silence_id: str) -> None:
        """End a silence now."""
        request = Request(f"{self._url}/api/v2/silence/{silence_id}", "DELETE")
        self._checked(await send(request, self._timeout_seconds), f"does not expire silence {silence_id}")

    def _checked(self, response: Response, problem: str) -> Response:
        if not response.is_success:
            text = response.body[:300].decode("utf-8", errors="replace").strip()
            raise CmctlError(f"Alertmanager at {self._url} {problem}: {response.status} {text}")
        return response


def _silence(item: Mapping[str, Any]) -> Silence:
    return Silence(
        id=str(item["id"]),
        matchers=tuple(
            Matcher(
                str(matcher["name"]),
                _OPERATORS[bool(matcher["isRegex"]), bool(matcher.get("isEqual", True))],
                str(matcher["value"]),
            )
            for matcher in item["matchers"]
        ),
        starts_at=_moment(item["startsAt"]),
        ends_at=_moment(item["endsAt"]),
        created_by=str(item["createdBy"]),
        comment=str(item["comment"]),
        state=item["status"]["state"],
    )


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
