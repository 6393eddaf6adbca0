"""Standing back behind what the machine is there for."""

import contextlib
import os
from pathlib import Path

import psutil

_LOWEST_OF_ITS_CLASS = 7


def stand_back(process: psutil.Process, niceness: int) -> None:
    """Give a process less of processor and disk while others want them, as far as this user may do that.

    Where sessions are weighed against each other (sched(7), "The autogroup feature"), niceness counts only within one:
    a process that leads a session makes the whole session stand back.
    """
    with contextlib.suppress(psutil.Error, OSError):
        process.nice(max(process.nice(), niceness))
        process.ionice(psutil.IOPRIO_CLASS_BE, _LOWEST_OF_ITS_CLASS)
        if os.getsid(process.pid) == process.pid:
            Path(f"/proc/{process.pid}/autogroup").write_text(str(niceness), encoding="ascii")
