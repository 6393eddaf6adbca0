"""``cmctl diagnose``."""

from collections.abc import Sequence
from itertools import groupby

import click

from controlplane.cli.invocation import Invocation
from controlplane.cli.output import colour, emit, output_option
from controlplane.domain.diagnosis import TREES, Finding, Outcome, conclusions

_MARKS = {
    Outcome.FINE: ("ok", "green"),
    Outcome.FAULTY: ("FAULT", "red"),
    Outcome.UNKNOWN: ("?", "magenta"),
    Outcome.SKIPPED: ("-", "bright_black"),
}
_MARK_WIDTH = 5


@click.command()
@click.argument("tree", type=click.Choice([*TREES, "all"]), default="all")
@output_option
@click.pass_obj
def diagnose(invocation: Invocation, tree: str, output: str) -> int:
    """Walk the runbook's troubleshooting trees; name cause and remedy.

    Every step is really looked at. Exit code 0 when nothing is wrong, 1 when
    something is.
    """
    import asyncio

    from controlplane.cli.settings import load_settings
    from controlplane.config.paths import DataLayout
    from controlplane.wiring.diagnose import build_diagnosis

    settings = load_settings(invocation)
    diagnosis = build_diagnosis(settings, DataLayout(settings.data_dir))
    findings = asyncio.run(diagnosis.walk(TREES if tree == "all" else [tree]))
    emit(findings, output, lambda: render(findings))
    return int(any(item.outcome == Outcome.FAULTY for item in findings))


def render(findings: Sequence[Finding]) -> str:
    """The trees step by step, then each cause once with its remedy."""
    blocks = [_tree_block(name, list(items)) for name, items in groupby(findings, key=lambda item: item.tree)]
    return "\n\n".join([*blocks, _conclusion(findings)])


def _tree_block(name: str, findings: Sequence[Finding]) -> str:
    return "\n".join([f"{name}: {TREES[name].symptom}?", *(_line(item) for item in findings)])


def _line(item: Finding) -> str:
    text, paint = _MARKS[item.outcome]
    return f"  {colour(f'{text:<{_MARK_WIDTH}}', paint)}  {item.looks_at}: {item.detail}"


def _conclusion(findings: Sequence[Finding]) -> str:
    found = conclusions(findings)
    if not found:
        return "nothing wrong was found"
    return "\n\n".join(f"cause:  {item.cause} ({item.detail})\nremedy: {item.remedy}" for item in found)
