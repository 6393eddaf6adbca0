"""Recall on the labelled bilingual set of tests/data/memories.json."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent.parent / "data" / "memories.json"
DEPTH = 5
MODES = ("keyword", "meaning", "hybrid")


@dataclass(frozen=True)
class Query:
    """A query with the keys of the memories that answer it."""

    text: str
    language: str
    kind: str
    relevant: frozenset[str]


def load() -> tuple[dict[str, str], list[Query]]:
    """Contents by key, and the queries."""
    data: dict[str, Any] = json.loads(DATA.read_text(encoding="utf-8"))
    contents = {memory["key"]: memory["content"] for memory in data["memories"]}
    queries = [
        Query(entry["query"], entry["language"], entry["kind"], frozenset(entry["relevant"]))
        for entry in data["queries"]
    ]
    return contents, queries


def recall(found: Sequence[str], relevant: frozenset[str]) -> float:
    """Share of the relevant keys among the first five found."""
    return len(relevant.intersection(found[:DEPTH])) / len(relevant)


def table(scores: dict[str, dict[Query, float]]) -> str:
    """Mean recall@5 by mode, for all queries and by sort of query, as a Markdown table."""
    groups: dict[str, Callable[[Query], bool]] = {
        "all": lambda query: True,
        "English, same words": lambda query: (query.language, query.kind) == ("en", "words"),
        "English, other words": lambda query: (query.language, query.kind) == ("en", "paraphrase"),
        "Chinese, same words": lambda query: (query.language, query.kind) == ("zh", "words"),
        "Chinese, other words": lambda query: (query.language, query.kind) == ("zh", "paraphrase"),
        "mixed languages": lambda query: query.kind == "across",
    }
    lines = ["| queries | number | keyword | meaning | hybrid |", "|---|---|---|---|---|"]
    for name, belongs in groups.items():
        chosen = [query for query in scores["keyword"] if belongs(query)]
        cells = [f"{mean([scores[mode][query] for query in chosen]):.2f}" for mode in MODES]
        lines.append(f"| {name} | {len(chosen)} | {' | '.join(cells)} |")
    return "\n".join(lines)


def mean(values: Sequence[float]) -> float:
    """Arithmetic mean of at least one value."""
    return sum(values) / len(values)
