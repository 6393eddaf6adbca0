"""Files are read once, again when they changed, and compared with what PostgreSQL says that it sent."""

import hashlib
import json
import os
from pathlib import Path

import pytest

from controlplane.adapters.backup.hashes import HashCache
from controlplane.adapters.backup.physical import BACKUP_MANIFEST, require_what_was_sent
from controlplane.errors import CmctlError
from tests.support.stack import wait_until

CHECKED = b"123456789"  # whose CRC-32C everybody who implements it gives: e3069283


def test_both_checksums_are_right(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(CHECKED)
    found = HashCache().hashed(tmp_path / "file")
    assert (found.size_bytes, found.sha256) == (9, hashlib.sha256(CHECKED).hexdigest())
    assert bytes.fromhex(found.crc32c)[::-1].hex() == "e3069283"


def test_what_changed_after_it_was_read_ahead_is_read_again(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    finished, growing = tmp_path / "folder" / "finished", tmp_path / "folder" / "growing"
    for path in (finished, growing):
        path.write_bytes(b"some")
        os.utime(path, (1, 1))  # long ago
    cache = HashCache()
    with cache.ahead(tmp_path / "folder"):
        wait_until(lambda: len(cache.known()) == 2, what="both files to be read")
        with growing.open("ab") as file:
            file.write(b" more")
    assert cache.hashed(growing).sha256 == hashlib.sha256(b"some more").hexdigest()
    assert cache.known()[finished].sha256 == hashlib.sha256(b"some").hexdigest()


def test_what_is_not_what_was_sent_is_named(tmp_path: Path) -> None:
    (tmp_path / "base").write_bytes(CHECKED)
    files = [{"Path": "base", "Size": 9, "Checksum-Algorithm": "CRC32C", "Checksum": "839206e3"}]
    (tmp_path / BACKUP_MANIFEST).write_text(json.dumps({"Files": files}))
    require_what_was_sent(tmp_path, HashCache())
    (tmp_path / "base").write_bytes(CHECKED[:-1] + b"8")
    with pytest.raises(CmctlError, match="/base is not what PostgreSQL sent"):
        require_what_was_sent(tmp_path, HashCache())
    (tmp_path / "base").unlink()
    with pytest.raises(CmctlError, match="/base: could not be read: No such file"):
        require_what_was_sent(tmp_path, HashCache())
