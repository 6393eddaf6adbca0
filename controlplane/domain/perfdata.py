"""What monitoring systems read: one line, then performance data.

Format: https://www.monitoring-plugins.org/doc/guidelines.html (Plugin Output, Performance data).
"""

from collections.abc import Iterable, Sequence

from controlplane.domain.check import CheckResult, CheckSpec, CheckState, worst

_UNITS = frozenset({"s", "%", "B", "c"})
_NAMED_AT_MOST = 5


def plugin_line(results: Sequence[CheckResult], specs: Iterable[CheckSpec]) -> str:
    """State and the checks to blame, then ``|`` and the values of all checks."""
    state = worst([result.state for result in results])
    falling = {spec.name for spec in specs if spec.limits.lower_is_worse}
    values = [perfdata(result, result.name in falling) for result in results if result.value is not None]
    text = f"CLAUDE-MEMORY {state.name} - {_summary(results)}".replace("|", "/")
    return f"{text} | {' '.join(values)}" if values else text


def _summary(results: Sequence[CheckResult]) -> str:
    bad = sorted((r for r in results if r.state != CheckState.OK), key=lambda result: -result.state.badness)
    if not bad:
        return f"all {len(results)} checks OK"
    named = ", ".join(f"{result.name} {result.state.name}" for result in bad[:_NAMED_AT_MOST])
    more = f" and {len(bad) - _NAMED_AT_MOST} more" if len(bad) > _NAMED_AT_MOST else ""
    return f"{len(bad)} of {len(results)} checks not OK: {named}{more}"


def perfdata(result: CheckResult, is_lower_worse: bool) -> str:
    """``name=value[unit];warning;critical``; limits that values fall to are ranges with an open end."""
    unit = result.unit if result.unit in _UNITS else ""
    limits = [_limit(result.warning, is_lower_worse), _limit(result.critical, is_lower_worse)]
    value = _number(result.value if result.value is not None else 0.0)
    return f"{result.name}={value}{unit};{limits[0]};{limits[1]}".rstrip(";")


def _limit(limit: float | None, is_lower_worse: bool) -> str:
    return "" if limit is None else _number(limit) + (":" if is_lower_worse else "")


def _number(value: float) -> str:
    """Digits only: readers of the format know no exponents."""
    return f"{value:.6f}".rstrip("0").rstrip(".")
