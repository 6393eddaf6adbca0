"""Where backups and restores find PostgreSQL, on an embedded stack and on a deployed host."""

import os
import pwd
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from controlplane.adapters.unprivileged import ACCOUNT, Runner
from controlplane.config.load import Locations
from controlplane.config.paths import DataLayout, resource_dir
from controlplane.config.schema import Settings
from controlplane.errors import CmctlError, Refused

HOST_CONFIGURATION = Path("/etc/claude-memory")
PROMETHEUS_RULES = Path("/etc/prometheus/rules")


@dataclass(frozen=True)
class BackupPlace:
    """PostgreSQL's ``programs`` and ``data``, the accounts of the data (None: ours), what a start needs to be told."""

    programs: Path
    data: Path
    account: str
    vectors_account: str | None = None
    start_settings: tuple[str, ...] = ()
    configuration: Mapping[str, Path] = field(default_factory=dict)

    def runner(self, folder: Path, say: Callable[[str], None]) -> Runner:
        """How PostgreSQL's programs are run with files below ``folder``. Raises CmctlError."""
        from controlplane.adapters.unprivileged import runner

        return runner(self.programs, folder, say, self.account)

    def owner_of_vectors(self) -> tuple[int, int] | None:
        """User and group that the vectors belong to, None for our own."""
        if self.vectors_account is None:
            return None
        try:
            account = pwd.getpwnam(self.vectors_account)
        except KeyError as error:
            raise CmctlError(
                f"there is no system user {self.vectors_account}, whom the vectors belong to",
                hint="run site.yml for this host",
            ) from error
        return account.pw_uid, account.pw_gid


def backup_place(settings: Settings, locations: Locations) -> BackupPlace:
    """Raises Refused on a deployed host without PostgreSQL."""
    if settings.mode == "embedded":
        from controlplane.adapters.toolchain import postgresql_bin

        layout = DataLayout(settings.data_dir)
        shipped = {name: resource_dir(name) for name in ("alert_rules", "objectives")}
        configuration = {"etc": layout.etc, "cmctl": locations.config_file, **shipped}
        return BackupPlace(postgresql_bin(), layout.postgresql, ACCOUNT, configuration=configuration)
    installed = settings.postgresql.installed
    if installed is None:
        raise Refused(
            "PostgreSQL and the control plane are on different hosts; backups need both on one",
            hint="use the backup tools of the distribution's PostgreSQL on its host",
        )
    folder = installed.config_file.parent
    return BackupPlace(
        programs=installed.programs,
        data=installed.data,
        account=installed.account,
        vectors_account=installed.vectors_account,
        start_settings=(f"config_file={installed.config_file}", f"ident_file={folder / 'pg_ident.conf'}",
                        "external_pid_file=", "ssl=off"),
        # Not the whole folder: it holds the secrets, too.
        configuration={
            "cmctl": locations.config_file,
            "mcp": HOST_CONFIGURATION / "mcp.yml",
            "objectives": HOST_CONFIGURATION / "objectives",
            "alert_rules": PROMETHEUS_RULES,
        },
    )  # fmt: skip


def memory_server_environment() -> dict[str, str]:
    """Environment of ``claude-memory-mcp``, which needs its token: systemd's credential, else the secrets of root."""
    return {"CREDENTIALS_DIRECTORY": str(HOST_CONFIGURATION / "secrets"), **os.environ}
