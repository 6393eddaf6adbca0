"""Fallbacks of the search."""

import pytest

from mcp_server.domain.memory import Filter, NewMemory
from mcp_server.errors import ModelMismatch, StoreUnavailable, VectorsUnavailable
from mcp_server.services.indexer import Indexer
from mcp_server.services.search import Mode, Search
from tests.support.memory_fakes import NOON, FakeEmbedder, FakeStore, FakeVectors


class World:
    def __init__(self) -> None:
        self.store, self.vectors = FakeStore(), FakeVectors()

    def search(self, embedder: FakeEmbedder | None = None) -> tuple[Search, Indexer]:
        model = embedder or FakeEmbedder()
        indexer = Indexer(self.store, self.vectors, model)
        return Search(self.store, self.vectors, model, indexer), indexer


@pytest.fixture
async def world() -> World:
    created = World()
    await created.store.add([NewMemory("green tea"), NewMemory("black coffee")], NOON)
    _, indexer = created.search()
    while await indexer.step():
        pass
    return created


async def test_hybrid_tells_which_ranking_found_a_memory(world: World) -> None:
    search, indexer = world.search()
    await indexer.step()
    found = await search.search("tea", Mode.HYBRID, Filter(), 10)
    assert [(hit.memory.content, hit.matched_by) for hit in found.hits] == [
        ("green tea", ("keyword", "meaning")),
        ("black coffee", ("meaning",)),
    ]
    assert found.notes == []


async def test_hybrid_falls_back_to_keyword_and_says_so(world: World) -> None:
    search, indexer = world.search()
    await indexer.step()
    world.vectors.is_down = True
    found = await search.search("tea", Mode.HYBRID, Filter(), 10)
    assert [hit.memory.content for hit in found.hits] == ["green tea"]
    assert found.notes == ["keyword results only: Qdrant is down"]


async def test_meaning_alone_does_not_pretend(world: World) -> None:
    search, indexer = world.search()
    await indexer.step()
    world.vectors.is_down = True
    with pytest.raises(VectorsUnavailable):
        await search.search("tea", Mode.MEANING, Filter(), 10)


async def test_another_model_gives_words_and_a_hint_never_nonsense(world: World) -> None:
    search, indexer = world.search(FakeEmbedder("other"))
    await indexer.step()
    found = await search.search("tea", Mode.HYBRID, Filter(), 10)
    assert [hit.memory.content for hit in found.hits] == ["green tea"]
    assert "reindex" in found.notes[0]
    with pytest.raises(ModelMismatch):
        await search.search("tea", Mode.MEANING, Filter(), 10)


async def test_without_postgresql_there_is_no_answer(world: World) -> None:
    search, indexer = world.search()
    await indexer.step()
    world.store.is_down = True
    for mode in Mode:
        with pytest.raises(StoreUnavailable):
            await search.search("tea", mode, Filter(), 10)


async def test_memories_deleted_meanwhile_make_room_for_the_next(world: World) -> None:
    search, indexer = world.search()
    await indexer.step()
    first = next(iter(world.vectors.points))
    del world.store.memories[first]
    found = await search.search("drink", Mode.MEANING, Filter(), 1)
    assert [hit.memory.content for hit in found.hits] == ["black coffee"]


async def test_a_query_of_stop_words_finds_nothing_by_keyword(world: World) -> None:
    search, _ = world.search()
    assert (await search.search("what is the", Mode.KEYWORD, Filter(), 5)).hits == []
