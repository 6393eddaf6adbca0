"""Numbers, spans and moments as a report writes them: never rounded to the better side."""

import math
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from controlplane.domain.slo.quantities import Unit
from controlplane.services.slo.report.words import Speaker

DASH = "–"
_DAY, _HOUR, _MINUTE = 86_400, 3600, 60


class Formats:
    """Writes values in one language and one time zone."""

    def __init__(self, say: Speaker, time_zone: str) -> None:
        self.say = say
        self.time_zone = time_zone
        self._zone = ZoneInfo(time_zone)

    def share(self, ratio: float | None, digits: int = 3) -> str:
        """A share of 1 in per cent, rounded down, so that 99.9996 % is not all of it and 99.8999 % does not pass."""
        if ratio is None:
            return DASH
        scale = 10.0**digits
        # The addend undoes binary noise such as 0.29 * 100 = 28.999999999999996.
        return _minus(f"{math.floor(ratio * 100 * scale + 1e-7) / scale:.{digits}f} %")

    def target(self, ratio: float) -> str:
        """An objective's target as it was written, such as 99.9 %."""
        return f"{ratio * 100:.10g} %"

    def points(self, difference: float) -> str:
        """A difference of two shares in percentage points."""
        return self.say("points", change=_minus(f"{difference * 100:+.3f}"))

    def number(self, value: float) -> str:
        """A number of events; estimates and shares of events keep a digit behind the point."""
        return f"{value:,.0f}" if abs(value - round(value)) < 1e-6 or abs(value) >= 1000 else f"{value:,.1f}"

    def amount(self, unit: Unit, value: float) -> str:
        """So much time, or so many events."""
        if unit == "seconds":
            return self.span(value)
        return self.say("event" if abs(value - 1) < 1e-6 else "events", number=self.number(value))

    def span(self, seconds: float) -> str:
        """A length of time in its two largest units, rounded to the smaller; under a minute in seconds."""
        if seconds < 0:
            return f"−{self.span(-seconds)}"
        if seconds < _MINUTE:
            return self.say("seconds", number=f"{seconds:.3g}")
        smaller = _HOUR if seconds >= _DAY else _MINUTE if seconds >= _HOUR else 1
        whole = round(seconds / smaller) * smaller
        counts = {
            "days": whole // _DAY,
            "hours": whole % _DAY // _HOUR,
            "minutes": whole % _HOUR // _MINUTE,
            "seconds": whole % _MINUTE,
        }
        return " ".join(self.say(name, number=count) for name, count in counts.items() if count)

    def moment(self, moment: datetime) -> str:
        """Date and time to the second."""
        return f"{moment.astimezone(self._zone):%Y-%m-%d %H:%M:%S}"

    def minute(self, moment: datetime) -> str:
        """Date and time to the minute, with seconds only where there are some."""
        local = moment.astimezone(self._zone)
        return f"{local:%Y-%m-%d %H:%M:%S}" if local.second else f"{local:%Y-%m-%d %H:%M}"

    def day(self, moment: datetime) -> str:
        """A date."""
        return f"{moment.astimezone(self._zone):%Y-%m-%d}"

    def until(self, start: datetime, end: datetime) -> str:
        """The end of a stretch, without the date where it is that of the start."""
        same_day = start.astimezone(self._zone).date() == end.astimezone(self._zone).date()
        return self.moment(end)[11:] if same_day else self.moment(end)

    def stretch(self, start: datetime, end: datetime) -> str:
        """A stretch to the minute; a whole day is a date."""
        if start.astimezone(self._zone).time() == end.astimezone(self._zone).time() == time():
            last = end.astimezone(self._zone) - timedelta(days=1)
            return self.day(start) if self.day(start) == self.day(last) else f"{self.day(start)} – {self.day(last)}"
        same_day = self.day(start) == self.day(end)
        return f"{self.minute(start)} – {self.minute(end)[11:] if same_day else self.minute(end)}"


def _minus(text: str) -> str:
    return text.replace("-", "−")
