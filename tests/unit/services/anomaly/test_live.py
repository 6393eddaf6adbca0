"""Live detection in a world of stand-ins: nothing is lost, nothing is learnt that must not be, one alert a cause."""

import dataclasses
import random
from datetime import timedelta

import pytest

from controlplane.domain.anomaly.feedback import Feedback
from controlplane.domain.anomaly.state import dump
from controlplane.domain.slo.selector import Matcher
from controlplane.errors import CmctlError, DependencyUnreachable
from controlplane.services.anomaly.ports import QueryRefused, QuietPeriod
from controlplane.services.anomaly.present import series_view, watch_view
from tests.unit.services.anomaly.fakes import World, watch

HISTORY = 2000


def noise(step: int, instance: str) -> float:
    """The same number for the same step, whoever asks."""
    return 10.0 + random.Random(f"{instance}/{step}").gauss(0, 1)


def shifted(first: int, last: int, by: float = 15.0):  # type: ignore[no-untyped-def]
    """Noise that is higher from one step to another."""
    return lambda step, instance: noise(step, instance) + (by if first <= step < last else 0.0)


def states(world: World) -> dict[str, int]:
    found: dict[str, int] = {}
    for row in series_view(world.live):
        found[row["state"]] = found.get(row["state"], 0) + 1
    return found


async def test_a_shift_opens_one_episode_alerts_once_and_ends() -> None:
    world = World(shifted(HISTORY + 20, HISTORY + 60))
    await world.run_to(HISTORY + 19)
    assert not world.store.episodes and not world.gate.posts
    await world.run_to(HISTORY + 40)
    (episode,) = world.store.episodes.values()
    assert episode.is_open and abs(episode.started_at - (world.now.timestamp() - 20 * 60)) <= 5 * 60
    (alert,) = world.gate.firing(world.now)
    assert alert["labels"]["alertname"] == "ClaudeMemoryAnomaly"
    assert alert["labels"]["severity"] == "warning" and alert["labels"]["instance"] == "a"
    assert episode.id in alert["annotations"]["feedback"]
    assert alert["annotations"]["anomaly_url"] == f"http://control/anomalies/{episode.id}"
    assert "Latency" in alert["annotations"]["summary"] and "延迟" in alert["annotations"]["summary_zh"]
    await world.run_to(HISTORY + 80)
    (episode,) = world.store.episodes.values()
    assert episode.end_reason == "back to normal"
    assert not world.gate.firing(world.now)
    assert not world.live.alerts.firing


async def test_a_lasting_alert_is_sent_again_and_grows_serious() -> None:
    world = World(shifted(HISTORY + 5, HISTORY + 500, by=60.0))
    await world.run_to(HISTORY + 60)
    severities = [alert["labels"]["severity"] for post in world.gate.posts for alert in post]
    assert severities.count("warning") > 10 and severities[-1] == "error"
    (alert,) = world.gate.firing(world.now)
    assert alert["labels"]["priority"] == "P1"


async def test_a_late_tick_does_not_end_an_alert_that_lasts() -> None:
    world = World(shifted(HISTORY + 5, HISTORY + 500))
    await world.run_to(HISTORY + 20)
    assert world.gate.firing(world.now + timedelta(minutes=4, seconds=50))
    assert not world.gate.firing(world.now + timedelta(minutes=6)), "a dead daemon leaves nothing behind"


async def test_warming_up_is_shown_and_never_alerts() -> None:
    world = World(shifted(400, 420, by=500.0), history_steps=1)
    world.step = 0
    await world.run_to(500)
    assert states(world) == {"warming_up": 1}
    assert series_view(world.live)[0]["samples_to_learn"] == 600 - 500
    assert not world.store.episodes and not world.gate.posts


async def test_what_the_past_had_is_learnt_and_not_told() -> None:
    world = World(shifted(1500, 1530))
    await world.live.tick()
    assert states(world) == {"ok": 1}
    assert not world.store.episodes and not world.gate.posts


async def test_a_crash_loses_no_learning_and_finds_the_same_episodes() -> None:
    crashed = World(shifted(HISTORY + 130, HISTORY + 170), save_interval_seconds=100 * 60.0)
    steady = World(shifted(HISTORY + 130, HISTORY + 170), save_interval_seconds=100 * 60.0)
    for world in (crashed, steady):
        await world.run_to(HISTORY + 150)
    assert crashed.store.saves == steady.store.saves == 2
    crashed.start()  # a crash: what was not saved is gone
    for world in (crashed, steady):
        await world.run_to(HISTORY + 250)
    assert crashed.store.episodes == steady.store.episodes and len(steady.store.episodes) == 1
    models = [dump(next(iter(world.live.runs["latency"].tracks.values())).model) for world in (crashed, steady)]
    assert models[0] == models[1]


