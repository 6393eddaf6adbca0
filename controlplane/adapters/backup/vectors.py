"""The vectors' part of a set: the memory server's own command copies them, as it alone may open the shard."""

import json
import subprocess  # our own console script, with arguments of ours
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from controlplane.errors import CmctlError

ARCHIVE = "vectors.tar"


@dataclass(frozen=True)
class VectorSnapshots:
    """``command`` is ``claude-memory-mcp``, ``config_file`` its configuration; without ``environment`` it gets ours."""

    command: Path
    config_file: Path
    environment: Mapping[str, str] | None = None

    def take(self, target: Path, unless: str | None) -> dict[str, str | int | float | None] | None:
        """Write the vectors into the new folder ``target`` and return what they are. Raises CmctlError.

        None when they are still those of the revision ``unless``; then nothing is written.
        """
        target.mkdir(mode=0o700)
        told = self._run("snapshot", str(target / ARCHIVE), *(("--unless", unless) if unless else ()))
        return None if told.get("unchanged") else told

    def reconcile(self) -> dict[str, str | int | float | None]:
        """Have the running server compare its vectors with PostgreSQL and repair them: missing and surplus ones."""
        return self._run("reconcile")

    def _run(self, *arguments: str) -> dict[str, str | int | float | None]:
        command = [str(self.command), *arguments, "--config", str(self.config_file)]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
            reason = lines[0].removeprefix("error: ") if lines else f"exit code {done.returncode}"
            raise CmctlError(f"{arguments[0]} of the vectors failed: {reason}", hint="cmctl status shows what is down")
        try:
            answer: dict[str, str | int | float | None] = json.loads(done.stdout)
        except ValueError as error:
            raise CmctlError(f"{self.command} {arguments[0]} did not answer with JSON") from error
        return answer
