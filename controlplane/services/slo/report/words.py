"""Every word of a report, in English and in Chinese, side by side. ``{…}`` are filled in."""

from typing import Literal

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")

WORDS: dict[str, tuple[str, str]] = {
    # The head
    "title": ("SLA report: {profile}", "SLA 报告：{profile}"),
    "own_windows": ("each objective over its own window, until {end}", "各目标按各自的统计窗口，截至 {end}"),
    "rolling": ("the last {length}: {start} to {end}", "最近 {length}：{start} 至 {end}"),
    "custom": ("{start} to {end}", "{start} 至 {end}"),
    "day": ("day {name}: {start} to {end}", "{name}（日）：{start} 至 {end}"),
    "week": ("week {name}: {start} to {end}", "{name}（周）：{start} 至 {end}"),
    "month": ("month {name}: {start} to {end}", "{name}（月）：{start} 至 {end}"),
    "quarter": ("quarter {name}: {start} to {end}", "{name}（季度）：{start} 至 {end}"),
    "still_running": ("; still running until {full_end}", "；尚未结束，将于 {full_end} 结束"),
    "time_zone": ("Times", "时区"),
    "generated_at": ("Made", "生成时间"),
    "period": ("Period", "统计周期"),
    # The message that tells of a report
    "message_title": ("SLA {verdict}: {period}, {profile}", "SLA {verdict}：{period}，{profile}"),
    "message_period_day": ("day {name}", "{name}（日）"),
    "message_period_week": ("week {name}", "{name}（周）"),
    "message_period_month": ("month {name}", "{name}（月）"),
    "message_line": (
        "- {verdict} · {title}: {sli} of {target}; lost {lost}, budget left {left}, known {coverage}",
        "- {verdict} · {title}：{sli}，目标 {target}；损失 {lost}，预算剩余 {left}，已知 {coverage}",
    ),
    "message_incomplete": (
        "Part of it is unknown because something did not answer; the report says what.",
        "部分数据因来源无应答而未知，详见报告。",
    ),
    "message_link": ("Report: {url}", "报告：{url}"),
    # Verdicts
    "verdict": ("Verdict", "结论"),
    "met": ("met", "达标"),
    "at_risk": ("at risk", "有风险"),
    "missed": ("missed", "未达标"),
    "not_enough_data": ("not enough data", "数据不足"),
    "overall_met": ("All {count} objectives are met.", "全部 {count} 个目标均达标。"),
    "overall_none": ("There is no objective to report.", "没有可报告的目标。"),
    "overall_part": ("{verdict}: {names}.", "{verdict}：{names}。"),
    "sentence_met": (
        "{sli} was good, the target is {target}. {left} of the error budget is left ({amount} of {allowed}).",
        "合格率 {sli}，目标 {target}。错误预算剩余 {left}（{allowed} 中的 {amount}）。",
    ),
    "sentence_at_risk": (
        "{sli} was good, the target is {target}, but only {left} of the error budget is left ({amount} of {allowed}).",
        "合格率 {sli}，目标 {target}，但错误预算仅剩 {left}（{allowed} 中的 {amount}）。",
    ),
    "sentence_missed": (
        "{sli} was good, the target is {target}. {bad} was lost where {allowed} was allowed.",
        "合格率 {sli}，低于目标 {target}。损失 {bad}，而允许的只有 {allowed}。",
    ),
    "sentence_nothing": (
        "Nothing is known of this period, so nothing is claimed.",
        "该周期内没有任何已知数据，因此不作任何结论。",
    ),
    "sentence_few_events": (
        "There were only {total} events; a verdict needs {needed}.",
        "仅有 {total} 个事件；作出结论至少需要 {needed} 个。",
    ),
    "sentence_low_coverage": (
        "Only {coverage} of the period is known, and a verdict needs {needed}. Of what is known, {sli} was good; with"
        " the unknown part it lies between {worst} and {best}, and the target is {target}.",
        "该周期只有 {coverage} 已知，作出结论需要 {needed}。已知部分合格率为 {sli}；计入未知部分后介于 {worst} 与 "
        "{best} 之间，"
        "目标为 {target}。",
    ),
    "unknown_decides": (
        "The unknown part ({unknown}) could change this verdict: with it, between {worst} and {best} was good.",
        "未知部分（{unknown}）可能改变此结论：计入后合格率介于 {worst} 与 {best} 之间。",
    ),
    # Objectives
    "objectives": ("Objectives", "目标一览"),
    "objective": ("Objective", "目标"),
    "sli": ("SLI", "SLI"),
    "target": ("Target", "目标值"),
    "budget_left": ("Budget left", "预算剩余"),
    "lost": ("Lost", "损失"),
    "unknown": ("Unknown", "未知"),
    "coverage": ("Known", "已知比例"),
    "objectives_note": (
        "SLI: good share of what is known, rounded down. Known: share of the time that counts of which anything is "
        "known."
        "",
        "SLI：已知部分中合格的比例，向下取整。已知比例：计入时间中有数据的部分。",
    ),
    "of_total": ("{bad} of {total}", "{bad} / {total}"),
    "events": ("{number} events", "{number} 个事件"),
    "event": ("{number} event", "{number} 个事件"),
    "none": ("none", "无"),
    "not_known": ("not known", "未知"),
    "about": ("about {amount}", "约 {amount}"),
    # Problems
    "problems": ("What is not known, and why", "哪些数据未知，以及原因"),
    "when": ("When", "时间"),
    "what": ("What", "情况"),
    "detail": ("Message or query", "消息或查询"),
    "problem_failed": ("no answer, so unknown", "查询无应答，记为未知"),
    "problem_several_series": (
        "the query returns {detail} series instead of one, so unknown",
        "查询返回 {detail} 个序列而非一个，记为未知",
    ),
    "problem_warning": ("answered with a warning", "应答附带警告"),
    "problem_silent": ("no data in the whole period", "整个周期内没有数据"),
    "problem_alerts": ("the alerts are not known", "告警记录不可用"),
    "problem_maintenance": (
        "maintenance and roll-ups are not known: nothing is excluded, and days that only they remember are unknown",
        "维护记录与日汇总不可用：没有排除任何时间，仅存于日汇总的日期记为未知",
    ),
    "problem_outdated": (
        "the samples are gone; maintenance that was entered since cannot be taken out",
        "原始样本已不存在，此后登记的维护无法排除",
    ),
    "rolled_up": (
        "Of {count} days from {first} on only daily sums are left: losses in them have no finer bounds than the day.",
        "自 {first} 起有 {count} 天仅保留日汇总：其中的损失只能精确到天。",
    ),
    "problem_alerts_other": ("the alerts come from a second-best source", "告警记录来自次优来源"),
    "whole_period": ("the whole period", "整个周期"),
    "affected": ("Objectives", "受影响目标"),
    # Changes
    "changes": ("What changed since the period before", "与上一周期相比"),
    "before": ("Before", "上一周期"),
    "now": ("Now", "本周期"),
    "change": ("Change", "变化"),
    "lost_before": ("Lost before", "上期损失"),
    "lost_now": ("Lost now", "本期损失"),
    "no_data_before": ("no data", "无数据"),
    "points": ("{change} points", "{change} 个百分点"),
    "changes_note": (
        "The period before ends where this one begins: the calendar unit before, or a stretch as long as this one.",
        "上一周期在本周期开始时结束：前一个日历周期，或与本周期等长的一段时间。",
    ),
    # Incidents
    "incidents": ("Incidents", "事故"),
    "incident": ("Incident", "事故"),
    "recovered": ("Recovered", "恢复"),
    "acknowledged": ("Acknowledged", "确认"),
    "incident_taken": ("after {after} by {name}", "{after}后由 {name} 确认"),
    "incident_going_on": ("still going on", "仍在继续"),
    "incident_cost": ("What it cost", "造成的损失"),
    "incident_cost_of": (": {amount}, {share} of the budget", "：{amount}，占预算 {share}"),
    "incident_no_cost": ("no listed loss of its service", "其服务没有列出的损失"),
    "incidents_none": ("There was no incident in this period.", "该周期内没有事故。"),
    "incidents_note": (
        "An incident is behind the losses of its service's objectives during it or within ten minutes of it.",
        "事故期间及其前后十分钟内，同一服务各目标的损失归于该事故。",
    ),
    "incidents_unexplained": (
        "Of the losses below no incident is behind: {count}.",
        "下列损失中没有对应事故的有 {count} 个。",
    ),
    "incidents_problem": ("The incidents are not known: {problem}", "事故记录不可用：{problem}"),
    # Backups and drills
    "recovery": ("Backups and drills", "备份与恢复演练"),
    "recovery_what": ("What", "项目"),
    "recovery_newest": ("Newest at the end of the period", "周期结束时最新的一次"),
    "recovery_age": ("Its age then", "当时距今"),
    "recovery_count": ("In the period", "周期内"),
    "recovery_backup": ("Backup", "备份"),
    "recovery_verified": ("Verified backup", "已校验的备份"),
    "recovery_drill": ("Successful restore drill", "成功的恢复演练"),
    "recovery_made": ("{count} made, {bad} found bad", "完成 {count} 次，其中 {bad} 次校验不合格"),
    "recovery_drilled": ("{count} done, {failed} failed", "演练 {count} 次，其中 {failed} 次失败"),
    "recovery_none": ("none is remembered", "没有记录"),
    "recovery_note": (
        "As remembered when this report was made: sets that were pruned since are not counted.",
        "以生成本报告时的记录为准：此前已清理的备份不计入。",
    ),
    # Maintenance
    "maintenance": ("Maintenance", "维护"),
    "maintenance_none": ("Nothing was excluded as maintenance.", "没有任何时间作为维护被排除。"),
    "reason": ("Reason", "原因"),
    "author": ("Entered by", "登记人"),
    "entered": ("Entered", "登记时间"),
    "entered_before": ("in advance", "事先登记"),
    "entered_after": ("AFTER THE FACT", "事后登记"),
    "sli_without_exclusions": ("SLI with it counted", "计入维护的 SLI"),
    "effect_before": ("Announced", "事先登记"),
    "effect_after": ("After the fact", "事后登记"),
    "maintenance_effect": ("What the exclusions change", "排除的影响"),
    "maintenance_note": (
        "Excluded time does not count. The last column is the SLI as if nothing had been excluded.",
        "被排除的时间不计入统计。最后一列为不作任何排除时的 SLI。",
    ),
    # One objective
    "chart": ("{title}: SLI and error budget", "{title}：SLI 与错误预算"),
    "chart_description": (
        "Two charts over the same time, {start} to {end}. Above: the share that was good, point by point, with the "
        "target"
        " of {target}. Below: how much of the error budget was left; it ends at {left}. Lost stretches: {losses};"
        " unknown stretches: {unknown}; maintenance: {maintenance}. The table below has the figures.",
        "同一时间轴上的两幅图，{start} 至 {end}。上图：各时段的合格比例及目标 {target}。下图：错误预算剩余，最终为 "
        "{left}。"
        "损失时段 {losses} 个，未知时段 {unknown} 个，维护 {maintenance} 个。数据见下表。",
    ),
    "panel_sli": ("Good, % of what is known", "合格比例（%，已知部分）"),
    "panel_budget": ("Error budget left, %", "错误预算剩余（%）"),
    "line_sli": ("SLI", "SLI"),
    "line_budget": ("known", "已知部分"),
    "line_worst": ("if all unknown was bad", "若未知全为不合格"),
    "reference_target": ("target {target}", "目标 {target}"),
    "reference_budget": ("all spent", "预算用尽"),
    "shade_bad": ("lost", "损失"),
    "shade_unknown": ("unknown", "未知"),
    "shade_maintenance": ("maintenance", "维护"),
    "course": ("Figures of the chart", "图中数据"),
    "course_note": (
        "Rows in which everything was known and good are left out ({count}).",
        "全部已知且合格的行已省略（{count} 行）。",
    ),
    "course_perfect": (
        "Everything was known and good all the time.",
        "整个周期全部已知且合格。",
    ),
    "losses": ("Losses and the alerts behind them", "损失及相关告警"),
    "losses_note_more": (
        "The {shown} largest of {count}.",
        "共 {count} 个，仅列出最大的 {shown} 个。",
    ),
    "losses_note_thin": (
        "Besides: {amount}, spread thinly, never burning faster than the budget lasts.",
        "另有 {amount} 零散分布，消耗速率未超过预算允许的速度。",
    ),
    "no_losses": ("Nothing was lost in what is known.", "已知部分没有损失。"),
    "from": ("From", "开始"),
    "to": ("To", "结束"),
    "lasted": ("Over", "历时"),
    "budget_share": ("Of the budget", "占预算"),
    "alerts": ("Alerts", "告警"),
    "of_service": (" ({service})", "（{service}）"),
    "no_alert": ("no alert fired", "没有告警触发"),
    "alerts_unknown": ("not known", "未知"),
    "still_firing": ("still firing", "仍在触发"),
    "more_alerts": (" and {count} more", "，另有 {count} 个"),
    "acknowledged_by": ("acknowledged by {name}", "由 {name} 确认"),
    "runbook": ("runbook", "处置手册"),
    "query": ("query", "查询"),
    "between": (" · ", " · "),
    "unknown_stretches": ("Unknown stretches", "未知时段"),
    "worst_minutes": ("Worst minutes", "最差的分钟"),
    "minute": ("Minute", "分钟"),
    "bad": ("Bad", "不合格"),
    "total": ("Of", "总量"),
    "freshness": (
        "At the end the newest success was {age} old ({newest}); at most {limit} is good.",
        "周期结束时，最近一次成功距今 {age}（{newest}）；上限为 {limit}。",
    ),
    "freshness_none": (
        "No success was ever seen in this period; at most {limit} old is good.",
        "本周期内从未见到成功记录；上限为 {limit}。",
    ),
    # People
    "mtta": ("Mean time to acknowledge", "平均确认时间（MTTA）"),
    "mttr": ("Mean time to resolve", "平均恢复时间（MTTR）"),
    "mtta_value": ("{mean} ({count} of {all} alerts)", "{mean}（{all} 个告警中的 {count} 个）"),
    "mtta_none": ("not known: no acknowledgement is recorded", "未知：没有确认记录"),
    "mttr_none": ("not known: no alert was resolved", "未知：没有已恢复的告警"),
    "no_alerts": ("no alert fired", "没有告警"),
    "alerts_fired": ("Alerts that began", "新触发的告警"),
    # How
    "how": ("How these figures were computed", "这些数据是如何计算的"),
    "how_counts": ("Counts", "计量"),
    "how_seconds": ("time", "时间"),
    "how_events": ("events", "事件"),
    "how_bad": ("Bad", "不合格"),
    "how_total": ("Everything", "全部"),
    "how_slot": ("Slot", "时间片"),
    "query_text": ("Query", "查询语句"),
    "how_table": ("Queries", "查询"),
    "how_rules": (
        "Time is cut into slots that end at whole multiples of the slot length. A sample vouches for its slot only as"
        " long"
        " as it is fresh; what nobody saw is unknown, neither good nor bad. Maintenance is excluded. SLI = good /"
        " (good + bad); budget = (1 − target) × (good + bad); known = known time / (known + unknown time). The best "
        "and"
        " the worst case take everything unknown for good, or for bad; unknown events are estimated at the mean rate "
        "of"
        " the known ones. Verdicts: missed when even the best case misses, or when enough is known and the SLI is "
        "below"
        " the target; not enough data when too little is known, unless even the worst case keeps the target; at risk "
        "when"
        " less than the configured share of the budget is left.",
        "时间被切分为等长的时间片，其结束时刻为片长的整数倍。样本只在有效期内为所在时间片作证；无人观测到的部分记为未"
        "知，"
        "既不算合格也不算不合格。维护时段被排除。SLI = 合格 /（合格 + 不合格）；预算 =（1 − 目标）×（合格 + 不合格）"
        "；"
        "已知比例 = 已知时间 /（已知 + 未知时间）。最好与最坏情形分别把未知全部视为合格或不合格；未知事件数按已知部分"
        "的平均速率估计。"
        "结论：即使最好情形也不达标，或已知充分而 SLI 低于目标，为未达标；已知过少则为数据不足，除非最坏情形也达标；"
        "预算剩余低于设定比例，为有风险。",
    ),
    "how_losses": (
        "A loss is a stretch in which something was bad; of events, in which five minutes burned the budget faster"
        " than it lasts. Pauses of up to five minutes do not divide it. An alert is behind a loss when it fired during"
        " it or within ten minutes of it; those about another service are listed last. Means over alerts take those"
        " that began in the period.",
        "损失是指出现不合格的时段；对于事件，是指五分钟内消耗速率超过预算允许速度的时段。不超过五分钟的间歇不将其分割。"
        "在损失期间或前后十分钟内触发的告警视为相关，其他服务的告警列在最后。告警均值只统计在本周期内开始的告警。",
    ),
    "how_check": (
        "Each query evaluated at every slot and summed up gives the figures above.",
        "在每个时间片上对查询求值并求和，即得到上述数据。",
    ),
    "footer": (
        "Made {at} by Claude memory control plane {version} from Prometheus at {source}.",
        "由 Claude 记忆控制平面 {version} 于 {at} 根据 Prometheus（{source}）生成。",
    ),
    # The time ahead
    "outlook": ("When it will be full", "何时会满"),
    "outlook_resource": ("Resource", "资源"),
    "outlook_used": ("Used", "已用"),
    "outlook_of": ("{level} of {limit}", "{level} / {limit}"),
    "outlook_growth": ("Growth a day", "每日增长"),
    "outlook_full": ("Full on", "预计用满"),
    "outlook_range": ("80 % interval", "80 % 区间"),
    "outlook_line": ("Straight line", "直线外推"),
    "outlook_later": ("later", "更晚"),
    "outlook_learning": ("too little history yet", "历史数据不足"),
    "outlook_problem": (
        "Part of this is not known: {problem}",
        "部分内容未知：{problem}",
    ),
    "outlook_note": (
        "As of {at}, whatever the period of the report. The trend leaves the learnt season of the day and week out; the"
        " straight line through the last day (predict_linear) is there to compare with. Later: beyond the horizon, or"
        " never.",
        "以 {at} 为准，与报告周期无关。趋势已剔除学习到的日、周规律；最后一天的直线外推（predict_linear）仅供对照。"
        "“更晚”表示超出预测范围或不会用满。",
    ),
    # What was unusual
    "anomalies": ("Anomalies", "异常"),
    "anomalies_began": ("Began", "开始"),
    "anomalies_ended": ("Ended", "结束"),
    "anomalies_severity": ("Severity", "级别"),
    "anomalies_what": ("What was unusual", "异常内容"),
    "anomalies_verdict": ("Verdict", "反馈"),
    "anomalies_lasts": ("it lasts", "仍在持续"),
    "anomalies_none": ("None began in this time.", "本时段内没有新的异常。"),
    "anomalies_count": ("The {shown} most serious of {total}.", "共 {total} 个，列出最严重的 {shown} 个。"),
    "anomalies_unjudged": ("None was judged yet.", "尚无反馈。"),
    "anomalies_precision": (
        "Of {judged} judged so far, {real} were real.",
        "迄今 {judged} 个有反馈，其中 {real} 个属实。",
    ),
    "anomalies_problem": ("Anomalies are not known: {problem}", "异常情况未知：{problem}"),
    # Format
    "colon": (": ", "："),
    "list_separator": (", ", "、"),
    # Spans of time
    "days": ("{number} d", "{number} 天"),
    "hours": ("{number} h", "{number} 小时"),
    "minutes": ("{number} min", "{number} 分"),
    "seconds": ("{number} s", "{number} 秒"),
}


class Speaker:
    """Says words of one language."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self._column = LANGUAGES.index(language)

    def __call__(self, key: str, **values: object) -> str:
        """The text of ``key`` with its places filled in."""
        text = WORDS[key][self._column]
        return text.format(**values) if values else text

    def sentences(self, *parts: str) -> str:
        """Sentences one after the other, empty ones left out."""
        return ("" if self.language == "zh" else " ").join(part for part in parts if part)
