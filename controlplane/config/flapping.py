"""The section ``flapping`` of ``cmctl.yml``: when an alert comes and goes so often that it is told once."""

from typing import Annotated

from pydantic import Field, model_validator

from controlplane.config.section import Section

Seconds = Annotated[float, Field(gt=0, le=7 * 86_400)]


class Flapping(Section):
    """When an alert is said to flap, and when it is calm again."""

    fires: int = Field(
        4, ge=3, le=50, description="An alert flaps when it began to fire so often within `window_seconds`."
    )
    window_seconds: Seconds = Field(1800, description="See `fires`.")
    calm_seconds: Seconds = Field(
        900,
        description="It is calm again when its state has not changed for so long. At least "
        "`window_seconds / (fires - 1)`, or an alert would be called flapping and calm in turns.",
    )

    @model_validator(mode="after")
    def _does_not_flap_itself(self) -> "Flapping":
        least = self.window_seconds / (self.fires - 1)
        if self.calm_seconds < least:
            raise ValueError(f"calm_seconds must be at least window_seconds / (fires - 1), which is {least:g}")
        return self
