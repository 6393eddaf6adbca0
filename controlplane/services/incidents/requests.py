"""Requests about incidents as JSON: strict models whose errors name the field."""

from typing import Literal

from pydantic import AwareDatetime

from controlplane.services.maintenance_request import Body


class OpenRequest(Body):
    """POST /api/v1/incidents."""

    title: str
    author: str
    priority: Literal["P0", "P1", "P2", "P3"] = "P1"
    service: str = ""
    began_at: AwareDatetime | None = None


class NoteRequest(Body):
    """POST /api/v1/incidents/{number}/note."""

    author: str
    text: str
    kind: Literal["note", "impact", "why", "action", "lesson"] = "note"
    key: str = ""


class CloseRequest(Body):
    """POST /api/v1/incidents/{number}/close."""

    author: str
    reason: str = ""
    anyway: bool = False


class ReopenRequest(Body):
    """POST /api/v1/incidents/{number}/reopen."""

    author: str
    reason: str = ""
