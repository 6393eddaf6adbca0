"""PromQL series selectors as values: parsed once, changed by adding matchers, rendered with proper quoting."""

import re
from dataclasses import dataclass, replace
from typing import NoReturn

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_OPERATOR = re.compile(r"=~|!~|!=|=")
_STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"|\'(?:[^\'\\\n]|\\.)*\'')
_SPACE = re.compile(r"\s*")
_ESCAPE = re.compile(r"\\(.)")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


@dataclass(frozen=True, order=True)
class Matcher:
    """One label matcher; ``operator`` is ``=``, ``!=``, ``=~`` or ``!~``."""

    label: str
    operator: str
    value: str

    def __str__(self) -> str:
        escaped = self.value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'{self.label}{self.operator}"{escaped}"'


@dataclass(frozen=True)
class Selector:
    """A metric name and matchers, in the order they were written."""

    metric: str
    matchers: tuple[Matcher, ...] = ()

    def __str__(self) -> str:
        if not self.matchers:
            return self.metric
        return f"{self.metric}{{{','.join(str(matcher) for matcher in self.matchers)}}}"

    def suffixed(self, suffix: str) -> "Selector":
        """The same matchers on ``metric + suffix``, as histograms need it."""
        return replace(self, metric=self.metric + suffix)

    def matching(self, *matchers: Matcher) -> "Selector":
        """The same selector with more matchers."""
        return replace(self, matchers=(*self.matchers, *matchers))


def parse_selector(text: str) -> Selector:
    """Read ``name{label="value",…}``. Raises ValueError that quotes where it stops being one."""
    scanner = _Scanner(text.strip())
    metric = scanner.take(_NAME, "a metric name")
    matchers: list[Matcher] = []
    if scanner.take_if("{"):
        while not scanner.take_if("}"):
            matchers.append(_matcher(scanner))
            if not scanner.take_if(",") and not scanner.at("}"):
                scanner.fail("',' or '}'")
    if not scanner.finished():
        scanner.fail("the end; a selector has no functions, operators or ranges")
    return Selector(metric, tuple(matchers))


def _matcher(scanner: "_Scanner") -> Matcher:
    label = scanner.take(_LABEL, "a label name")
    operator = scanner.take(_OPERATOR, "one of = != =~ !~")
    quoted = scanner.take(_STRING, "a quoted value")
    value = _ESCAPE.sub(lambda match: _ESCAPES.get(match[1], match[1]), quoted[1:-1])
    return Matcher(label, operator, value)


class _Scanner:
    """Position in the text of a selector."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0

    def take(self, pattern: re.Pattern[str], expected: str) -> str:
        self._skip_space()
        match = pattern.match(self._text, self._position)
        if match is None:
            self.fail(expected)
        self._position = match.end()
        return match[0]

    def at(self, character: str) -> bool:
        self._skip_space()
        return self._text.startswith(character, self._position)

    def take_if(self, character: str) -> bool:
        found = self.at(character)
        self._position += len(character) if found else 0
        return found

    def finished(self) -> bool:
        self._skip_space()
        return self._position == len(self._text)

    def fail(self, expected: str) -> NoReturn:
        rest = self._text[self._position :] or "the end"
        raise ValueError(f"{self._text!r} is not a series selector: expected {expected} at {rest!r}")

    def _skip_space(self) -> None:
        match = _SPACE.match(self._text, self._position)
        self._position = match.end() if match else self._position
