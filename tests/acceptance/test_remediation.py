"""Remedies of a real daemon on a real PostgreSQL: recorded, limited, not repeated when it is killed in the middle."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from tests.support.daemon import DaemonProcess, wait_for
from tests.support.postgresql import PostgresqlCluster

QUICK = {"wait_seconds": 0, "cooldown_seconds": 1, "max_attempts": 1, "dry_run": False}
REMEDIES = [
    {"name": "listing", "matchers": ["alertname=List"], "command": ["config", "schema"], **QUICK},
    {"name": "only_said", "matchers": ["alertname=Dry"], "service": "postgresql", **QUICK, "dry_run": True},
    {"name": "plays", "matchers": ["alertname=Play"], **QUICK},
    {"name": "failing", "matchers": ["alertname=Fail"], "playbook": "/nowhere/site.yml", **QUICK},
    {"name": "endless", "matchers": ["alertname=~End.*"], "command": ["logs", "show", "--follow"], **QUICK},
]


PLAYBOOK = """
- hosts: localhost
  gather_facts: false
  tasks:
    - ansible.builtin.copy: {content: mended, dest: "{{ playbook_dir }}/mended", mode: "0600"}
"""


STAND_IN = """#!/bin/sh
printf mended > "$(dirname "$1")/mended"
"""


def with_playbook(folder: Path) -> list[dict[str, Any]]:
    """The remedies, one with a playbook that leaves a file.

    Ansible need not be installed here: then a stand-in on PATH does what the playbook says.
    """
    program = folder / "bin" / "ansible-playbook"
    program.parent.mkdir()
    program.write_text(STAND_IN, encoding="utf-8")
    program.chmod(0o755)
    playbook = folder / "mend.yml"
    playbook.write_text(PLAYBOOK, encoding="utf-8")
    return [{**one, "playbook": str(playbook)} if one["name"] == "plays" else one for one in REMEDIES]


def fire(daemon: DaemonProcess, name: str) -> None:
    labels = {"alertname": name, "service": f"service_{name}", "severity": "critical", "priority": "P0"}
    assert daemon.post({"alerts": [{"labels": labels, "startsAt": datetime.now(UTC).isoformat()}]})[0] == 200


def attempts(daemon: DaemonProcess, remedy: str) -> list[dict[str, Any]]:
    return [one for one in daemon.get("/api/v1/remediations") if one["remedy"] == remedy]


def is_over(daemon: DaemonProcess, remedy: str) -> bool:
    return any(one["outcome"] != "running" for one in attempts(daemon, remedy))


def followers(daemon: DaemonProcess) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            command = process.cmdline()
        except psutil.Error:
            continue
        if "--follow" in command and f"--data-dir={daemon.data_dir}" in command:
            found.append(process)
    return found


def test_remedies_are_tried_once_recorded_and_not_repeated_after_a_kill(
    postgresql_cluster: PostgresqlCluster, tmp_path: Path
) -> None:
    settings = {"remediation": {"enabled": True, "remedies": with_playbook(tmp_path)}}
    path = {**os.environ, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
    with DaemonProcess(tmp_path, postgresql_cluster, settings).running(env=path) as daemon:
        daemon.wait_for_database()
        for name in ("List", "Dry", "Play", "Fail", "Other"):
            fire(daemon, name)
        wait_for(lambda: all(is_over(daemon, remedy) for remedy in ("listing", "only_said", "plays", "failing")))
        ended = {one["remedy"]: (one["outcome"], one["detail"]) for one in daemon.get("/api/v1/remediations")}
        assert ended["only_said"] == ("would_run", "dry run: would restart postgresql")
        assert (ended["listing"][0], ended["failing"][0]) == ("succeeded", "failed")
        assert ended["plays"][0] == "succeeded", ended["plays"]
        assert (tmp_path / "mended").read_text(encoding="utf-8") == "mended"
        assert len(ended) == 4  # nothing for an alert that no remedy is for

        fire(daemon, "Endless")
        wait_for(lambda: followers(daemon))
        daemon.kill()
        wait_for(lambda: not followers(daemon))  # nobody watches it any more
        daemon.start()
        daemon.wait_for_database()
        wait_for(lambda: is_over(daemon, "endless"))
        (cut_off,) = attempts(daemon, "endless")
        assert (cut_off["outcome"], "nobody knows how far" in cut_off["detail"]) == ("interrupted", True)

        fire(daemon, "EndAgain")  # tried: so the daemon has looked again since, at the alert above, too
        wait_for(lambda: len(attempts(daemon, "endless")) == 2)
        tried = {one["alert"]: one["outcome"] for one in attempts(daemon, "endless")}
        assert tried == {"Endless": "interrupted", "EndAgain": "running"}

        listed = daemon.cmctl("remediation", "list")
        assert (listed.returncode, "dry run: would restart" in listed.stdout) == (0, True), listed.stderr
        wait_for(lambda: "service_List" in [one["service"] for one in daemon.get("/api/v1/incidents")])
        number = next(one for one in daemon.get("/api/v1/incidents") if one["service"] == "service_List")["number"]
        timeline = daemon.get(f"/api/v1/incidents/{number}")["timeline"]
        told = [(one["subject"].split()[0], one["outcome"]) for one in timeline if one["kind"] == "remediation"]
        assert ("listing", "succeeded") in told and ("failing", "failed") in told
        assert 'cmctl_remediations_total{outcome="failed",remedy="failing"}' in daemon.get("/metrics")


def test_remedies_that_cannot_be_are_refused_at_the_start(tmp_path: Path) -> None:
    wrong = {"name": "again", "matchers": ["a=b"], "command": ["restore", "latest"]}
    daemon = DaemonProcess(tmp_path, None, {"remediation": {"remedies": [wrong]}})
    refused = daemon.cmctl("config", "validate")
    assert (refused.returncode, "remediation.remedies" in refused.stderr) == (3, True), refused.stderr
