"""Generate recording rules and burn-rate alerts, named and labelled as Sloth does, so that its dashboards work.

Unlike Sloth's, ratios over long windows weigh every moment by its traffic:
the sum of errors over the sum of events, not the mean of ratios.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from controlplane.domain.slo.burn_rate import BurnRatePair, Severity, burn_rate_pairs
from controlplane.domain.slo.objective import FreshnessIndicator, GaugeIndicator, Objective, QueryIndicator
from controlplane.domain.slo.promql import ErrorExpressions, error_expressions, number, prometheus_duration

Rule = dict[str, Any]
RUNBOOK_URL = "docs/runbook.md#slo-burn-rate"
# The window that dashboards expect, and the one that weights are recorded with.
_BASE_SECONDS = 300.0
# Longer windows are summed up from recorded weights; shorter ones are worth the raw samples, since they page.
_LONGEST_RAW_SECONDS = 6 * 3600.0
_SEVERITIES: Mapping[Severity, Mapping[str, str]] = {
    "page": {"severity": "error", "priority": "P1"},
    "ticket": {"severity": "warning", "priority": "P2"},
}
_RESPOND_WITHIN: Mapping[Severity, str] = {"page": "1 hour", "ticket": "4 hours"}
_SPEED: Mapping[Severity, tuple[str, str]] = {"page": ("too fast", "过快"), "ticket": ("steadily", "持续")}


def generate(objectives: Sequence[Objective]) -> dict[str, Any]:
    """A Prometheus rule file as a mapping: three groups for each objective, in their order."""
    return {"groups": [group for objective in objectives for group in _Generator(objective).groups()]}


class _Generator:
    """Rules of one objective."""

    def __init__(self, objective: Objective) -> None:
        self._objective = objective
        self._expressions: ErrorExpressions = error_expressions(objective)
        self._pairs = burn_rate_pairs(objective.window.nominal_seconds, objective.sampling.step_seconds)
        self._period = objective.window.nominal_seconds
        self._id = f"{objective.service}-{objective.name}"
        self._labels = {"sloth_id": self._id, "sloth_service": objective.service, "sloth_slo": objective.name}

    def groups(self) -> list[dict[str, Any]]:
        """Recordings of the SLI, recordings about the objective, alerts."""
        groups = [
            {"name": f"sloth-slo-sli-recordings-{self._id}", "rules": self._sli_recordings()},
            {"name": f"sloth-slo-meta-recordings-{self._id}", "rules": self._meta_recordings()},
        ]
        if self._objective.alerting.enabled:
            groups.append({"name": f"sloth-slo-alerts-{self._id}", "rules": self._alerts()})
        return groups

    # Recordings of the SLI

    def _sli_recordings(self) -> list[Rule]:
        base = prometheus_duration(_BASE_SECONDS)
        return [
            self._record("slo:sli_bad:weight", self._expressions.bad(base)),
            self._record("slo:sli_total:weight", self._expressions.total(base)),
            *(self._ratio(seconds) for seconds in self._windows()),
            *(self._traffic(seconds) for seconds in self._guarded_windows()),
        ]

    def _windows(self) -> list[float]:
        wanted = {_BASE_SECONDS, 3600.0, self._period}
        for pair in self._pairs:
            wanted |= {pair.long_seconds, pair.short_seconds}
        return sorted(wanted)

    def _guarded_windows(self) -> list[float]:
        return sorted({pair.long_seconds for pair in self._pairs}) if self._is_guarded() else []

    def _is_guarded(self) -> bool:
        return self._objective.unit == "events" and self._objective.alerting.minimum_events > 0

    def _is_raw(self, seconds: float) -> bool:
        return self._objective.unit == "events" and seconds <= _LONGEST_RAW_SECONDS and seconds != self._period

    def _ratio(self, seconds: float) -> Rule:
        window = prometheus_duration(seconds)
        if self._is_raw(seconds):
            bad, total = self._expressions.bad(window), self._expressions.total(window)
        else:
            bad = f"sum_over_time({self._recorded('slo:sli_bad:weight')}[{window}])"
            total = f"sum_over_time({self._recorded('slo:sli_total:weight')}[{window}])"
        return self._record(f"slo:sli_error:ratio_rate{window}", f"({bad})\n/\n({total} > 0)", sloth_window=window)

    def _traffic(self, seconds: float) -> Rule:
        window = prometheus_duration(seconds)
        return self._record(f"slo:sli_total:events{window}", self._expressions.events(window), sloth_window=window)

    # Recordings about the objective

    def _meta_recordings(self) -> list[Rule]:
        objective = self._objective
        current, period = prometheus_duration(self._pairs[0].short_seconds), prometheus_duration(self._period)
        return [
            self._record("slo:objective:ratio", f"vector({number(objective.target)})"),
            self._record("slo:error_budget:ratio", f"vector({number(objective.error_budget)})"),
            self._record("slo:time_period:days", f"vector({number(self._period / 86_400)})"),
            self._record("slo:current_burn_rate:ratio", self._burn_rate(current)),
            self._record("slo:period_burn_rate:ratio", self._burn_rate(period)),
            self._record(
                "slo:period_error_budget_remaining:ratio", f"1 - {self._recorded('slo:period_burn_rate:ratio')}"
            ),
            self._record(
                "sloth_slo_info",
                "vector(1)",
                sloth_mode="cmctl",
                sloth_objective=number(objective.target * 100),
                sloth_spec="openslo",
                sloth_version="cmctl",
            ),
        ]

    def _burn_rate(self, window: str) -> str:
        return (
            f"{self._recorded(f'slo:sli_error:ratio_rate{window}')}\n"
            "/ on (sloth_id, sloth_slo, sloth_service) group_left\n"
            f"{self._recorded('slo:error_budget:ratio')}"
        )

    # Alerts

    def _alerts(self) -> list[Rule]:
        return [self._burn_alert("page"), self._burn_alert("ticket"), self._absent_alert()]

    def _burn_alert(self, severity: Severity) -> Rule:
        conditions = [self._condition(pair) for pair in self._pairs if pair.severity == severity]
        objective, (speed, speed_zh) = self._objective, _SPEED[severity]
        percent = number(objective.target * 100)
        period = prometheus_duration(self._period)
        return {
            "alert": f"{self._alert_stem()}BudgetBurn",
            # Without the window: it changes while an alert goes on, and would make another alert of it.
            "expr": "max without (sloth_window) (\n" + "\nor ignoring (sloth_window)\n".join(conditions) + "\n)",
            "labels": {**_SEVERITIES[severity], "service": objective.service, "sloth_severity": severity},
            "annotations": {
                "summary": f"{objective.title}: the error budget burns {speed}",
                "description": f"At this rate {percent} % over {period} cannot be kept:"
                " {{ $value | humanizePercentage }} are bad.",
                "summary_zh": f"{objective.title_zh}：错误预算消耗{speed_zh}",
                "description_zh": f"按此速度无法达到 {period} 内 {percent}% 的目标："
                "当前不良比例为 {{ $value | humanizePercentage }}。",
                "respond_within": _RESPOND_WITHIN[severity],
                "runbook_url": RUNBOOK_URL,
            },
        }

    def _condition(self, pair: BurnRatePair) -> str:
        limit = f"({number(pair.factor)} * {number(self._objective.error_budget)})"
        short, long = prometheus_duration(pair.short_seconds), prometheus_duration(pair.long_seconds)
        lines = [
            f"({self._recorded(f'slo:sli_error:ratio_rate{short}')} > {limit})",
            f"({self._recorded(f'slo:sli_error:ratio_rate{long}')} > {limit})",
        ]
        if self._is_guarded():
            minimum = number(self._objective.alerting.minimum_events)
            lines.append(f"({self._recorded(f'slo:sli_total:events{long}')} >= {minimum})")
        return "(\n  " + "\n  and ignoring (sloth_window)\n  ".join(lines) + "\n)"

    def _absent_alert(self) -> Rule:
        objective = self._objective
        after = prometheus_duration(objective.alerting.absent_after_seconds)
        return {
            "alert": f"{self._alert_stem()}DataAbsent",
            "expr": self._absent_expression(),
            "for": after,
            "labels": {**_SEVERITIES["ticket"], **self._labels, "service": objective.service},
            "annotations": {
                "summary": f"{objective.title}: nothing is measured",
                "description": f"There has been no data for {after}. The time counts as unknown, neither good nor bad.",
                "summary_zh": f"{objective.title_zh}：没有数据",
                "description_zh": f"已有 {after} 没有数据。这段时间记为未知，既不算好也不算坏。",
                "respond_within": _RESPOND_WITHIN["ticket"],
                "runbook_url": RUNBOOK_URL,
            },
        }

    def _absent_expression(self) -> str:
        """No data now; for events only if there was some within a day, since a fresh service has counted nothing."""
        present = self._expressions.present
        if isinstance(self._objective.indicator, GaugeIndicator | FreshnessIndicator | QueryIndicator):
            return f"absent({present})"
        return f"absent({present})\nand on ()\n(count(present_over_time({present}[1d])) > 0)"

    def _alert_stem(self) -> str:
        return "".join(part.capitalize() for part in self._objective.name.split("-"))

    def _recorded(self, metric: str) -> str:
        pairs = ", ".join(f'{name}="{value}"' for name, value in self._labels.items())
        return f"{metric}{{{pairs}}}"

    def _record(self, name: str, expression: str, **labels: str) -> Rule:
        return {"record": name, "expr": expression, "labels": dict(sorted({**self._labels, **labels}.items()))}
