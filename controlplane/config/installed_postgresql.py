"""Where PostgreSQL is installed on a deployed host, which backups and restores have to know."""

from pathlib import Path

from pydantic import Field

from controlplane.config.section import Section


class InstalledPostgreSQL(Section):
    """PostgreSQL of the distribution. site.yml writes this on the host that has it."""

    programs: Path = Field(description="Folder of pg_basebackup and the others.")
    data: Path = Field(description="Data directory of the cluster.")
    config_file: Path = Field(
        description="postgresql.conf, which the distribution keeps outside of the data directory."
    )
    account: str = Field("postgres", description="System user that the server runs as.")
    vectors_account: str = Field("claude-memory-mcp", description="System user that owns the vectors.")
