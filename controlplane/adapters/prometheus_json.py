"""Read the matrix answers of Prometheus's query API quickly: a list of samples is read as one list of numbers."""

from typing import Any

import numpy as np
import orjson

from controlplane.domain.slo.grid import Floats, Series
from controlplane.services.slo.ports import Answer, QueryFailed

# Label values cannot contain this: JSON escapes their quotes.
_OPENING = b'"values":[['
_CLOSING = b"]]"


def parse_matrix(body: bytes) -> Answer:
    """Series and warnings of a successful answer.

    Raises QueryFailed when the body is an error, not JSON, or not a matrix.
    """
    skeleton, numbers = _split(body)
    document = _load(skeleton)
    if document.get("status") != "success":
        raise QueryFailed(
            f"Prometheus: {document.get('errorType', 'error')}: {document.get('error', 'no reason given')}"
        )
    data = document.get("data")
    if not isinstance(data, dict) or data.get("resultType") != "matrix":
        kind = data.get("resultType") if isinstance(data, dict) else type(data).__name__
        raise QueryFailed(f"the query returns a {kind}, not series")
    series = [_series(item["metric"], [numbers[index] for index in item["values"]]) for item in data["result"]]
    return Answer(series, tuple(str(warning) for warning in document.get("warnings", ())))


def _split(body: bytes) -> tuple[bytes, list[bytes]]:
    """The answer with a number in place of each list of samples, and those lists as comma separated numbers."""
    skeleton: list[bytes] = []
    numbers: list[bytes] = []
    position = 0
    while (opening := body.find(_OPENING, position)) >= 0:
        closing = body.find(_CLOSING, opening)
        if closing < 0:
            raise QueryFailed("the answer of Prometheus ends in the middle")
        skeleton += (body[position:opening], b'"values":[%d]' % len(numbers))
        numbers.append(body[opening + len(_OPENING) : closing].translate(None, b'[]"'))
        position = closing + len(_CLOSING)
    skeleton.append(body[position:])
    return b"".join(skeleton), numbers


def _load(skeleton: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(skeleton)
    except orjson.JSONDecodeError as error:
        raise QueryFailed(f"the answer is not JSON; it begins with {skeleton[:60]!r}") from error
    if not isinstance(document, dict):
        raise QueryFailed("the answer is not a JSON object")
    return document


def _series(labels: dict[str, str], lists: list[bytes]) -> Series:
    if not lists:
        return Series(labels, np.zeros(0, dtype=np.int64), np.zeros(0))
    (numbers,) = lists
    pairs = _pairs(numbers)
    return Series(labels, np.rint(pairs[0::2] * 1000).astype(np.int64), np.ascontiguousarray(pairs[1::2]))


def _pairs(numbers: bytes) -> Floats:
    """Times and values in turn. orjson reads them four times as fast as numpy, but knows no infinity."""
    plain = numbers.replace(b"NaN", b"null") if b"NaN" in numbers else numbers
    try:
        return np.array(orjson.loads(b"[" + plain + b"]"), dtype=np.float64)
    except orjson.JSONDecodeError:
        pass
    try:
        return np.fromstring(numbers, sep=",")
    except ValueError as error:
        raise QueryFailed("the answer of Prometheus holds samples that are not numbers") from error
