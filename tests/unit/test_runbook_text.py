"""The runbook's text: every command block is accounted for, links lead somewhere, both languages agree."""

import re
from pathlib import Path

import pytest
import yaml

from controlplane.cli.main import COMMANDS
from controlplane.domain.anomaly.alerts import ALERT as ANOMALY
from controlplane.domain.anomaly.alerts import STORM_ALERT as ANOMALY_STORM
from tests.support.rules import ROOT, alert_rules, anchors
from tests.support.runbook import CHINESE_RUNBOOK, RUNBOOK, blocks

DOCUMENTS = [RUNBOOK, CHINESE_RUNBOOK]
by_name = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
_FENCES = re.compile(r"^```(\w*)", re.MULTILINE)
_LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]+))?\)")


@by_name
def test_every_block_is_run_or_says_why_not(document: Path) -> None:
    languages = set(_FENCES.findall(document.read_text(encoding="utf-8")))
    assert languages == {"console", "text", ""}, "commands stand in ```console blocks only"
    for block in blocks(document):
        assert block.how in ("", "own", "status") or (block.is_skipped and block.reason), f"line {block.line}"


def test_both_languages_give_the_same_commands() -> None:
    english, chinese = (
        [("skip" if block.is_skipped else block.how, block.commands) for block in blocks(document)]
        for document in DOCUMENTS
    )
    assert chinese == english


@by_name
def test_commands_named_in_the_text_exist(document: Path) -> None:
    named = re.findall(r"`cmctl ([a-z]+)", document.read_text(encoding="utf-8"))
    assert named
    assert set(named) <= set(COMMANDS)


@by_name
def test_links_lead_to_files_and_headings_that_exist(document: Path) -> None:
    for path, anchor in _LINK.findall(document.read_text(encoding="utf-8")):
        target = (document.parent / path) if path else document
        assert target.exists(), path
        assert not anchor or anchor in anchors(target), f"{path}#{anchor}"


@by_name
def test_the_thresholds_are_those_of_the_settings(document: Path) -> None:
    from controlplane.config.schema import Thresholds

    text = document.read_text(encoding="utf-8")
    rows = re.findall(r"\| ([^|\n]+) \| ([^|\n]+) \| `thresholds\.(\w+)` \|$", text, re.MULTILINE)
    stated = {setting: [_number(warning), _number(critical)] for warning, critical, setting in rows}
    thresholds = Thresholds()
    for setting, numbers in stated.items():
        threshold = getattr(thresholds, setting)
        assert numbers == [threshold.warning, threshold.critical], setting
    assert len(stated) == 5


def _number(cell: str) -> float:
    value, unit = cell.split()
    return float(value) * {"GB": 1e9}.get(unit, 1)


@by_name
def test_every_alert_has_an_entry_and_every_entry_an_alert(document: Path) -> None:
    entries = re.findall(r"^### (ClaudeMemory\w+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    # Anomaly detection raises its alerts itself, not through a rule.
    assert sorted(entries) == sorted([*alert_rules(), ANOMALY, ANOMALY_STORM])


@by_name
def test_settings_named_in_the_text_exist(document: Path) -> None:
    sample = yaml.safe_load((ROOT / "docs" / "cmctl.sample.yml").read_text(encoding="utf-8"))
    sections = "|".join(name for name, value in sample.items() if isinstance(value, dict))
    for section, key in re.findall(rf"`({sections})\.(\w+)[`:]", document.read_text(encoding="utf-8")):
        assert key in sample[section], f"{section}.{key}"
