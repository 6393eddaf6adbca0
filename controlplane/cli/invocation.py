"""Global options of one call; every command gets them with ``@click.pass_obj``."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Invocation:
    """``--config``, ``--data-dir`` and the number of ``-v``."""

    config: Path | None
    data_dir: Path | None
    verbosity: int
