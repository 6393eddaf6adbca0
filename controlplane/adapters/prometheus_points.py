"""Points for watching, from Prometheus's HTTP API; without numpy, which would stay in the daemon for this alone."""

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

import orjson

from controlplane.adapters.http import Request, send
from controlplane.services.anomaly.ports import QueryRefused, SeriesPoints

_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class PrometheusPoints:
    """Implements PointSource; so many queries run at once, the others wait."""

    def __init__(self, url: str, timeout_seconds: float, concurrency: int) -> None:
        self._url = url.rstrip("/")
        self._timeout_seconds = timeout_seconds
        self._slots = asyncio.Semaphore(concurrency)

    async def points(self, query: str, start_ms: int, end_ms: int, step_ms: int) -> list[SeriesPoints]:
        """Values of a query at start, start + step … not later than end."""
        if start_ms == end_ms:
            form = {"query": query, "time": _seconds(start_ms), "timeout": f"{self._timeout_seconds:g}s"}
            return await self._ask("/api/v1/query", form)
        form = {"query": query, "start": _seconds(start_ms), "end": _seconds(end_ms), "step": f"{step_ms}ms"}
        return await self._ask("/api/v1/query_range", {**form, "timeout": f"{self._timeout_seconds:g}s"})

    async def _ask(self, path: str, form: Mapping[str, str]) -> list[SeriesPoints]:
        request = Request(f"{self._url}{path}", "POST", urlencode(form).encode(), _FORM)
        async with self._slots:
            response = await send(request, self._timeout_seconds)
        try:
            answer = orjson.loads(response.body)
            if answer["status"] == "success":
                return _series(answer["data"])
            problem = str(answer["error"])
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise QueryRefused(f"{self._url}: HTTP status {response.status}, not an answer of Prometheus") from error
        raise QueryRefused(f"Prometheus says: {problem}")


def _series(data: Mapping[str, Any]) -> list[SeriesPoints]:
    """Series of a matrix, a vector or a scalar. Prometheus writes times as seconds with up to three decimals."""
    kind, result = data["resultType"], data["result"]
    if kind == "matrix":
        return [SeriesPoints(item["metric"], [_point(pair) for pair in item["values"]]) for item in result]
    if kind == "vector":
        return [SeriesPoints(item["metric"], [_point(item["value"])]) for item in result]
    if kind == "scalar":
        return [SeriesPoints({}, [_point(result)])]
    raise QueryRefused(f"the query gives a {kind}, not numbers")


def _point(pair: Any) -> tuple[int, float]:
    return round(pair[0] * 1000), float(pair[1])


def _seconds(milliseconds: int) -> str:
    return f"{milliseconds // 1000}.{milliseconds % 1000:03d}"
