"""Reports of drills in the history beside the backups, which survives PostgreSQL."""

import logging
from dataclasses import dataclass

from controlplane.adapters.backup.catalogue import Catalogue
from controlplane.domain.backup.drill import DrillReport, from_json, to_json

logger = logging.getLogger(__name__)

EVENT = "drilled"


@dataclass(frozen=True)
class DrillRecords:
    """Reads and writes the history of ``catalogue``."""

    catalogue: Catalogue

    def keep(self, report: DrillReport) -> None:
        """Append, durably. Raises CmctlError."""
        self.catalogue.record(EVENT, report.finished_at, to_json(report))

    def reports(self) -> list[DrillReport]:
        """Every drill, newest first; what cannot be understood is left out and logged."""
        found = []
        for event in self.catalogue.history():
            if event.get("event") == EVENT:
                try:
                    found.append(from_json(event))
                except (ValueError, KeyError, TypeError) as error:
                    logger.warning(
                        "A drill in the history is not one", extra={"action": "drill_records", "problem": str(error)}
                    )
        return found[::-1]
