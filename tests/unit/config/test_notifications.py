"""The section of people: wrong settings are named, secrets are references."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from controlplane.adapters.notifiers.process import secrets_of
from controlplane.adapters.secret_reference import resolve
from controlplane.config.notifications import Notifications, SecretReference
from controlplane.config.schema import Settings
from controlplane.errors import CmctlError

PEOPLE = {"name": "people", "url": {"environment": "URL"}}


@pytest.mark.parametrize(
    ("section", "problem"),
    [
        ({"receivers": [{"name": "people", "url": "slack://token"}]}, "receivers.0.url"),
        ({"receivers": [{"name": "people", "url": {}}]}, "name exactly one of file, environment and credential"),
        ({"receivers": [PEOPLE, PEOPLE]}, "more than one is named 'people'"),
        ({"receivers": [{**PEOPLE, "name": "dead_mans_switch"}]}, "reserved"),
        ({"routes": [{"name": "r", "receivers": ["nobody"]}]}, "'nobody', which is not configured"),
        ({"routes": [{"name": "r", "receivers": [], "labels": {"a": "("}}]}, "not a regular expression"),
        (
            {"routes": [{"name": "r", "receivers": [], "times": [{"time_zone": "Mars/Base"}]}]},
            "no time zone 'Mars/Base'",
        ),
        ({"routes": [{"name": "r", "receivers": [], "times": [{"start": "24:00"}]}]}, "routes.0.times.0.start"),
    ],
)
def test_wrong_settings_are_named(section: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        Notifications.model_validate(section)


@pytest.mark.parametrize(
    ("send_to", "problem"),
    [
        ([{"receiver": "boss"}], "reports.send_to: 'boss' is none of notifications.receivers"),
        ([{"receiver": "people"}, {"receiver": "people"}], "reports.send_to: 'people' is named twice"),
        ([{"receiver": "people", "kinds": ["year"]}], "reports.send_to.0.kinds.0"),
        ([{"receiver": "people", "language": "fr"}], "reports.send_to.0.language"),
    ],
)
def test_reports_go_to_receivers_that_there_are(send_to: list[dict[str, Any]], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        Settings.model_validate(
            {"data_dir": "/data", "notifications": {"receivers": [PEOPLE]}, "reports": {"send_to": send_to}}
        )


def test_a_secret_comes_from_where_the_reference_says(tmp_path: Path) -> None:
    path = tmp_path / "url"
    path.write_text("slack://from-file\n", encoding="utf-8")
    environment = {"URL": "slack://from-environment", "CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert resolve(SecretReference(file=path), environment) == "slack://from-file"
    assert resolve(SecretReference(environment="URL"), environment) == "slack://from-environment"
    assert resolve(SecretReference(credential="url"), environment) == "slack://from-file"


@pytest.mark.parametrize(
    ("reference", "problem"),
    [
        (SecretReference(file=Path("/nowhere/url")), "/nowhere/url: the secret cannot be read"),
        (SecretReference(environment="URL"), "environment variable URL: the secret is empty"),
        (SecretReference(credential="url"), "systemd handed none over"),
    ],
)
def test_a_secret_that_is_missing_names_its_place(reference: SecretReference, problem: str) -> None:
    with pytest.raises(CmctlError, match=problem):
        resolve(reference, {})


@pytest.mark.parametrize(
    ("url", "hidden"),
    [
        (
            "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ",
            ["TIiajkdnlazkcOXrIdevi7FQ", "A1BRTD4JD", "T1JJ3T3L2"],
        ),
        ("dingtalk://tokentokentoken/?secret=sec%2Fret", ["tokentokentoken", "sec/ret"]),
        ("mailtos://me:pa%20ssword@example.org?to=you@example.org", ["pa ssword", "pa%20ssword"]),
    ],
)
def test_every_part_of_a_url_that_may_be_a_secret_is_hidden(url: str, hidden: list[str]) -> None:
    assert [secret for secret in [url, *hidden] if secret not in secrets_of(url)] == []
