"""Answers of the query API, parsed without loss."""

from math import inf, isnan

import orjson
import pytest

from controlplane.adapters.prometheus_json import parse_matrix
from controlplane.services.slo.ports import QueryFailed


def _body(result: object, **more: object) -> bytes:
    return orjson.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}, **more})


def test_numbers_labels_and_warnings() -> None:
    tricky = {"__name__": "x", "path": '"values":[[1,"2"]]', "zh": "记忆"}
    values = [[1700000000.123, "1"], [1700000015, "NaN"], [1700000030.5, "+Inf"], [1700000045, "-1.5e-07"]]
    answer = parse_matrix(_body([{"metric": tricky, "values": values}, {"metric": {}, "values": []}], warnings=["w"]))
    first, second = answer.series
    assert first.labels == tricky
    assert first.timestamps.tolist() == [1700000000123, 1700000015000, 1700000030500, 1700000045000]
    assert first.values[0] == 1
    assert isnan(first.values[1])
    assert first.values[2:].tolist() == [inf, -1.5e-07]
    assert second.timestamps.size == 0
    assert answer.warnings == ("w",)


def test_every_float_survives() -> None:
    numbers = [0.1, 1 / 3, 2**53 + 2.0, 5e-324, 1.7976931348623157e308]
    (series,) = parse_matrix(_body([{"metric": {}, "values": [[1, repr(one)] for one in numbers]}])).series
    assert series.values.tolist() == numbers


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<html>502</html>", "not JSON"),
        (b"[]", "not a JSON object"),
        (orjson.dumps({"status": "error", "errorType": "bad_data", "error": "parse error"}), "bad_data: parse error"),
        (orjson.dumps({"status": "success", "data": {"resultType": "string", "result": [1, "x"]}}), "returns a string"),
        (orjson.dumps({"status": "success"}), "returns a NoneType"),
        (_body([{"metric": {}, "values": [[1, "x"]]}]), "not numbers"),
        (_body([{"metric": {}, "values": [[1, "1"]]}])[:-10], "ends in the middle"),
    ],
)
def test_what_is_no_matrix_is_refused(body: bytes, words: str) -> None:
    with pytest.raises(QueryFailed, match=words):
        parse_matrix(body)
