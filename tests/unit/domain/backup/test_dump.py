"""What a comparison with a dump finds, and manifests that are none."""

from datetime import UTC, datetime

import pytest

from controlplane.domain.backup.dump import DatabaseDump, Dump, TablePrint, differences, from_json, major, to_json
from controlplane.domain.backup.manifest import FileEntry

MOMENT = datetime(2026, 11, 20, 12, tzinfo=UTC)
TABLES = (TablePrint("public.a", 2, "1-2"), TablePrint("public.b", 0, "0-0"))
WAS = DatabaseDump("db", TABLES, {"public.up": 5, "public.down": -5, "public.new": None})
DUMP = Dump("x", MOMENT, MOMENT, 160014, (WAS,), (FileEntry("db/toc.dat", 1, "ab" * 32),), {"cmctl": "1"})

CASES = {
    "the same": (WAS, []),
    "sequences moved on": (DatabaseDump("db", TABLES, {"public.up": 6, "public.down": -6, "public.new": 1}), []),
    "sequences are behind": (
        DatabaseDump("db", TABLES, {"public.up": 4, "public.down": None, "public.new": None}),
        ["db: sequence public.up stands at 4, behind 5", "db: sequence public.down stands at None, behind -5"],
    ),
    "nothing is there": (
        DatabaseDump("db", ()),
        [
            "db: table public.a is missing",
            "db: table public.b is missing",
            "db: sequence public.up is missing",
            "db: sequence public.down is missing",
            "db: sequence public.new is missing",
        ],
    ),
    "other rows, and a table more": (
        DatabaseDump(
            "db",
            (
                TablePrint("public.a", 2, "1-3"),
                TablePrint("public.b", 1, "0-1"),
                *TABLES[:0],
                TablePrint("public.c", 0, "0-0"),
            ),
            WAS.sequences,
        ),
        [
            "db: the 2 rows of table public.a are not the same",
            "db: table public.b has 1 rows instead of 0",
            "db: table public.c was not there",
        ],
    ),
}


@pytest.mark.parametrize(("found", "told"), CASES.values(), ids=CASES.keys())
def test_what_a_comparison_finds(found: DatabaseDump, told: list[str]) -> None:
    assert differences(WAS, found) == told


def test_a_manifest_is_read_back() -> None:
    assert from_json(to_json(DUMP)) == DUMP
    assert major(DUMP.server_version) == 16


@pytest.mark.parametrize("change", [{"version": 2}, {"files": [{}]}, {"databases": None}, {"created_at": "soon"}])
def test_what_is_no_manifest_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"version|malformed|Invalid isoformat"):
        from_json(to_json(DUMP) | change)
