"""How a recovery gets its WAL, and why it ended, by PostgreSQL's log."""

import subprocess
from pathlib import Path

import pytest

from controlplane.adapters.backup.recovery import reason, restore_command

FATAL = "2026-11-20 12:00:00 UTC [1] FATAL:  could not write lock file"
UNREACHED = "x FATAL:  recovery ended before configured recovery target was reached\n"


@pytest.mark.parametrize(
    ("told", "free", "expected"),
    [
        ("starting\n" + FATAL, 10**12, "could not write lock file"),
        (UNREACHED, 10**12, "the WAL archive ends before the target"),
        ("starting\n", 10**12, "starting"),
        ("", 10**12, "no reason given"),
        ("", 4096, "there is no space left on the disk"),
        ("starting\nlast line cut o", 4096, "there is no space left on the disk"),
        (FATAL, 4096, "could not write lock file"),
        (f"{FATAL}\n2 FATAL:  the database system is in recovery mode", 10**12, "could not write lock file"),
        (
            "cp: error writing 'pg_wal/x': No space left on device\nFATAL:  could not restore file \"x\" from archive",
            10**12,
            "WAL cannot be taken from the archive: error writing 'pg_wal/x': No space left on device",
        ),
    ],
)
def test_the_reason(told: str, free: int, expected: str) -> None:
    assert reason(told, free) == expected


def restored(folders: list[Path], target: Path) -> tuple[int, str]:
    """Exit code and what was given for the file ``x``, as PostgreSQL would run it."""
    command = restore_command(folders).replace("%f", "x").replace("%p", str(target)).replace("%%", "%")
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=False)
    return done.returncode, target.read_text() if target.is_file() else ""


def test_a_file_comes_from_the_newest_folder_that_has_it_whole(tmp_path: Path) -> None:
    folders = [tmp_path / "100% old's", tmp_path / "new"]
    for folder in folders:
        folder.mkdir()
    assert restored(folders, tmp_path / "got") == (1, "")
    (folders[1] / "x.partial").write_text("growing")
    assert restored(folders, tmp_path / "got") == (0, "growing")
    (folders[0] / "x").write_text("whole")
    assert restored(folders, tmp_path / "got") == (0, "whole")


def test_a_file_that_cannot_be_copied_is_not_the_end_of_the_archive(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("whole")
    assert restored([tmp_path], tmp_path / "no-such-folder" / "got")[0] > 125
