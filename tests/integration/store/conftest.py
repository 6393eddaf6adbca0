"""The control plane's store on a real, fresh database."""

from collections.abc import AsyncIterator

import pytest
from psycopg.conninfo import conninfo_to_dict

from controlplane.adapters.store.database import Address, Database


def address_of(url: str) -> Address:
    """The store's address for a postgresql:// URL."""
    parts = {name: str(value) for name, value in conninfo_to_dict(url).items()}
    password = parts["password"]
    return Address(parts["host"], int(parts["port"]), parts["dbname"], parts["user"], lambda: password)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A connected, migrated database."""
    database = Database(address_of(database_url))
    await database.connect()
    yield database
    await database.close()
