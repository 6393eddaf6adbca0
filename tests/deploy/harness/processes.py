"""What the process list shows while something runs: this machine's, in which those of its hosts are, too."""

import contextlib
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

_PAUSE_SECONDS = 0.05


@contextlib.contextmanager
def words_in_process_list(words: Sequence[str]) -> Iterator[set[str]]:
    """Look at every command line again and again; the words that one of them held are in the set at the end."""
    found: set[str] = set()
    is_over = threading.Event()

    def look() -> None:
        while not is_over.wait(_PAUSE_SECONDS):
            for path in Path("/proc").glob("[0-9]*/cmdline"):
                with contextlib.suppress(OSError):
                    command = path.read_bytes().decode(errors="replace")
                    found.update(word for word in words if word in command)

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield found
    finally:
        is_over.set()
        watcher.join()
