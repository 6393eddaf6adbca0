"""Score a series that comes as CSV, row by row, as it arrives."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from controlplane.domain.anomaly.calibration import ALERT_SCORE
from controlplane.domain.anomaly.ensemble import SeriesModel
from controlplane.domain.anomaly.reasons import sentence
from controlplane.domain.anomaly.verdict import Status
from controlplane.services.anomaly_csv import BadSeries, check_header, parse_time, parse_value

HEADER = "timestamp,value,anomaly_score"
Notice = Callable[[str], None]
_HOPELESS_ROWS = 20
_SAID_AT_ONCE = {
    Status.COUNTER_FOUND: "only ever rises: taken as a counter, its rate is scored from here",
    Status.NOT_A_COUNTER: "fell without a reset: taken as a gauge again, learning starts anew",
}
_SUMMED_UP = {
    Status.NOT_A_NUMBER: "rows without a finite number, scored 0",
    Status.DUPLICATE: "rows that repeat the row before, scored 0",
    Status.TOO_LATE: "rows too far out of order, scored 0 and not learnt",
    Status.COUNTER_RESET: "counter resets, scored 0",
}


class Scorer:
    """Turns chunks of CSV bytes into chunks of scored CSV text; one row out for every row in, in order."""

    def __init__(self, model: SeriesModel, name: str, notice: Notice, explain: bool = False) -> None:
        self.model = model
        self.name = name
        self._notice = notice
        self._explain = explain
        self._rest = b""
        self._lines = 0
        self._unreadable = 0
        self._counts: Counter[Status] = Counter()

    def run(self, chunks: Iterable[bytes]) -> Iterator[str]:
        """Scored text for each chunk, as soon as its lines are complete.

        Raises:
            BadSeries: when the input is not ``timestamp,value`` rows.
        """
        for chunk in chunks:
            complete, end, rest = chunk.rpartition(b"\n")
            if end:
                yield self._score_lines(self._rest + complete)
                self._rest = rest
            else:
                self._rest += rest
        if self._rest or not self._lines:
            yield self._score_lines(self._rest)
        self._sum_up()

    def _score_lines(self, text: bytes) -> str:
        """Scored text of whole lines; the last one comes without its end."""
        scored: list[str] = []
        if not self._lines:
            header, _, text = text.partition(b"\n")
            check_header(header, self.name)
            scored.append(HEADER)
            self._lines = 1
        observe, model, add = self.model.observe, self.model, scored.append
        for line in _decoded(text):
            self._lines += 1
            if not line:
                continue
            time_text, _, value_text = line.partition(",")
            if "," in value_text:
                value_text = value_text.partition(",")[0]
            try:
                score = observe(parse_time(time_text), parse_value(value_text))
            except ValueError:
                score = self._unreadable_row(time_text)
            else:
                if model.status:
                    self._note(Status(model.status))
                elif score >= ALERT_SCORE and self._explain:
                    self._notice(sentence(model.explain(), parse_time(time_text)))
            add(f"{time_text},{value_text},{score:.9g}" if score else f"{time_text},{value_text},0")
        return "\n".join(scored) + "\n" if scored else ""

    def _unreadable_row(self, time_text: str) -> float:
        """Score a row whose time or value cannot be read; a bad value still is a missing one."""
        self._unreadable += 1
        if self._unreadable >= _HOPELESS_ROWS and self._unreadable >= self._lines - 1:
            raise BadSeries(
                f"{self.name}: none of the first {_HOPELESS_ROWS} rows can be read",
                hint="rows are an ISO 8601 time or epoch number, a comma, a number",
            )
        if self._unreadable == 1:
            self._notice(f"{self.name}:{self._lines}: cannot be read as time and number, scored 0: {time_text[:40]!r}")
        try:
            parse_time(time_text)
        except ValueError:
            return 0.0
        return self.model.observe(self.model.last_time, float("nan"))

    def _note(self, status: Status) -> None:
        self._counts[status] += 1
        if status in _SAID_AT_ONCE:
            self._notice(f"{self.name}:{self._lines}: {_SAID_AT_ONCE[status]}")

    def _sum_up(self) -> None:
        for status, text in _SUMMED_UP.items():
            if self._counts[status]:
                self._notice(f"{self.name}: {self._counts[status]} {text}")
        if self._unreadable > 1:
            self._notice(f"{self.name}: {self._unreadable} rows could not be read, scored 0")


def _decoded(text: bytes) -> list[str]:
    """The lines, whichever way they end."""
    decoded = text.decode("utf-8", "replace")
    if "\r" in decoded:
        decoded = decoded.removesuffix("\r").replace("\r\n", "\n")
    return decoded.split("\n")
