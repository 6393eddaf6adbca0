"""Errors that users of cmctl see, and the exit code of each class.

Every error carries a ``message`` that names the object and the problem, and
may carry a ``hint`` with the next step. Subclass only where a caller reacts
differently.

    CmctlError                 1  operation failed
    ├── UsageProblem           2  the command line asks for something impossible
    ├── InvalidConfiguration   3  one or more settings are wrong, each with its path
    ├── DependencyUnreachable  4  something we talk to does not answer
    └── Refused                5  we could, but must not (or the user aborted)
"""

from collections.abc import Sequence


class CmctlError(Exception):
    """An operation failed."""

    exit_code = 1

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageProblem(CmctlError):
    """The command line asks for something impossible."""

    exit_code = 2


class InvalidConfiguration(CmctlError):
    """One or more settings are wrong.

    ``problems`` holds one line per problem, each starting with the path of the setting.
    """

    exit_code = 3

    def __init__(self, message: str, problems: Sequence[str] = (), hint: str | None = None) -> None:
        super().__init__(message, hint)
        self.problems = tuple(problems)


class DependencyUnreachable(CmctlError):
    """A database, daemon or other peer does not answer."""

    exit_code = 4


class Refused(CmctlError):
    """The operation is possible but not allowed, or the user aborted it."""

    exit_code = 5
