"""Live anomaly detection in PostgreSQL: models, episodes, feedback."""

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from psycopg.rows import class_row, dict_row

from controlplane.adapters.store.database import Database
from controlplane.adapters.store.queries import query
from controlplane.domain.anomaly.episode import Episode
from controlplane.domain.anomaly.feedback import Feedback
from controlplane.domain.anomaly.verdict import Kind
from controlplane.domain.anomaly.watch import SeriesKey
from controlplane.services.anomaly.ports import EpisodeFilter, SavedSeries, SavedWatch

SAVE_SECONDS = 120.0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_COLUMNS = frozenset({"id", "series_id", "watch", "labels"})
_KEY_AND_STATE = frozenset({"key", "state", "episode"})


class PostgresAnomalyStore:
    """Implements AnomalyStore."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self) -> list[SavedWatch]:
        """Everything that was saved."""
        async with self._database.transaction(SAVE_SECONDS) as connection:
            await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            cursor = connection.cursor(row_factory=dict_row)
            watches = await (await cursor.execute(query("load_anomaly_watches"))).fetchall()
            rows = await (await cursor.execute(query("load_anomaly_series"))).fetchall()
        series: dict[str, list[SavedSeries]] = {row["name"]: [] for row in watches}
        for row in rows:
            series[row["watch"]].append(_saved_series(row))
        return [
            SavedWatch(row["name"], row["digest"], _milliseconds(row["through"]), series[row["name"]])
            for row in watches
        ]

    async def save(self, watches: Sequence[SavedWatch]) -> None:
        """Replace what is saved of these watches, all of it or nothing."""
        async with self._database.transaction(SAVE_SECONDS) as connection:
            cursor = connection.cursor()
            for watch in watches:
                through = _EPOCH + timedelta(milliseconds=watch.through_ms)
                ids = [series.key.id for series in watch.series]
                values = {"name": watch.name, "digest": watch.digest, "through": through}
                await cursor.execute(query("save_anomaly_watch"), values)
                await cursor.execute(query("forget_anomaly_series"), {"name": watch.name, "ids": ids})
                await cursor.executemany(query("save_anomaly_series"), [_series_row(one) for one in watch.series])

    async def save_episodes(self, episodes: Sequence[Episode]) -> None:
        """Add episodes, or bring them up to date."""
        async with self._database.transaction(SAVE_SECONDS) as connection:
            await connection.cursor().executemany(
                query("save_anomaly_episode"), [_episode_row(one) for one in episodes]
            )

    async def list_episodes(self, wanted: EpisodeFilter) -> list[Episode]:
        """The wanted episodes, newest first."""
        return await self._episodes("list_anomaly_episodes", dataclasses.asdict(wanted))

    async def episode(self, episode_id: str) -> Episode | None:
        """One episode, None when there is none of that id."""
        found = await self._episodes("show_anomaly_episode", {"id": episode_id})
        return found[0] if found else None

    async def feedback(self) -> list[Feedback]:
        """The verdicts that stand, oldest first."""
        async with self._database.connection() as connection:
            cursor = connection.cursor(row_factory=class_row(Feedback))
            await cursor.execute(query("standing_anomaly_feedback"))
            return await cursor.fetchall()

    async def give_feedback(self, feedback: Feedback) -> None:
        """Record a verdict; it replaces the one that stood on the episode."""
        undone = {"episode_id": feedback.episode_id, "undone_by": feedback.given_by, "at": feedback.given_at}
        async with self._database.transaction() as connection:
            await connection.execute(query("undo_anomaly_feedback"), undone)
            await connection.execute(query("give_anomaly_feedback"), dataclasses.asdict(feedback))

    async def undo_feedback(self, episode_id: str, undone_by: str, at: datetime) -> bool:
        """Take the standing verdict back; False when none stood."""
        values = {"episode_id": episode_id, "undone_by": undone_by, "at": at}
        async with self._database.connection() as connection:
            return (await connection.execute(query("undo_anomaly_feedback"), values)).rowcount > 0

    async def delete_before(self, moment: datetime) -> int:
        """Delete episodes that ended before a moment; returns how many."""
        async with self._database.connection() as connection:
            return (await connection.execute(query("delete_anomaly_episodes"), {"before": moment})).rowcount

    async def _episodes(self, name: str, parameters: Mapping[str, Any]) -> list[Episode]:
        async with self._database.connection() as connection:
            cursor = connection.cursor(row_factory=dict_row)
            await cursor.execute(query(name), parameters)
            return [_episode(row) for row in await cursor.fetchall()]


def _series_row(series: SavedSeries) -> dict[str, Any]:
    plain = {
        field.name: getattr(series, field.name)
        for field in dataclasses.fields(series)
        if field.name not in _KEY_AND_STATE
    }
    episode = series.episode
    track = {**plain, "episode": None if episode is None else {**_facts(episode), "id": episode.id}}
    return {
        "id": series.key.id,
        "watch": series.key.watch,
        "labels": _json(series.key.labels),
        "state": series.state,
        "track": _json(track),
    }


def _saved_series(row: Mapping[str, Any]) -> SavedSeries:
    key = SeriesKey(row["watch"], _labels(row["labels"]))
    track = dict(row["track"])
    kept = track.pop("episode")
    episode = kept and _restored({**kept, "series_id": key.id, "watch": key.watch, "labels": key.labels})
    return SavedSeries(key=key, state=bytes(row["state"]), episode=episode, **_floats(SavedSeries, track))


def _episode_row(episode: Episode) -> dict[str, Any]:
    return {
        "id": episode.id,
        "series_id": episode.series_id,
        "watch": episode.watch,
        "labels": _json(episode.labels),
        "started_at": episode.started,
        "ended_at": episode.ended,
        "facts": _json(_facts(episode)),
    }


def _facts(episode: Episode) -> dict[str, Any]:
    values = {field.name: getattr(episode, field.name) for field in dataclasses.fields(episode)}
    return {name: value for name, value in values.items() if name not in _COLUMNS}


def _episode(row: Mapping[str, Any]) -> Episode:
    columns = {name: row[name] for name in ("id", "series_id", "watch")}
    return _restored({**row["facts"], **columns, "labels": _labels(row["labels"])})


def _restored(values: Mapping[str, Any]) -> Episode:
    return Episode(**{**_floats(Episode, values), "kind": Kind(values["kind"])})


def _floats(kind: type[Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """The values with floats where the type wants them: JSON writes large ones as whole numbers."""
    wanted = {field.name for field in dataclasses.fields(kind) if field.type in (float, float | None)}
    return {name: float(value) if name in wanted and value is not None else value for name, value in values.items()}


def _labels(pairs: Sequence[Sequence[str]]) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in pairs)


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
