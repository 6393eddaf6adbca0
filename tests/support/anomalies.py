"""An anomaly in the database of a running daemon, as detection would have kept it."""

import asyncio

import yaml

from controlplane.adapters.store.anomalies import PostgresAnomalyStore
from controlplane.adapters.store.database import Address, Database
from controlplane.domain.anomaly.episode import Episode, begin, end
from controlplane.domain.anomaly.verdict import Explanation, Kind
from controlplane.domain.anomaly.watch import SeriesKey
from tests.support.daemon import ROLE, DaemonProcess

FACTS = Explanation(Kind.LEVEL, 9.0, 2.0, 1.0, 0.1, True, 0.9, 0)


def keep_episode(daemon: DaemonProcess, started_at: float = 1_751_889_600.0, watch: str = "memory_latency") -> Episode:
    """Keep an ended episode of a watch without labels; returns it."""
    key = SeriesKey(watch)
    episode = end(begin(key.id, watch, key.labels, started_at, 0.999, FACTS), started_at + 60, "back to normal")

    async def keep() -> None:
        settings = yaml.safe_load((daemon.data_dir / "etc" / "cmctl.yml").read_text(encoding="utf-8"))
        password = (daemon.data_dir / "secrets" / "postgresql_controlplane_password").read_text(encoding="utf-8")
        where = settings["postgresql"]
        address = Address(
            where["host"], settings["ports"]["postgresql"], where["controlplane_database"], ROLE, lambda: password
        )
        database = Database(address, max_connections=1, migrates=False)
        await database.connect()
        await PostgresAnomalyStore(database).save_episodes([episode])
        await database.close()

    asyncio.run(keep())
    return episode
