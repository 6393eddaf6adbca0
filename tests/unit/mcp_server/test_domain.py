"""Terms, weights and fusion."""

from datetime import datetime

import pytest

from mcp_server.domain.fusion import fuse
from mcp_server.domain.memory import Filter, NewMemory
from mcp_server.domain.terms import MAX_TERMS, MAX_WORD_CHARACTERS, terms_of
from mcp_server.domain.weights import TermStatistics, weigh


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("Running services", ["run", "servic"], id="stems"),
        pytest.param("The backup of it", ["backup"], id="stop words"),
        pytest.param("backup BACKUP Backups", ["backup"], id="each term once"),
        pytest.param("pg_dump 10.0.0.1:8080", ["pg", "dump", "10", "0", "1", "8080"], id="names and numbers"),
        pytest.param("MemoryDown", ["memorydown", "memori", "down"], id="parts of a name"),
        pytest.param("备份", ["备", "备份", "份"], id="Chinese pairs and characters"),
        pytest.param("我的备份", ["的备", "备", "备份", "份"], id="Chinese stop characters"),
        pytest.param("用PostgreSQL存储", ["用", "postgresql", "postgr", "sql", "存", "存储", "储"], id="mixed"),
        pytest.param("ＡＢＣ", ["abc"], id="full width"),
        pytest.param("naïve café", ["naïv", "café"], id="accents"),
        pytest.param("x" * 200, ["x" * MAX_WORD_CHARACTERS], id="very long word"),
        pytest.param("!?… 🦊 --", [], id="no words"),
        pytest.param("", [], id="empty"),
    ],
)
def test_terms(text: str, expected: list[str]) -> None:
    assert terms_of(text) == expected


def test_terms_are_bounded() -> None:
    text = "".join(chr(0x4E00 + number % 20_000) + chr(0x4E00 + number * 7 % 19_997) for number in range(30_000))
    assert len(terms_of(text)) == MAX_TERMS


def test_rare_terms_weigh_more_and_single_characters_less() -> None:
    query = weigh(["backup", "server", "备"], TermStatistics(100, {"server": 50}))
    backup, server, character = query.weights
    assert backup > server > 0
    assert character < backup


def test_common_terms_do_not_make_a_hit_in_a_large_collection() -> None:
    statistics = TermStatistics(5_000, {"server": 2_000})
    query = weigh(["server", "backup"], statistics)
    assert query.required == ("backup",)
    assert query.with_all_required().required == ("server", "backup")
    assert weigh(["server"], statistics).required == ("server",), "unless there is nothing else"
    assert weigh(["server", "backup"], TermStatistics(5, {"server": 5})).required == ("server", "backup")


def test_fusion_prefers_what_both_rankings_hold() -> None:
    fused = fuse({"keyword": ["a", "b", "c"], "meaning": ["d", "b"]})
    assert [entry.key for entry in fused] == ["b", "a", "d", "c"]
    assert fused[0].matched_by == ("keyword", "meaning")
    assert fused[0].score == pytest.approx(1 / 62 + 1 / 62)


def test_fusion_of_nothing_is_nothing() -> None:
    assert fuse({"keyword": [], "meaning": []}) == []


def test_a_filter_needs_time_zones() -> None:
    with pytest.raises(ValueError, match="since needs a time zone"):
        Filter(since=datetime(2025, 1, 1))  # noqa: DTZ001


def test_the_content_hash_is_that_of_the_text() -> None:
    assert NewMemory("x").content_hash == NewMemory("x", session="other").content_hash
    assert NewMemory("x").content_hash != NewMemory("y").content_hash
