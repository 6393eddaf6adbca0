"""The configuration's part of a set: everything below the configuration folders, secrets excepted."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from controlplane.adapters.backup.files import copy_durably, files_below, told


@dataclass(frozen=True)
class ConfigurationCopies:
    """``sources`` maps a name in the set to a folder or file."""

    sources: Mapping[str, Path]

    def take(self, target: Path) -> dict[str, str | int | float | None]:
        """Copy the files into the new folder ``target``. Raises CmctlError."""
        count = 0
        with told("copied"):
            target.mkdir(mode=0o700)
            for name, source in self.sources.items():
                paths = files_below(source) if source.is_dir() else [source] if source.is_file() else []
                for path in paths:
                    inside = path.relative_to(source) if path != source else Path(path.name)
                    copy_durably(path, target / name / inside)
                    count += 1
        return {"count": count}
