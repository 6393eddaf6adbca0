"""Who is sent which SLA reports: the part ``send_to`` of the section ``reports``."""

from typing import Literal

from pydantic import Field

from controlplane.config.section import Section


class ReportRecipient(Section):
    """A receiver of notifications that is sent reports."""

    receiver: str = Field(description="Name of one of `notifications.receivers`.")
    kinds: list[Literal["day", "week", "month"]] = Field(
        ["day", "week", "month"], min_length=1, description="Reports of such a calendar unit."
    )
    language: Literal["en", "zh", "both"] | None = Field(
        None, description="Language of the message; without it, that of the receiver."
    )
