"""One contract for both vector stores: Qdrant Edge in process, and a Qdrant server."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from mcp_server.adapters.vectors.edge import EdgeVectors
from mcp_server.adapters.vectors.server import QdrantServerVectors
from mcp_server.config import Vectors
from mcp_server.domain.memory import Collection, Filter, Point
from mcp_server.errors import ShardInUse, VectorsUnavailable
from mcp_server.services.ports import VectorStore

NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)
COLLECTION = Collection("model-a", 4, UUID(int=7))


@pytest.fixture(params=["edge", "server"])
async def vectors(request: pytest.FixtureRequest, tmp_path: Path, collection_name: str) -> AsyncIterator[VectorStore]:
    store: VectorStore
    if request.param == "edge":
        store = EdgeVectors(tmp_path / "qdrant")
    else:
        url = request.getfixturevalue("qdrant_url")
        store = QdrantServerVectors(Vectors(kind="server", url=url, collection=collection_name, timeout_seconds=10))
    assert await store.collection() is None
    await store.recreate(COLLECTION)
    yield store
    await store.close()


def point(vector: list[float], session: str = "s", kind: str = "note", moment: datetime = NOON) -> Point:
    return Point(uuid4(), vector, session, kind, moment)


async def all_ids(store: VectorStore) -> set[UUID]:
    return {id async for page in store.ids() for id in page}


async def test_a_new_collection_is_empty_and_knows_who_made_it(vectors: VectorStore) -> None:
    assert await vectors.collection() == COLLECTION
    assert await vectors.count() == 0
    assert await all_ids(vectors) == set()
    assert await vectors.search([1, 0, 0, 0], Filter(), 5) == []


async def test_search_orders_by_cosine(vectors: VectorStore) -> None:
    near, middle, far = point([1, 0.1, 0, 0]), point([1, 1, 0, 0]), point([0, 0, 1, 0])
    await vectors.upsert([far, near, middle])
    assert await vectors.search([5, 0, 0, 0], Filter(), 2) == [near.id, middle.id]


async def test_writing_a_point_again_replaces_it(vectors: VectorStore) -> None:
    first = point([1, 0, 0, 0])
    await vectors.upsert([first])
    await vectors.upsert([Point(first.id, [0, 1, 0, 0], "other", "note", NOON)])
    assert await vectors.count() == 1
    assert await vectors.search([0, 1, 0, 0], Filter(session="other"), 5) == [first.id]
    assert await vectors.search([0, 1, 0, 0], Filter(session="s"), 5) == []


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [
        pytest.param(Filter(session="a"), {0, 1}, id="session"),
        pytest.param(Filter(kind="fact"), {1, 3}, id="kind"),
        pytest.param(Filter(session="a", kind="fact"), {1}, id="session and kind"),
        pytest.param(Filter(since=NOON + timedelta(hours=1)), {1, 2, 3}, id="since is inclusive"),
        pytest.param(Filter(until=NOON + timedelta(hours=1)), {0}, id="until is exclusive"),
        pytest.param(Filter(since=NOON + timedelta(hours=1), until=NOON + timedelta(hours=3)), {1, 2}, id="period"),
        pytest.param(Filter(session="nobody"), set(), id="no match"),
    ],
)
async def test_filters(vectors: VectorStore, chosen: Filter, expected: set[int]) -> None:
    points = [
        point([1, 0, 0, 0], session, kind, NOON + timedelta(hours=index))
        for index, (session, kind) in enumerate([("a", "note"), ("a", "fact"), ("b", "note"), ("b", "fact")])
    ]
    await vectors.upsert(points)
    found = await vectors.search([1, 0, 0, 0], chosen, 10)
    assert set(found) == {points[index].id for index in expected}


async def test_delete_ignores_unknown_ids(vectors: VectorStore) -> None:
    kept, gone = point([1, 0, 0, 0]), point([1, 0, 0, 0])
    await vectors.upsert([kept, gone])
    await vectors.delete([gone.id, uuid4()])
    await vectors.flush()
    assert await all_ids(vectors) == {kept.id}


async def test_ids_go_beyond_one_page(vectors: VectorStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mcp_server.adapters.vectors.edge.PAGE", 2)
    monkeypatch.setattr("mcp_server.adapters.vectors.server.PAGE", 2)
    points = [point([1, 0, 0, 0]) for _ in range(5)]
    await vectors.upsert(points)
    assert await all_ids(vectors) == {each.id for each in points}


async def test_recreate_drops_everything(vectors: VectorStore) -> None:
    await vectors.upsert([point([1, 0, 0, 0])])
    other = Collection("model-b", 3, uuid4())
    await vectors.recreate(other)
    assert await vectors.collection() == other
    assert await vectors.count() == 0
    await vectors.upsert([point([1, 0, 0])])
    assert await vectors.count() == 1


async def test_a_vector_of_another_length_is_refused(vectors: VectorStore) -> None:
    with pytest.raises(VectorsUnavailable):
        await vectors.search([1, 0], Filter(), 5)


async def test_a_text_without_any_token_can_be_kept(vectors: VectorStore) -> None:
    await vectors.upsert([point([0, 0, 0, 0])])
    assert await vectors.count() == 1


async def test_edge_keeps_what_was_flushed(tmp_path: Path) -> None:
    first = EdgeVectors(tmp_path / "qdrant")
    await first.recreate(COLLECTION)
    kept = point([1, 0, 0, 0])
    await first.upsert([kept])
    await first.close()
    second = EdgeVectors(tmp_path / "qdrant")
    assert await second.collection() == COLLECTION
    assert await second.search([1, 0, 0, 0], Filter(), 5) == [kept.id]
    await second.close()


async def test_edge_shard_has_one_owner(tmp_path: Path) -> None:
    owner, other = EdgeVectors(tmp_path / "qdrant"), EdgeVectors(tmp_path / "qdrant")
    await owner.recreate(COLLECTION)
    with pytest.raises(ShardInUse, match="another process"):
        await other.collection()
    await owner.close()
    assert await other.collection() == COLLECTION
    await other.close()


async def test_a_half_made_edge_shard_counts_as_empty(tmp_path: Path) -> None:
    store = EdgeVectors(tmp_path / "qdrant")
    await store.recreate(COLLECTION)
    await store.close()
    (tmp_path / "qdrant" / "collection.json").unlink()
    again = EdgeVectors(tmp_path / "qdrant")
    assert await again.collection() is None
    await again.recreate(COLLECTION)
    assert await again.count() == 0
    await again.close()


async def test_a_damaged_edge_shard_is_a_typed_error(tmp_path: Path) -> None:
    store = EdgeVectors(tmp_path / "qdrant")
    await store.recreate(COLLECTION)
    await store.close()
    (tmp_path / "qdrant" / "shard" / "edge_config.json").write_text("{", encoding="utf-8")
    with pytest.raises(VectorsUnavailable, match="qdrant"):
        await EdgeVectors(tmp_path / "qdrant").collection()


async def test_a_server_that_is_away_is_a_typed_error() -> None:
    store = QdrantServerVectors(Vectors(kind="server", url="http://127.0.0.1:9", timeout_seconds=1))
    with pytest.raises(VectorsUnavailable, match=r"127\.0\.0\.1:9"):
        await store.count()
    await store.close()
