"""Models, episodes and feedback in a real PostgreSQL."""

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from controlplane.adapters.store.anomalies import PostgresAnomalyStore
from controlplane.adapters.store.database import Database
from controlplane.domain.anomaly.ensemble import SeriesModel
from controlplane.domain.anomaly.episode import Episode, begin, end
from controlplane.domain.anomaly.feedback import Feedback
from controlplane.domain.anomaly.state import dump
from controlplane.domain.anomaly.verdict import Explanation, Kind
from controlplane.domain.anomaly.watch import SeriesKey
from controlplane.services.anomaly.ports import EpisodeFilter, SavedSeries, SavedWatch
from controlplane.services.ports import StoreRejected

NOW = datetime(2025, 7, 7, 12, tzinfo=UTC)
FACTS = Explanation(Kind.LEVEL, 9.0, 2.0, 1.0, 0.1, True, 0.9, 0)
KEY = SeriesKey("latency", (("instance", "a\"b'\\"), ("名", "值")))


def episode(seconds: float = 0.0, watch: str = "latency", key: SeriesKey = KEY) -> Episode:
    key = dataclasses.replace(key, watch=watch)
    return begin(key.id, watch, key.labels, NOW.timestamp() + seconds + 0.123, 0.999, FACTS)


def series(number: int = 0, is_anomalous: bool = False) -> SavedSeries:
    key = SeriesKey("latency", (*KEY.labels, ("number", str(number))))
    model = SeriesModel()
    for at in range(50):
        model.observe(float(at), at / 7 * number)
    return SavedSeries(key, dump(model), 1.5, 0.25, 1e300, 3, True, 2, 4.5, episode(key=key) if is_anomalous else None)


async def test_everything_comes_back_as_it_was(database: Database) -> None:
    store = PostgresAnomalyStore(database)
    saved = [
        SavedWatch("latency", "digest", 1_700_000_000_123, [series(0, is_anomalous=True), series(1)]),
        SavedWatch("nothing", "other", 1, []),
    ]
    await store.save(saved)
    loaded = await store.load()
    assert [(watch.name, watch.digest, watch.through_ms) for watch in loaded] == [
        ("latency", "digest", 1_700_000_000_123),
        ("nothing", "other", 1),
    ]
    assert sorted(loaded[0].series, key=lambda one: one.key.labels) == saved[0].series


async def test_a_series_that_is_forgotten_goes(database: Database) -> None:
    store = PostgresAnomalyStore(database)
    await store.save([SavedWatch("latency", "d", 1, [series(number) for number in range(5)])])
    await store.save([SavedWatch("latency", "d", 2, [series(3)])])
    (watch,) = await store.load()
    assert watch.through_ms == 2 and [one.key for one in watch.series] == [series(3).key]


async def test_what_cannot_be_saved_changes_nothing(database: Database) -> None:
    store = PostgresAnomalyStore(database)
    await store.save([SavedWatch("latency", "d", 1, [series(1)])])
    too_long = dataclasses.replace(series(2), state=b"x" * 9000)
    with pytest.raises(StoreRejected):
        await store.save([SavedWatch("latency", "d", 2, [series(1), too_long])])
    (watch,) = await store.load()
    assert watch.through_ms == 1 and len(watch.series) == 1


async def test_a_series_takes_less_than_four_kilobytes(database: Database) -> None:
    store = PostgresAnomalyStore(database)
    model = SeriesModel()
    for at in range(20_000):
        model.observe(at * 60.0, (at * 7919 % 10_007) / 7 + at * 31 % 17)
    await store.save(
        [SavedWatch("latency", "d", 1, [dataclasses.replace(series(0, is_anomalous=True), state=dump(model))])]
    )
    async with database.connection() as connection:
        cursor = await connection.execute("SELECT pg_column_size(anomaly_series.*) FROM anomaly_series")
        (row,) = await cursor.fetchall()
    assert row[0] < 4096


async def test_an_episode_is_kept_once_and_brought_up_to_date(database: Database) -> None:
    store = PostgresAnomalyStore(database)
    first, second = episode(), episode(60.0, watch="traffic")
    await store.save_episodes([first, second])
    ended = end(dataclasses.replace(first, out_samples=9), first.started_at + 30, "back to normal")
    await store.save_episodes([ended])
    assert await store.list_episodes(EpisodeFilter()) == [second, ended]
    assert await store.list_episodes(EpisodeFilter(is_open=True)) == [second]
    assert await store.list_episodes(EpisodeFilter(watch="latency")) == [ended]
    assert await store.list_episodes(EpisodeFilter(since=NOW + timedelta(seconds=40))) == [second]
    assert await store.list_episodes(EpisodeFilter(limit=1)) == [second]
    assert await store.episode(first.id) == ended
    assert await store.episode("nobody") is None
    assert await store.delete_before(NOW + timedelta(days=1)) == 1
    assert await store.list_episodes(EpisodeFilter()) == [second], "what lasts is never deleted"


async def test_one_verdict_stands_and_can_be_taken_back(database: Database) -> None:
    store = PostgresAnomalyStore(database)
    fine = Feedback("e", "s", "level", "fine", "ann", NOW, "deploy")
    real = dataclasses.replace(fine, verdict="real", given_by="bob", given_at=NOW + timedelta(minutes=1))
    await store.give_feedback(fine)
    await store.give_feedback(real)
    assert await store.feedback() == [real]
    assert await store.undo_feedback("e", "ann", NOW + timedelta(minutes=2))
    assert not await store.undo_feedback("e", "ann", NOW + timedelta(minutes=3))
    assert await store.feedback() == []
    async with database.connection() as connection:
        cursor = await connection.execute("SELECT verdict, undone_by FROM anomaly_feedback ORDER BY id")
        assert await cursor.fetchall() == [("fine", "bob"), ("real", "ann")], "what was said stays on record"