async def test_a_gap_of_the_daemon_is_read_later_as_if_there_had_been_none() -> None:
    away, steady = World(noise), World(noise)
    await away.run_to(HISTORY + 10)
    await away.run_to(HISTORY + 310, by=300)
    await steady.run_to(HISTORY + 310)
    models = [dump(next(iter(world.live.runs["latency"].tracks.values())).model) for world in (away, steady)]
    assert models[0] == models[1]


async def test_prometheus_gone_is_a_state_of_its_own_and_no_anomaly() -> None:
    world = World(noise, instances=[str(number) for number in range(5)])
    await world.run_to(HISTORY + 10)
    world.prometheus.is_away = True
    world.step += 1
    assert "does not answer" in await world.live.tick()
    assert states(world) == {"prometheus_gone": 5}
    world.prometheus.is_away = False
    world.prometheus.gaps.append((HISTORY + 11, HISTORY + 200))
    await world.run_to(HISTORY + 300)
    assert states(world) == {"ok": 5}
    assert not world.store.episodes


async def test_a_series_that_alone_goes_missing_is_noticed_when_it_is_back() -> None:
    def value(step: int, instance: str) -> float | None:
        return None if instance == "a" and HISTORY + 10 <= step < HISTORY + 40 else noise(step, instance)

    world = World(value, instances=("a", "b"))
    await world.run_to(HISTORY + 30)
    assert states(world) == {"gone": 1, "ok": 1}
    await world.run_to(HISTORY + 60)
    assert {(episode.labels[0][1], episode.kind.name) for episode in world.store.episodes.values()} == {
        ("a", "MISSING")
    }


@pytest.mark.parametrize("wait", [3, 40, 120])
async def test_a_gap_or_a_glitch_does_not_hide_the_fault_that_follows(wait: int) -> None:
    fault = HISTORY + 40 + wait

    def value(step: int, instance: str) -> float | None:
        if HISTORY + 10 <= step < HISTORY + 40:
            return None if instance == "a" else noise(step, instance) + (40.0 if step == HISTORY + 39 else 0.0)
        return noise(step, instance) + (15.0 if step >= fault else 0.0)

    world = World(value, instances=("a", "b"))
    await world.run_to(fault + 15)
    told = {alert["labels"]["instance"] for alert in world.gate.firing(world.now)}
    assert told == {"a", "b"}


async def test_an_episode_leaves_no_echo() -> None:
    world = World(shifted(HISTORY + 5, HISTORY + 45))
    await world.run_to(HISTORY + 300)
    assert [episode.end_reason for episode in world.store.episodes.values()] == ["back to normal"]


async def test_maintenance_is_neither_told_nor_learnt() -> None:
    def broken(step: int, instance: str) -> float:
        return 500.0 if HISTORY + 20 <= step < HISTORY + 60 else noise(step, instance)

    world, calm = World(broken), World(noise)
    quiet = QuietPeriod(
        start=world.now + timedelta(minutes=15),
        end=world.now + timedelta(minutes=65),
        reason="upgrade",
        matchers=(Matcher("service", "=", "web"),),
    )
    world.quiet.periods.append(quiet)
    await world.run_to(HISTORY + 30)
    assert states(world) == {"maintenance": 1}
    for each in (world, calm):
        await each.run_to(HISTORY + 100)
    assert states(world) == {"ok": 1}
    assert not world.store.episodes
    bands = [series_view(each.live)[0]["band"] for each in (world, calm)]
    assert bands[0] == pytest.approx(bands[1], rel=0.1)


async def test_maintenance_of_another_service_changes_nothing() -> None:
    world = World(shifted(HISTORY + 5, HISTORY + 50))
    everywhere = timedelta(days=9)
    world.quiet.periods.append(
        QuietPeriod(world.now - everywhere, world.now + everywhere, "x", (Matcher("service", "=", "other"),))
    )
    await world.run_to(HISTORY + 30)
    assert len(world.store.episodes) == 1


async def test_many_series_going_mad_at_once_are_one_alert() -> None:
    instances = [f"i{number}" for number in range(40)]
    world = World(shifted(HISTORY + 5, HISTORY + 60, by=60.0), instances, history_steps=HISTORY, most_alerts=10)
    world.live.options = dataclasses.replace(world.live.options, history_seconds=700 * 60.0)
    await world.run_to(HISTORY + 12)
    assert len(world.live.open_episodes()) == 40
    (alert,) = world.gate.firing(world.now)
    assert alert["labels"]["alertname"] == "ClaudeMemoryAnomalyStorm"
    assert "40 series" in alert["annotations"]["summary"] and "latency (40)" in alert["annotations"]["summary_zh"]
    assert {alert["labels"]["alertname"] for post in world.gate.posts for alert in post} == {"ClaudeMemoryAnomalyStorm"}
    await world.run_to(HISTORY + 90)
    assert not world.gate.firing(world.now)


async def test_fine_ends_the_alert_raises_the_bar_and_can_be_taken_back() -> None:
    world = World(shifted(HISTORY + 5, HISTORY + 500))
    await world.run_to(HISTORY + 20)
    (episode,) = world.store.episodes.values()
    said = Feedback(episode.id, episode.series_id, "level", "fine", "ann", world.now)
    await world.live.give_feedback(said)
    assert not world.gate.firing(world.now)
    assert world.store.episodes[episode.id].end_reason == "said to be fine"
    assert series_view(world.live)[0]["bars"] == {"level": 2.0}
    assert (world.live.precision.real, world.live.precision.fine) == (0, 1)
    world.start()
    await world.run_to(HISTORY + 25)
    assert series_view(world.live)[0]["bars"] == {"level": 2.0}
    assert not world.gate.firing(world.now), "a restart does not forget what was said"
    assert await world.live.undo_feedback(episode.id, "bob")
    assert series_view(world.live)[0]["bars"] == {}
    assert not await world.live.undo_feedback(episode.id, "bob")


async def test_without_what_was_learnt_nothing_is_scored() -> None:
    world = World(noise)
    world.store.is_away = True
    with pytest.raises(DependencyUnreachable):
        await world.live.tick()
    assert not world.prometheus.asked
    world.store.is_away = False
    await world.live.tick()
    assert states(world) == {"ok": 1}


async def test_while_the_store_is_away_alerts_go_out_and_episodes_wait() -> None:
    world = World(shifted(HISTORY + 5, HISTORY + 50))
    await world.run_to(HISTORY + 2)
    world.store.is_away = True
    await world.run_to(HISTORY + 20)
    assert len(world.gate.firing(world.now)) == 1 and not world.store.episodes
    world.store.is_away = False
    await world.run_to(HISTORY + 21)
    assert len(world.store.episodes) == 1


async def test_while_alertmanager_is_away_alerts_wait() -> None:
    world = World(shifted(HISTORY + 5, HISTORY + 50))
    world.gate.is_away = True
    await world.run_to(HISTORY + 20)
    assert world.live.alerts.failures > 1 and "away" in world.live.alerts.problem
    world.gate.is_away = False
    await world.run_to(HISTORY + 21)
    assert len(world.gate.firing(world.now)) == 1 and not world.live.alerts.problem


@pytest.mark.parametrize("jump", [-400, 20_000], ids=["back", "forward and back"])
async def test_a_clock_step_keeps_what_was_learnt(jump: int) -> None:
    world = World(noise)
    await world.run_to(HISTORY + 10)
    band = series_view(world.live)[0]["band"]
    if jump > 0:
        world.prometheus.gaps.append((HISTORY + 11, HISTORY + jump + 1))
        world.step += jump
        await world.live.tick()
        world.prometheus.gaps.clear()
        world.step -= jump
    else:
        world.step += jump
    await world.run_to(world.step + 100)
    assert series_view(world.live)[0]["band"] == pytest.approx(band, rel=0.2)
    assert states(world) == {"ok": 1}
    assert not world.store.episodes
    last = series_view(world.live)[0]["last_sample_at"]
    assert abs((last - world.now).total_seconds()) < 120


async def test_a_watch_without_series_shows_no_data_and_one_that_fails_says_why() -> None:
    world = World(lambda step, instance: None)
    world.watches = [watch("nothing"), watch("broken")]
    world.prometheus.refused["broken"] = QueryRefused("Prometheus says: parse error")
    world.start()
    with pytest.raises(CmctlError, match="broken: Prometheus says: parse error"):
        await world.live.tick()
    shown = {name: watch_view(run, False)["state"] for name, run in world.live.runs.items()}
    assert shown == {"nothing": "no_data", "broken": "failing"}


async def test_too_many_series_are_cut_and_it_is_said() -> None:
    world = World(noise, instances=[str(number) for number in range(10)], max_series=4)
    await world.run_to(HISTORY + 1)
    assert world.live.series_count == 4
    assert watch_view(world.live.runs["latency"], False)["notes"] == [
        "gives more than 4 series; the rest is not watched"
    ]


async def test_labels_that_do_not_tell_series_apart_are_named() -> None:
    world = World(noise, instances=("a", "b"))
    world.watches = [watch(labels=("job",))]
    world.start()
    await world.live.tick()
    assert "do not tell its series apart" in watch_view(world.live.runs["latency"], False)["notes"][0]


async def test_not_a_number_is_neither_a_sample_nor_a_gap() -> None:
    world = World(lambda step, instance: float("nan") if step % 100 > 60 else noise(step, instance))
    await world.run_to(HISTORY + 200)
    assert not world.store.episodes


async def test_another_query_starts_to_learn_anew() -> None:
    world = World(noise)
    await world.run_to(HISTORY + 1)
    world.watches = [watch(query="something else")]
    world.start()
    world.prometheus.is_away = True
    await world.live.tick()
    run = world.live.runs["latency"]
    assert not run.tracks and "its query changed: learning starts anew" in run.notes
