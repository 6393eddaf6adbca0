"""/api/v1/anomalies: episodes, watched series, feedback."""

from datetime import UTC, datetime
from typing import Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from controlplane.daemon.context import DAEMON, Daemon
from controlplane.daemon.json import answer
from controlplane.daemon.query import MAX_LIMIT, limit_of, refuse_unknown, since_of
from controlplane.daemon.routing import PROBLEM, Parameter, Route, list_of, ref
from controlplane.domain.anomaly.episode import Episode
from controlplane.domain.anomaly.feedback import Feedback, Verdict, bars, family_of
from controlplane.domain.payload_text import PayloadProblem
from controlplane.errors import UsageProblem
from controlplane.services.anomaly.ports import EpisodeFilter
from controlplane.services.anomaly.present import episode_view, series_view, watch_view

DEFAULT_LIMIT = 100


class FeedbackBody(BaseModel):
    """What may be said of an episode."""

    model_config = ConfigDict(extra="forbid", strict=True)

    verdict: Verdict
    by: str = Field(min_length=1, max_length=100, pattern=r"^[^\x00]*$")
    note: str = Field("", max_length=1000, pattern=r"^[^\x00]*$")


async def list_anomalies(request: web.Request) -> web.Response:
    """Episodes, newest first."""
    refuse_unknown(request, frozenset({"state", "watch", "since", "limit"}))
    daemon = request.app[DAEMON]
    wanted = EpisodeFilter(
        is_open=_is_open(request.query.get("state")),
        watch=_watch(daemon, request.query.get("watch")),
        since=since_of(request, datetime.now(UTC)),
        limit=limit_of(request, DEFAULT_LIMIT),
    )
    return answer(views(daemon, await daemon.anomaly_store.list_episodes(wanted)))


async def show_anomaly(request: web.Request) -> web.Response:
    """One episode."""
    refuse_unknown(request, frozenset())
    daemon = request.app[DAEMON]
    return answer(views(daemon, [await find(daemon, request.match_info["id"])])[0])


async def list_series(request: web.Request) -> web.Response:
    """Every watched series as it is now."""
    refuse_unknown(request, frozenset())
    return answer(series_view(request.app[DAEMON].anomalies))


async def list_watches(request: web.Request) -> web.Response:
    """Every watch, also those without data."""
    refuse_unknown(request, frozenset())
    live = request.app[DAEMON].anomalies
    precision = live.precision
    return answer(
        {
            "prometheus_problem": live.prometheus_problem,
            "store_problem": live.store_problem,
            "alertmanager_problem": live.alerts.problem,
            "last_tick_at": live.last_tick_at,
            "judged_real": precision.real,
            "judged_fine": precision.fine,
            "precision": precision.ratio,
            "watches": [watch_view(run, bool(live.prometheus_problem)) for run in live.runs.values()],
        }
    )


async def give_feedback(request: web.Request) -> web.Response:
    """Say what an episode was; the answer shows the effect."""
    daemon = request.app[DAEMON]
    body = await _body(request)
    episode = await find(daemon, request.match_info["id"])
    await daemon.anomalies.give_feedback(
        Feedback(
            episode_id=episode.id,
            series_id=episode.series_id,
            family=family_of(episode.kind),
            verdict=body.verdict,
            given_by=body.by,
            given_at=datetime.now(UTC),
            note=body.note,
        )
    )
    return answer(views(daemon, [await find(daemon, episode.id)])[0])


async def undo_feedback(request: web.Request) -> web.Response:
    """Take the verdict on an episode back."""
    refuse_unknown(request, frozenset({"by"}))
    daemon = request.app[DAEMON]
    episode = await find(daemon, request.match_info["id"])
    by = request.query.get("by", "unknown").replace("\0", "")[:100]
    if not await daemon.anomalies.undo_feedback(episode.id, by):
        raise UsageProblem(f"nobody has judged episode {episode.id}", hint="see cmctl anomaly show")
    return answer(views(daemon, [episode])[0])


def views(daemon: Daemon, episodes: list[Episode]) -> list[dict[str, Any]]:
    """Episodes as the API shows them."""
    live = daemon.anomalies
    raised = bars(live.feedback, datetime.now(UTC))
    of_series: dict[str, dict[str, float]] = {}
    for (series_id, family), nats in raised.items():
        of_series.setdefault(series_id, {})[family] = nats
    return [
        episode_view(episode, live.watches, live.feedback, of_series.get(episode.series_id, {})) for episode in episodes
    ]


async def find(daemon: Daemon, episode_id: str) -> Episode:
    """The episode of that id. Raises UsageProblem when there is none, DependencyUnreachable."""
    episode = await daemon.anomaly_store.episode(episode_id.replace("\0", "")[:64])
    if episode is None:
        raise UsageProblem(f"there is no anomaly {episode_id[:64]!r}", hint="see cmctl anomaly list")
    return episode


def _is_open(state: str | None) -> bool:
    if state not in (None, "open", "all"):
        raise PayloadProblem("state", "must be open or all")
    return state == "open"


def _watch(daemon: Daemon, name: str | None) -> str | None:
    if name is not None and name not in daemon.anomalies.watches:
        raise PayloadProblem("watch", f"there is no watch {name[:63]!r}")
    return name


async def _body(request: web.Request) -> FeedbackBody:
    try:
        return FeedbackBody.model_validate_json(await request.read())
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "body"
        raise PayloadProblem(field, first["msg"]) from error


_ID = Parameter("id", "Id of the episode.", place="path")
_NOT_FOUND = {404: ("No such episode.", PROBLEM), 503: ("The database does not answer.", PROBLEM)}

ROUTES = [
    Route(
        "GET",
        "/api/v1/anomalies",
        list_anomalies,
        "List anomalies: episodes in which a watched series was unusual.",
        {
            200: ("Episodes, newest first.", list_of(ref("Anomaly"))),
            400: ("A parameter is wrong.", PROBLEM),
            503: ("The database does not answer.", PROBLEM),
        },
        [
            Parameter("state", "Only those that last.", {"type": "string", "enum": ["open", "all"]}),
            Parameter("watch", "Only those of this watch."),
            Parameter("since", "Only those that lasted at or after a time with a zone, or a duration ago such as 2d."),
            Parameter("limit", "At most this many.", {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT}),
        ],
    ),
    Route(
        "GET",
        "/api/v1/anomalies/series",
        list_series,
        "List the watched series as they are now.",
        {200: ("Series, the strangest first.", list_of(ref("AnomalySeries")))},
    ),
    Route(
        "GET",
        "/api/v1/anomalies/watches",
        list_watches,
        "List what is watched, and how well that works.",
        {200: ("Watches.", ref("AnomalyWatches"))},
    ),
    Route(
        "GET",
        "/api/v1/anomalies/{id}",
        show_anomaly,
        "Show an anomaly.",
        {200: ("The episode.", ref("Anomaly")), **_NOT_FOUND},
        [_ID],
    ),
    Route(
        "POST",
        "/api/v1/anomalies/{id}/feedback",
        give_feedback,
        "Say whether an anomaly was fine or real.",
        {200: ("The episode.", ref("Anomaly")), 400: ("A field is wrong.", PROBLEM), **_NOT_FOUND},
        [_ID],
        body=ref("AnomalyFeedback"),
        needs_token=True,
    ),
    Route(
        "POST",
        "/api/v1/anomalies/{id}/feedback/undo",
        undo_feedback,
        "Take the verdict on an anomaly back.",
        {200: ("The episode.", ref("Anomaly")), **_NOT_FOUND},
        [_ID, Parameter("by", "Who takes it back.")],
        needs_token=True,
    ),
]
