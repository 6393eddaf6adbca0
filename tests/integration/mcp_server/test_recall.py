"""Recall@5 of the three modes on the project's own bilingual set, through the running server."""

import sys

import pytest
from mcp.client import Client

from tests.support.memory_server import MemoryServer
from tests.support.recall import MODES, Query, load, mean, recall, table

# What the default model reaches, less a small margin; docs/memory-server.md has the figures.
FLOORS = {"keyword": 0.70, "meaning": 0.85, "hybrid": 0.90}
MARGIN = 0.01


async def test_fused_search_finds_at_least_what_each_ranking_finds(
    shared_server: MemoryServer, capsys: pytest.CaptureFixture[str]
) -> None:
    contents, queries = load()
    assert len(contents) >= 60 and len(queries) >= 40
    keys = {content: key for key, content in contents.items()}
    await shared_server.ok("store_batch", memories=[{"content": content} for content in contents.values()])
    scores: dict[str, dict[Query, float]] = {mode: {} for mode in MODES}
    async with Client(shared_server.mcp_url) as client:
        for mode in MODES:
            for query in queries:
                answer = await client.call_tool("search", {"query": query.text, "mode": mode, "limit": 5})
                results = dict(answer.structured_content or {})["results"]
                scores[mode][query] = recall([keys[result["content"]] for result in results], query.relevant)
    means = {mode: mean(list(scores[mode].values())) for mode in MODES}
    with capsys.disabled():
        sys.stdout.write(f"\nrecall@5 of the memory search\n{table(scores)}\n")
    assert all(means[mode] >= floor for mode, floor in FLOORS.items()), means
    assert means["hybrid"] >= max(means["keyword"], means["meaning"]) - MARGIN
