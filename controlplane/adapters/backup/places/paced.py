"""A place that is written to no faster than a rate, on average; at once goes at most one volume."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from controlplane.services.backup.copy_ports import Place


@dataclass(frozen=True)
class PacedPlace:
    """``place`` with at most ``bytes_per_second``."""

    place: Place
    bytes_per_second: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep

    @property
    def name(self) -> str:
        """What the configuration calls it."""
        return self.place.name

    def sizes(self, prefix: str) -> Mapping[str, int]:
        """As the place has it."""
        return self.place.sizes(prefix)

    def write(self, name: str, content: bytes) -> None:
        """Write, and wait as long as it should have taken."""
        began = self.clock()
        self.place.write(name, content)
        self.sleep(max(0.0, began + len(content) / self.bytes_per_second - self.clock()))

    def read(self, name: str) -> bytes:
        """As the place has it."""
        return self.place.read(name)

    def delete(self, names: Sequence[str]) -> None:
        """As the place does it."""
        self.place.delete(names)
