"""The section ``remediation`` of ``cmctl.yml``: what may be tried by itself when an alert fires."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from controlplane.config.section import Section
from controlplane.domain.maintenance_entry import parse_matcher
from controlplane.domain.payload_text import PayloadProblem

Seconds = Annotated[float, Field(gt=0, le=7 * 86_400)]
# The control plane cannot restart itself and then say how that went.
Restartable = Literal["postgresql", "qdrant", "mcp_server", "node_exporter", "prometheus", "alertmanager"]
# These stop the stack, run for ever or want a person's word.
FORBIDDEN_VERBS = frozenset({"up", "down", "serve", "restore", "completion"})


class Remedy(Section):
    """One remedy: which alerts it is for, and exactly one of service, playbook and command."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,62}$", description="Unique name, snake_case.")
    matchers: list[str] = Field(
        min_length=1, description="Labels that an alert must have: NAME=VALUE, also != =~ !~; all must fit."
    )
    service: Restartable | None = Field(None, description="Component to restart.")
    playbook: Path | None = Field(None, description="Absolute path of a playbook for ansible-playbook.")
    command: list[str] | None = Field(None, description="Arguments of cmctl, such as [backup, create].")
    dry_run: bool = Field(True, description="Only record what would be done. Turn off once the records look right.")
    wait_seconds: float = Field(60, ge=0, description="So long must the alert have been known here before.")
    max_attempts: int = Field(2, ge=1, le=20, description="Attempts for one alert in window_seconds.")
    window_seconds: Seconds = Field(86_400, description="Attempts older than this do not count.")
    cooldown_seconds: Seconds = Field(900, description="Pause between two attempts of this remedy.")
    timeout_seconds: Seconds = Field(300, description="An attempt that takes longer is ended and has failed.")

    @field_validator("matchers")
    @classmethod
    def _readable(cls, matchers: list[str]) -> list[str]:
        for text in matchers:
            try:
                parse_matcher(text)
            except PayloadProblem as problem:
                raise ValueError(problem.problem) from problem
        return matchers

    @field_validator("playbook")
    @classmethod
    def _absolute(cls, path: Path | None) -> Path | None:
        if path is not None and not path.is_absolute():
            raise ValueError("must be an absolute path: the daemon's directory is no place to look for it")
        return path

    @field_validator("command")
    @classmethod
    def _harmless(cls, command: list[str] | None) -> list[str] | None:
        if command is not None and (not command or command[0] in FORBIDDEN_VERBS or command[0].startswith("-")):
            raise ValueError(f"must begin with a verb of cmctl other than {', '.join(sorted(FORBIDDEN_VERBS))}")
        return command

    @model_validator(mode="after")
    def _exactly_one(self) -> "Remedy":
        if sum(value is not None for value in (self.service, self.playbook, self.command)) != 1:
            raise ValueError("name exactly one of service, playbook and command")
        return self


class Remediation(Section):
    """Remedies that the control plane tries by itself. See docs/incidents.md."""

    enabled: bool = Field(False, description="Try remedies at all.")
    remedies: list[Remedy] = Field(default_factory=list, description="The first whose matchers fit is for an alert.")

    @model_validator(mode="after")
    def _names_differ(self) -> "Remediation":
        names = [remedy.name for remedy in self.remedies]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"remedies.name: {', '.join(twice)} is there twice")
        return self
