"""One daemon a data directory."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from controlplane.errors import CmctlError, Refused


@contextmanager
def only_instance(path: Path) -> Iterator[None]:
    """Hold a lock file for the life of the daemon; the kernel frees it however the process ends.

    Raises Refused, naming the holder, when another daemon has it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = path.open("a+", encoding="ascii")
    except OSError as error:
        raise CmctlError(f"{path}: {error.strerror}", hint="choose another directory with --data-dir") from error
    with handle:
        try:
            fcntl.flock(handle.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            handle.seek(0)
            holder = handle.read(20).strip() or "unknown"
            raise Refused(
                f"a control plane already runs on {path.parent.parent} (process {holder})",
                hint="stop it first, or choose another directory with --data-dir",
            ) from error
        handle.truncate(0)
        handle.write(f"{os.getpid()}\n")
        handle.flush()
        yield
