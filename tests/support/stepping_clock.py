"""Stand-in for a machine whose clock steps back: ``cmctl`` and its scheduler read a clock that a file sets back.

``python stepping_clock.py FILE ARGUMENT…``. FILE holds the seconds by which the clock is behind. Setting the clock of
the machine would take root and disturb everything else on it; other libraries keep the machine's clock.
"""

import sys
from collections.abc import Sequence
from datetime import datetime, timedelta, tzinfo
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

_BEHIND = Path(sys.argv[1])
STEPPED = ("controlplane", "apscheduler")


class _AnyDatetime(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, datetime)


class SteppedDatetime(datetime, metaclass=_AnyDatetime):
    """Stands where a module says ``datetime``. Everything that it makes is an ordinary datetime."""

    def __new__(cls, *arguments: Any, **named: Any) -> Any:
        """An ordinary datetime."""
        return datetime(*arguments, **named)  # noqa: DTZ001 - whoever calls gives the zone

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Any:
        """The time on the clock that was set back."""
        return datetime.now(tz) - timedelta(seconds=float(_BEHIND.read_text(encoding="ascii")))

    fromisoformat = datetime.fromisoformat  # type: ignore[assignment]
    fromtimestamp = datetime.fromtimestamp  # type: ignore[assignment]
    combine = datetime.combine  # type: ignore[assignment]
    strptime = datetime.strptime  # type: ignore[assignment]


class Finder(PathFinder):
    """Puts the stepped clock into every module of the control plane and of APScheduler once it is loaded."""

    @classmethod
    def find_spec(
        cls, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The module's own spec, with a loader that changes the module afterwards."""
        spec = super().find_spec(fullname, path, target)
        loader: Any = spec.loader if spec and fullname.split(".")[0] in STEPPED else None
        if loader is not None:
            load = loader.exec_module

            def load_and_step(module: ModuleType) -> None:
                load(module)
                if getattr(module, "datetime", None) is datetime:
                    module.datetime = SteppedDatetime  # type: ignore[attr-defined]

            loader.exec_module = load_and_step
        return spec


if __name__ == "__main__":
    sys.argv[:] = ["cmctl", *sys.argv[2:]]
    sys.meta_path.insert(0, Finder)
    from controlplane.cli.main import main

    main()
