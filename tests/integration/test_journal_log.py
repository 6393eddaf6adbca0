"""Reading the journal, from a STAND-IN for journalctl; the real one is read on the hosts of tests/deploy."""

import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from controlplane.adapters.journal_log import JournalLog
from controlplane.errors import DependencyUnreachable

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def entry(number: int, message: object, priority: int = 6) -> str:
    stamp = int((START + timedelta(seconds=number)).timestamp() * 1_000_000)
    return json.dumps({"__REALTIME_TIMESTAMP": str(stamp), "PRIORITY": str(priority), "MESSAGE": message})


@pytest.fixture
def journalctl(tmp_path: Path) -> Path:
    """Answers as journalctl does: newest first for --reverse, a cursor, then what is appended to the file `new`."""
    program, journal, new = tmp_path / "journalctl", tmp_path / "journal", tmp_path / "new"
    journal.write_text("")
    new.write_text("")
    program.write_text(
        "#!/bin/sh\n"
        'case "$*" in\n'
        f"*--reverse*) tac {journal} ;;\n"
        '*--show-cursor*) echo "-- cursor: s=1" ;;\n'
        f"*--follow*--after-cursor=s=1*) exec tail -n +1 -f {new} ;;\n"
        "esac\n"
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return program


def test_the_newest_line_comes_first_with_the_time_and_level_of_the_journal(journalctl: Path) -> None:
    lines = [entry(1, "Started unit."), entry(2, "it failed", priority=3), entry(3, list(b"caf\xe9"))]
    (journalctl.parent / "journal").write_text("\n".join(lines) + "\n")
    found = list(JournalLog("prometheus", "prometheus.service", str(journalctl)).backward())
    assert [line.text for line in found] == ["caf\N{REPLACEMENT CHARACTER}", "it failed", "Started unit."]
    assert [line.level for line in found] == ["info", "error", "info"]
    assert [line.time for line in found] == [START + timedelta(seconds=number) for number in (3, 2, 1)]


def test_what_a_program_says_itself_wins(journalctl: Path) -> None:
    said = json.dumps({"time": "2026-05-06T07:08:09Z", "level": "warning", "message": "slow"})
    (journalctl.parent / "journal").write_text(entry(1, said) + "\n")
    (line,) = JournalLog("mcp_server", "claude-memory-mcp.service", str(journalctl)).backward()
    assert (line.message, line.level, line.time) == ("slow", "warning", datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC))


def test_reading_can_stop_early(journalctl: Path) -> None:
    (journalctl.parent / "journal").write_text(
        "".join(entry(number, f"line {number}") + "\n" for number in range(5000))
    )
    reading = JournalLog("prometheus", "prometheus.service", str(journalctl)).backward()
    assert next(reading).text == "line 4999"
    reading.close()


def test_following_gives_what_is_logged_from_then_on(journalctl: Path) -> None:
    log = JournalLog("prometheus", "prometheus.service", str(journalctl))
    log.follow()
    try:
        assert list(log.added()) == []
        with (journalctl.parent / "new").open("a") as journal:
            journal.write(entry(1, "first") + "\n" + entry(2, "second") + "\n")
        found: list[str] = []
        deadline = datetime.now(UTC) + timedelta(seconds=30)
        while len(found) < 2 and datetime.now(UTC) < deadline:
            found += [line.text for line in log.added()]
        assert found == ["first", "second"]
    finally:
        log.close()


def test_a_machine_without_a_journal_says_so() -> None:
    with pytest.raises(DependencyUnreachable, match="journalctl is not installed"):
        next(JournalLog("prometheus", "prometheus.service", "/nonexistent/journalctl").backward())
