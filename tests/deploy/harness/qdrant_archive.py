"""A release archive as Qdrant's with a STAND-IN for the server in it: test machines do not reach the releases."""

import hashlib
import io
import tarfile
from pathlib import Path

from tests.deploy.harness.playbooks import CHECKOUT

PROGRAM = CHECKOUT / "tests/support/qdrant_operations.py"


def make_archive(path: Path) -> str:
    """Write the archive; its checksum as the role wants it."""
    content = b"#!/usr/bin/python3\n" + PROGRAM.read_bytes()
    entry = tarfile.TarInfo("qdrant")
    entry.size, entry.mode = len(content), 0o755
    with tarfile.open(path, "w:gz") as archive:
        archive.addfile(entry, io.BytesIO(content))
    return "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()
