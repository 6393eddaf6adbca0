"""The dashboards can be imported beside each other: stable unique ids, a data source variable, no overlap."""

import json
from pathlib import Path
from typing import Any

import pytest

DASHBOARDS = sorted((Path(__file__).resolve().parents[2] / "dashboards").glob("*.json"))
by_name = pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda path: path.stem)


def load(dashboard: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(dashboard.read_text(encoding="utf-8"))
    return content


def test_the_ids_are_unique() -> None:
    uids = [load(dashboard)["uid"] for dashboard in DASHBOARDS]
    assert len(uids) == len(set(uids)) >= 4


@by_name
def test_every_query_uses_the_data_source_that_the_reader_chose(dashboard: Path) -> None:
    content = load(dashboard)
    assert [variable["type"] for variable in content["templating"]["list"]] == ["datasource"]
    for panel in content["panels"]:
        for source in [panel["datasource"], *(target["datasource"] for target in panel["targets"])]:
            assert source == {"type": "prometheus", "uid": "${datasource}"}


@by_name
def test_panels_have_a_title_and_a_place_of_their_own(dashboard: Path) -> None:
    content = load(dashboard)
    assert content["uid"].startswith("claude-memory-")
    taken: set[tuple[int, int]] = set()
    for panel in content["panels"]:
        assert panel["title"]
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells
