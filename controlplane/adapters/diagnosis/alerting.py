"""Examiners of the way of an alert: rules, targets, Prometheus to Alertmanager, Alertmanager to the webhook."""

import json
from collections.abc import Sequence
from urllib.parse import urlsplit

import yaml

from controlplane.adapters.alertmanager import AlertmanagerClient
from controlplane.adapters.diagnosis import faulty, fine, unknown
from controlplane.adapters.http import Request, send
from controlplane.adapters.prometheus import PrometheusClient
from controlplane.domain.diagnosis import Examination

# A notification without alerts: it goes all the way through validation, and leaves nothing behind.
_EMPTY_NOTIFICATION = {"version": "4", "status": "firing", "receiver": "diagnose", "alerts": []}
_NAMED_AT_MOST = 3


async def rules(client: PrometheusClient, expected: Sequence[str]) -> Examination:
    """Whether the profile's alert rules are loaded and can be evaluated."""
    loaded = await client.alert_rules()
    missing = sorted(set(expected) - {rule.name for rule in loaded})
    if missing:
        return faulty(f"{len(missing)} rules are not loaded: {_some(missing)}")
    failing = [f"{rule.name}: {rule.last_error}" for rule in loaded if rule.health == "err"]
    return faulty(_some(failing)) if failing else fine(f"{len(loaded)} rules are loaded")


async def targets(client: PrometheusClient, jobs: Sequence[str]) -> Examination:
    """Whether every job has a target and none is down."""
    faults = []
    for job in jobs:
        found = await client.targets(job)
        faults += [f"{job}: {target.last_error}" for target in found if target.health == "down"]
        faults += [] if found else [f"{job}: no target"]
    return faulty(_some(faults)) if faults else fine(f"all targets of {len(jobs)} jobs are scraped")


async def alertmanagers(client: PrometheusClient, port: int) -> Examination:
    """Whether Prometheus sends its alerts to the Alertmanager on our port."""
    urls = await client.alertmanagers()
    if any(urlsplit(url).port == port for url in urls):
        return fine(f"alerts go to {', '.join(urls)}")
    return faulty(f"alerts go to {', '.join(urls)}" if urls else "alerts go nowhere")


async def webhook_configured(client: AlertmanagerClient, port: int) -> Examination:
    """Whether a receiver of Alertmanager posts to the webhook on our port."""
    try:
        document = yaml.safe_load(await client.configuration())
        receivers = document["receivers"]
        urls = [str(hook["url"]) for receiver in receivers for hook in receiver.get("webhook_configs") or ()]
    except (yaml.YAMLError, KeyError, TypeError, AttributeError):
        return unknown("Alertmanager's configuration could not be understood")
    # Newer versions of Alertmanager hide every URL.
    if any(_is_ours(url, port) for url in urls):
        return fine(f"notifications go to {', '.join(urls)}")
    if any("secret" in url for url in urls):
        return unknown("Alertmanager hides where notifications go")
    return faulty(f"notifications go to {', '.join(urls)}" if urls else "no receiver has a webhook")


async def webhook_accepts(url: str, timeout_seconds: float) -> Examination:
    """Whether the webhook takes a notification, as Alertmanager would post it."""
    body = json.dumps(_EMPTY_NOTIFICATION).encode()
    request = Request(url, "POST", body, {"Content-Type": "application/json"})
    response = await send(request, timeout_seconds)
    text = f"{url}: HTTP status {response.status}"
    if response.is_success:
        return fine(text)
    return faulty(f"{text}: {response.body[:200].decode('utf-8', errors='replace')}")


def _is_ours(url: str, port: int) -> bool:
    try:
        parts = urlsplit(url)
        return parts.port == port and parts.path == "/webhook"
    except ValueError:
        return False


def _some(items: Sequence[str]) -> str:
    more = f" and {len(items) - _NAMED_AT_MOST} more" if len(items) > _NAMED_AT_MOST else ""
    return ", ".join(items[:_NAMED_AT_MOST]) + more
