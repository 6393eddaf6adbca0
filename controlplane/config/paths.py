"""Where things are inside a data directory, and where the shipped resources are."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class DataLayout:
    """Paths under the data directory. Only ``secret`` looks at the disk, for a credential of systemd."""

    data_dir: Path

    @property
    def etc(self) -> Path:
        """Rendered and user-owned configuration."""
        return self.data_dir / "etc"

    @property
    def secrets(self) -> Path:
        """Generated secrets, one per file, readable by the owner only."""
        return self.data_dir / "secrets"

    @property
    def logs(self) -> Path:
        """Logs of every component, and alerts.log."""
        return self.data_dir / "log"

    @property
    def run(self) -> Path:
        """Process ids, locks and (when the path is short enough) sockets."""
        return self.data_dir / "run"

    @property
    def supervisor_socket_record(self) -> Path:
        """File that says where the socket of the stack's supervisord is."""
        return self.run / "supervisor.socket"

    @property
    def journal(self) -> Path:
        """Alerts accepted by the webhook and not yet moved to PostgreSQL."""
        return self.data_dir / "journal"

    @property
    def rejected(self) -> Path:
        """Webhook bodies that could not be taken, kept for inspection."""
        return self.data_dir / "rejected"

    @property
    def alert_log(self) -> Path:
        """Accepted alerts as JSON lines."""
        return self.logs / "alerts.log"

    @property
    def postgresql(self) -> Path:
        """Data directory of the embedded PostgreSQL."""
        return self.data_dir / "postgresql"

    @property
    def vectors(self) -> Path:
        """Qdrant Edge shard."""
        return self.data_dir / "qdrant"

    @property
    def prometheus(self) -> Path:
        """Prometheus sample store."""
        return self.data_dir / "prometheus"

    @property
    def alertmanager(self) -> Path:
        """Alertmanager's silences and notification log."""
        return self.data_dir / "alertmanager"

    @property
    def restoring(self) -> Path:
        """What a restore prepares."""
        return self.data_dir / "restoring"

    @property
    def drill(self) -> Path:
        """What a drill restores, as long as it is at work."""
        return self.data_dir / "drill"

    @property
    def replaced(self) -> Path:
        """What restores replaced, kept until somebody drops it."""
        return self.data_dir / "replaced"

    @property
    def restore_journal(self) -> Path:
        """How far the latest restore is."""
        return self.data_dir / "restore.json"

    @property
    def planned_work(self) -> Path:
        """Records of restores, drills and the like: what is done on purpose and takes services away."""
        return self.data_dir / "planned-work"

    def secret(self, name: str) -> Path:
        """File of one secret, for example ``controlplane_token`` or ``postgresql_memory_password``.

        A service that systemd hands the secret as a credential has it there.
        """
        credential = Path(os.environ.get("CREDENTIALS_DIRECTORY", "")) / name
        return credential if credential.is_absolute() and credential.exists() else self.secrets / name


def resource_dir(name: str) -> Path:
    """Folder of shipped resources such as ``templates`` or ``alert_rules``.

    In a checkout it stands beside the packages; an installed wheel carries it
    under ``share/claude-memory`` of its environment.
    Raises FileNotFoundError when neither exists.
    """
    checkout = Path(__file__).resolve().parents[2] / name
    if checkout.is_dir():
        return checkout
    installed = Path(sys.prefix) / "share" / "claude-memory" / name
    if installed.is_dir():
        return installed
    raise FileNotFoundError(f"resource folder {name!r} is neither at {checkout} nor at {installed}")
