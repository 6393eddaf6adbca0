"""How much each term of a query counts: rare terms more, common ones less."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from mcp_server.domain.terms import is_single_character

SINGLE_CHARACTER_FACTOR = 0.3
COMMON_SHARE = 0.1
# With fewer memories than this every term is worth a look.
COMMON_DOCUMENTS = 1_000


@dataclass(frozen=True, slots=True)
class TermStatistics:
    """In how many of ``documents`` sampled memories the commoner terms stand."""

    documents: int = 0
    frequencies: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WeightedTerms:
    """A keyword query: ``terms`` with a weight each; a hit needs at least one of ``required``."""

    terms: tuple[str, ...]
    weights: tuple[float, ...]
    required: tuple[str, ...]

    def with_all_required(self) -> "WeightedTerms":
        """The same query, where any term makes a hit."""
        return replace(self, required=self.terms)


def weigh(terms: Sequence[str], statistics: TermStatistics) -> WeightedTerms:
    """Inverse document frequency as in BM25.

    Common terms and single characters add to the score but do not make a hit, unless there is nothing else.
    """
    weights = tuple(_weight(term, statistics) for term in terms)
    telling = tuple(term for term in terms if not _is_common(term, statistics))
    return WeightedTerms(tuple(terms), weights, telling or tuple(terms))


def _weight(term: str, statistics: TermStatistics) -> float:
    count = statistics.frequencies.get(term, 0)
    weight = math.log(1 + (statistics.documents - count + 0.5) / (count + 0.5))
    return max(weight, 0.1) * (SINGLE_CHARACTER_FACTOR if is_single_character(term) else 1.0)


def _is_common(term: str, statistics: TermStatistics) -> bool:
    if is_single_character(term):
        return True
    count = statistics.frequencies.get(term, 0)
    return statistics.documents >= COMMON_DOCUMENTS and count > COMMON_SHARE * statistics.documents
