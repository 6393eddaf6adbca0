"""A host of the commit before: upgraded with its data, and brought back when the new release does not start, also when
an upgrade to it was killed in the middle.

The tests run in the order of the file.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.deploy.harness.deployment import Deployment
from tests.deploy.harness.host import Host
from tests.deploy.harness.queries import ask


@pytest.fixture(scope="module")
def deployment(make_host: Callable[[str, str], Host], checkout: Path, run_dir: Path) -> Deployment:
    return Deployment(make_host("upgraded", "trixie"), checkout, run_dir / "inventory-upgraded")


@pytest.fixture(scope="module")
def before(checkout_before: Path, run_dir: Path, deployment: Deployment) -> Deployment:
    """The same host, deployed from the commit before."""
    return Deployment(deployment.host, checkout_before, run_dir / "inventory-before")


@contextmanager
def broken(checkout: Path) -> Iterator[None]:
    """A release that migrates the database, and then does not start."""
    module = checkout / "controlplane/daemon/server.py"
    migration = checkout / "controlplane/adapters/store/migrations/9999_of_a_broken_release.sql"
    sound = module.read_text()
    module.write_text(sound + '\nraise RuntimeError("a broken release")\n')
    migration.write_text("ALTER TABLE alerts ADD COLUMN of_a_broken_release integer;\n")
    try:
        yield
    finally:
        module.write_text(sound)
        migration.unlink()


ADDED = "SELECT count(*) FROM pg_attribute WHERE attname = 'of_a_broken_release'"
MAKE_A_TABLE = "BEGIN; CREATE TABLE made_by_the_program (i int); ROLLBACK"


def test_a_failed_upgrade_is_rolled_back_to_the_commit_before(deployment: Deployment, before: Deployment) -> None:
    before.deploy()
    before.wait_until_green()
    before.alert("StoredByTheCommitBefore")
    own_everything(before.host)
    release = before.release()
    units = deployment.host.execute("sh", "-c", UNITS)
    with broken(deployment.checkout):
        # Killed with the new release in place of the old one, and a unit of the new one written.
        deployment.cut_off_when("playbooks/upgrade.yml", lambda printed: "TASK [mcp_server : Start now" in printed[-1])
        assert deployment.release() != release
        outcome = deployment.play("playbooks/upgrade.yml")
    assert outcome.returncode != 0
    assert f"{Path(release).name} runs again" in " ".join(outcome.output.split())
    assert deployment.release() == release
    assert deployment.host.execute("sh", "-c", UNITS) == units
    assert ask(deployment.host, ADDED, database="claude_memory_controlplane") == "1"
    # The release before may rely on all the rights that it had, at once and whenever it starts again.
    deployment.host.execute("systemctl", "restart", "claude-memory-mcp", "claude-memory-controlplane")
    deployment.wait_until_green()
    assert "StoredByTheCommitBefore" in deployment.alerts()
    assert ask(deployment.host, MAKE_A_TABLE, "claude_memory") == "BEGIN\nCREATE TABLE\nROLLBACK"
    assert deployment.host.execute("systemctl", "list-units", "--failed", "--plain", "--no-legend") == ""


UNITS = "cd /etc && sha256sum systemd/system/claude-memory-*.service claude-memory/*.yml"


def own_everything(host: Host) -> None:
    """Make the programs' roles the owners of their databases, as they were before owners were roles of their own."""
    for database, program in (("claude_memory_db", "claude_memory"), ("claude_memory_controlplane",) * 2):
        if ask(host, f"SELECT count(*) FROM pg_roles WHERE rolname = '{program}_owner'") == "1":
            ask(host, f"REASSIGN OWNED BY {program}_owner TO {program}", database=database)
        assert ask(host, f"SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = '{database}'") == program


def test_an_upgrade_from_the_commit_before_keeps_the_data(deployment: Deployment) -> None:
    outcome = deployment.play("playbooks/upgrade.yml")
    assert outcome.returncode == 0, outcome.output[-4000:]
    deployment.wait_until_green()
    assert "StoredByTheCommitBefore" in deployment.alerts()


def test_programs_have_no_rights_of_owners_once_the_release_has_shown_that_it_works(deployment: Deployment) -> None:
    assert "permission denied for schema public" in ask(deployment.host, MAKE_A_TABLE, "claude_memory")
    own_everything(deployment.host)
    deployment.deploy()  # site.yml does so, too
    assert "permission denied for schema public" in ask(deployment.host, MAKE_A_TABLE, "claude_memory")
    deployment.wait_until_green()


def test_site_after_an_upgrade_leaves_nothing_to_change(deployment: Deployment) -> None:
    assert deployment.deploy("--check").changes() == []
