"""Questions to PostgreSQL on a host."""

from tests.deploy.harness.host import Host

SECRETS = {
    "claude_memory": "memory",
    "claude_memory_owner": "memory_owner",
    "claude_memory_controlplane": "controlplane",
    "claude_memory_backup": "backup",
    "claude_memory_monitoring": "monitoring",
}


def ask(host: Host, query: str, role: str = "", database: str = "claude_memory_db") -> str:
    """The answer to a query: as the superuser, or as a role with its password over TCP; an error is an answer, too."""
    psql = f'psql -XAt -d {database} -c "{query}" 2>&1'
    if not role:
        return host.execute("runuser", "-u", "postgres", "--", "sh", "-c", f"cd / && {psql}").strip()
    secret = f"/etc/claude-memory/secrets/postgresql_{SECRETS[role]}_password"
    return host.execute("sh", "-c", f"PGPASSWORD=$(cat {secret}) {psql} -h 127.0.0.1 -U {role} || true").strip()
