"""Reciprocal rank fusion: one ranking out of several."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)

# The constant of Cormack, Clarke and Büttcher (2009): it keeps a single first place from deciding alone.
RANK_CONSTANT = 60


@dataclass(frozen=True, slots=True)
class Fused(Generic[Key]):
    """One key with its fused score and the names of the rankings that hold it."""

    key: Key
    score: float
    matched_by: tuple[str, ...]


def fuse(rankings: Mapping[str, Sequence[Key]]) -> list[Fused[Key]]:
    """Merge rankings, best first. A key gains 1 / (60 + place) from each ranking that holds it.

    Ties are broken by the better single place, then by the order of the rankings.
    """
    # One look-up a key and ranking: keys may be slow to hash.
    gathered: dict[Key, tuple[float, int, tuple[str, ...]]] = {}
    for name, ranking in rankings.items():
        for place, key in enumerate(ranking, start=1):
            gain = 1 / (RANK_CONSTANT + place)
            held = gathered.get(key)
            gathered[key] = (
                (gain, place, (name,)) if held is None else (held[0] + gain, min(place, held[1]), (*held[2], name))
            )
    ordered = sorted(gathered.items(), key=lambda item: (-item[1][0], item[1][1]))
    return [Fused(key, score, names) for key, (score, _, names) in ordered]
