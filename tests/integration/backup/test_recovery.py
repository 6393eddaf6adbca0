"""Putting a data directory together with PostgreSQL's real programs."""

from pathlib import Path

import pytest

from controlplane.adapters.backup.recovery import Recovery
from controlplane.adapters.toolchain import postgresql_bin
from controlplane.adapters.unprivileged import Runner
from controlplane.errors import Refused


def test_a_backup_of_another_major_version_is_refused_before_anything_is_copied(tmp_path: Path) -> None:
    backup = tmp_path / "20261120T120000Z" / "postgresql"
    backup.mkdir(parents=True)
    (backup / "PG_VERSION").write_text("16\n")
    recovery = Recovery(Runner(postgresql_bin(), (), None), postgresql_bin(), {}, "postgres", "")
    with pytest.raises(Refused, match="20261120T120000Z is a backup of PostgreSQL 16, and this system runs 18"):
        recovery.combine([backup], tmp_path / "target")
    assert not (tmp_path / "target").exists()
