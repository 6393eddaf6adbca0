"""Composition root of guarded remediation."""

import socket
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

from controlplane.adapters.remedies import RestartComponent, RunProgram
from controlplane.adapters.store.alerts import PostgresAlertStore
from controlplane.adapters.store.database import Database
from controlplane.adapters.store.remediation import PostgresRemediations
from controlplane.config.load import Locations
from controlplane.config.remediation import Remedy as RemedySettings
from controlplane.config.schema import Settings
from controlplane.domain.maintenance_entry import parse_matcher
from controlplane.domain.remediation import Remedy
from controlplane.services.remediation.remediator import Deed, Remediator
from controlplane.wiring.stack import service_manager


def build_remediator(
    settings: Settings, locations: Locations, database: Database, alerts: PostgresAlertStore
) -> Remediator:
    """The remediator; without remedies it only answers what was tried."""
    given = settings.remediation.remedies if settings.remediation.enabled else []
    owner = f"{socket.gethostname()}:{settings.data_dir}"
    return Remediator(
        PostgresRemediations(database),
        alerts,
        [_remedy(one) for one in given],
        {one.name: _deed(one, settings, locations) for one in given},
        owner,
        lambda: datetime.now(UTC),
    )


def _remedy(given: RemedySettings) -> Remedy:
    return Remedy(
        name=given.name,
        matchers=tuple(parse_matcher(text) for text in given.matchers),
        deed=_words(given),
        dry_run=given.dry_run,
        wait=timedelta(seconds=given.wait_seconds),
        max_attempts=given.max_attempts,
        window=timedelta(seconds=given.window_seconds),
        cooldown=timedelta(seconds=given.cooldown_seconds),
        timeout=timedelta(seconds=given.timeout_seconds),
    )


def _words(given: RemedySettings) -> str:
    if given.service is not None:
        return f"restart {given.service}"
    if given.playbook is not None:
        return f"run ansible-playbook {given.playbook}"
    return f"run cmctl {' '.join(given.command or [])}"


def _deed(given: RemedySettings, settings: Settings, locations: Locations) -> Deed:
    if given.service is not None:
        return RestartComponent(given.service, lambda component: service_manager(settings).restart(component))
    if given.playbook is not None:
        return RunProgram([_ansible_playbook(), str(given.playbook)])
    cmctl = Path(sys.executable).with_name("cmctl")
    return RunProgram(
        [str(cmctl), f"--config={locations.config_file}", f"--data-dir={locations.data_dir}", *(given.command or [])]
    )


def _ansible_playbook() -> str:
    """The one beside cmctl when there is one, else that of PATH."""
    ours = Path(sys.executable).with_name("ansible-playbook")
    return str(ours) if ours.exists() else ours.name
