"""Whether the newest set has the size that the ones before let expect."""

from collections.abc import Sequence
from statistics import median

from controlplane.domain.backup.overview import SetView

EARLIER_SETS = 10
ENOUGH_SETS = 2
# What is smaller than this doubles easily, and harmlessly.
SMALLEST_BYTES = 16 * 1024 * 1024


def size_ratios(newest_first: Sequence[SetView]) -> dict[str, float]:
    """Size of a part of the newest set, in relation to the median of the earlier ones.

    PostgreSQL's is compared among full sets only: an incremental one grows with its distance from the full one.
    Without enough earlier ones, or when they are tiny, a part is left out.
    """
    usable = [item for item in newest_first if item.complete and item.verified != "bad"]
    full = [item for item in usable if item.kind == "full"]
    found = {"postgresql": _ratio(_sizes(full, "postgresql")), "vectors": _ratio(_sizes(usable, "vectors"))}
    return {part: ratio for part, ratio in found.items() if ratio is not None}


def _sizes(sets: Sequence[SetView], name: str) -> list[int]:
    return [part.size_bytes for item in sets for part in item.parts if part.name == name]


def _ratio(newest_first: Sequence[int]) -> float | None:
    earlier = newest_first[1 : 1 + EARLIER_SETS]
    if len(earlier) < ENOUGH_SETS or (usual := median(earlier)) < SMALLEST_BYTES:
        return None
    return newest_first[0] / usual
