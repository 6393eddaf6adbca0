"""The outbox between PostgreSQL and the vectors: nothing is lost, whatever fails in between."""

from uuid import uuid4

import pytest

from mcp_server.domain.memory import NewMemory
from mcp_server.errors import ModelMismatch, StoreUnavailable, VectorsUnavailable
from mcp_server.services.indexer import Indexer, IndexState
from mcp_server.services.memories import Memories
from tests.support.memory_fakes import NOON, FakeEmbedder, FakeStore, FakeVectors


class World:
    """Both sides, and an indexer that can be started again as after a crash."""

    def __init__(self) -> None:
        self.store = FakeStore()
        self.vectors = FakeVectors()
        self.restart()

    def restart(self, embedder: FakeEmbedder | None = None) -> None:
        self.indexer = Indexer(self.store, self.vectors, embedder or FakeEmbedder())
        self.memories = Memories(self.store, self.indexer, lambda: NOON)

    async def work(self) -> None:
        while await self.indexer.step():
            pass

    def assert_in_step(self) -> None:
        assert set(self.vectors.durable) == set(self.store.memories)
        assert self.store.outbox == {}


@pytest.fixture
async def world() -> World:
    created = World()
    await created.work()
    return created


async def test_a_stored_memory_can_be_found_by_meaning_at_once(world: World) -> None:
    stored = await world.memories.store([NewMemory("tea"), NewMemory("coffee")])
    assert stored.indexed
    assert set(world.vectors.points) == {outcome.id for outcome in stored.added}
    assert len(world.store.outbox) == 2, "the outbox is emptied only after the flush"
    await world.work()
    world.assert_in_step()


async def test_vectors_lost_before_the_flush_are_written_again(world: World) -> None:
    await world.memories.store([NewMemory("tea")])
    world.vectors.crash()
    world.restart()
    await world.work()
    world.assert_in_step()


async def test_qdrant_down_loses_nothing(world: World) -> None:
    world.vectors.is_down = True
    stored = await world.memories.store([NewMemory("tea")])
    assert not stored.indexed
    with pytest.raises(VectorsUnavailable):
        await world.indexer.step()
    world.vectors.is_down = False
    await world.work()
    world.assert_in_step()


async def test_a_deletion_while_qdrant_is_down_is_made_up_for(world: World) -> None:
    stored = await world.memories.store([NewMemory("tea")])
    await world.work()
    world.vectors.is_down = True
    await world.memories.delete([stored.added[0].id])
    with pytest.raises(VectorsUnavailable):
        await world.indexer.step()
    world.vectors.is_down = False
    await world.work()
    world.assert_in_step()
    assert world.vectors.durable == {}


async def test_a_memory_deleted_before_its_vector_settled_does_not_stay_behind(world: World) -> None:
    stored = await world.memories.store([NewMemory("tea")])
    await world.memories.delete([stored.added[0].id])
    await world.work()
    world.assert_in_step()


async def test_postgresql_down_stops_the_work_and_nothing_else(world: World) -> None:
    await world.memories.store([NewMemory("tea")])
    world.store.is_down = True
    with pytest.raises(StoreUnavailable):
        await world.indexer.step()
    assert world.indexer.state is IndexState.READY
    world.store.is_down = False
    await world.work()
    world.assert_in_step()


async def test_an_emptied_vector_store_is_filled_again(world: World) -> None:
    await world.memories.store([NewMemory("tea"), NewMemory("coffee")])
    await world.work()
    world.vectors.described, world.vectors.points, world.vectors.durable = None, {}, {}
    world.restart()
    await world.work()
    world.assert_in_step()


async def test_vectors_of_another_database_are_replaced(world: World) -> None:
    await world.memories.store([NewMemory("tea")])
    await world.work()
    other = World()
    await other.memories.store([NewMemory("wine")])
    await other.work()
    world.vectors = other.vectors
    world.restart()
    await world.work()
    world.assert_in_step()


async def test_vectors_older_than_the_database_are_completed(world: World) -> None:
    stored = await world.memories.store([NewMemory("tea"), NewMemory("coffee"), NewMemory("milk")])
    await world.work()
    for outcome in stored.added[:2]:
        del world.vectors.points[outcome.id]
    world.restart()
    await world.work()
    world.assert_in_step()


async def test_vectors_newer_than_the_database_are_cut_back(world: World) -> None:
    stored = await world.memories.store([NewMemory("tea"), NewMemory("coffee")])
    await world.work()
    del world.store.memories[stored.added[0].id]  # as after a restore of PostgreSQL alone
    world.restart()
    await world.work()
    assert set(world.vectors.points) == {stored.added[1].id}


async def test_a_crash_between_new_vectors_and_their_record_is_healed(world: World) -> None:
    await world.memories.store([NewMemory("tea")])
    await world.work()
    assert world.vectors.described is not None
    world.vectors.described = type(world.vectors.described)("fake", 2, uuid4())
    world.vectors.points, world.vectors.durable = {}, {}
    world.restart()
    await world.work()
    world.assert_in_step()


async def test_another_model_is_said_and_its_vectors_are_left_alone(world: World) -> None:
    await world.memories.store([NewMemory("tea")])
    await world.work()
    world.restart(FakeEmbedder("other"))
    before = dict(world.vectors.points)
    assert not await world.indexer.step()
    with pytest.raises(ModelMismatch, match="made by fake, the configured model is other"):
        world.indexer.require_ready()
    stored = await world.memories.store([NewMemory("coffee")])
    assert not stored.indexed
    assert world.vectors.points == before


async def test_a_rebuild_brings_the_new_model_in_and_tells_how_far_it_is(world: World) -> None:
    await world.memories.store([NewMemory(str(number)) for number in range(1200)])
    await world.work()
    world.restart(FakeEmbedder("other"))
    seen: list[tuple[int, int]] = []
    assert await world.indexer.rebuild(lambda done, total: seen.append((done, total))) == 1200
    assert seen == [(500, 1200), (1000, 1200), (1200, 1200)]
    assert world.indexer.state is IndexState.READY
    assert world.vectors.described is not None and world.vectors.described.model == "other"
    world.assert_in_step()


async def test_a_distant_model_is_not_waited_for(world: World) -> None:
    world.restart(FakeEmbedder(is_local=False))
    await world.work()
    stored = await world.memories.store([NewMemory("tea")])
    assert not stored.indexed
    await world.work()
    world.assert_in_step()


async def test_before_the_vectors_are_open_the_reason_is_given() -> None:
    world = World()
    world.vectors.is_down = True
    with pytest.raises(Exception, match="still being opened"):
        world.indexer.require_ready()
