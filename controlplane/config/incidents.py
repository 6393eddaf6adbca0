"""The section ``incidents`` of ``cmctl.yml``."""

from pydantic import Field

from controlplane.config.section import Section


class Incidents(Section):
    """P0 and P1 alerts open incidents. See docs/incidents.md."""

    enabled: bool = Field(True, description="Open incidents; off, alerts are only alerts.")
    join_window_seconds: float = Field(
        3600,
        gt=0,
        le=7 * 86_400,
        description="An alert of the same profile and service joins an open incident when it began while one of its "
        "alerts fired, or within this time of its last news.",
    )
    close_after_hours: float = Field(
        72,
        gt=0,
        le=24 * 365,
        description="An incident whose alerts have all ended is closed by the control plane when nobody has closed it "
        "for this time.",
    )
