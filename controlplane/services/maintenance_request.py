"""Requests about maintenance as JSON: strict models whose errors name the field."""

from typing import Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from controlplane.domain.maintenance_entry import Entry, checked_text
from controlplane.domain.payload_text import PayloadProblem
from controlplane.services.maintenance import WorkEnding

Model = TypeVar("Model", bound=BaseModel)


class Body(BaseModel):
    """Base: unknown keys are errors, and so is text where a number belongs."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class AddRequest(Body):
    """POST /api/v1/maintenance."""

    key: str
    author: str
    reason: str
    services: list[str] = Field(default_factory=list)
    matchers: list[str] = Field(default_factory=list)
    everything: bool = False
    starts_at: AwareDatetime | None = None
    ends_at: AwareDatetime | None = None
    duration_seconds: float | None = Field(None, gt=0, allow_inf_nan=False)
    recurrence: str | None = None
    time_zone: str = "UTC"
    work: str | None = None

    def to_entry(self) -> Entry:
        """The request for the service."""
        return Entry(**{name: getattr(self, name) for name in AddRequest.model_fields})


class EndRequest(Body):
    """POST /api/v1/maintenance/{id}/end."""

    author: str
    withdraw: bool = False
    outcome: Literal["succeeded", "failed", "interrupted"] = "succeeded"
    detail: str = ""

    def ending(self) -> WorkEnding:
        """How the work ended, for the service. Raises PayloadProblem."""
        return WorkEnding(self.outcome, checked_text("detail", self.detail) if self.detail else "")


def parse(model: type[Model], body: bytes) -> Model:
    """Read a body. Raises PayloadProblem that names the field."""
    try:
        return model.model_validate_json(body or b"null")
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "body"
        raise PayloadProblem(field, first["msg"]) from error
