"""Errors of the memory server.

Every error names the object and the problem in ``message``, may carry a ``hint`` with the next step, and has a stable
``code`` that tool callers can react to.

    MemoryServerError           internal             1
    ├── InvalidConfiguration    invalid_configuration 3
    ├── InvalidArgument         invalid_argument     2  a tool argument is outside its bounds
    ├── NotFound                not_found            1  no memory with that id
    ├── StoreUnavailable        postgresql_unavailable 4
    ├── VectorsUnavailable      qdrant_unavailable   4
    ├── EmbeddingsUnavailable   embeddings_unavailable 4
    ├── ModelMismatch           embedding_model_mismatch 1  vectors were made by another model
    ├── ShardInUse              shard_in_use         4  another process owns the Qdrant Edge shard
    ├── NoRoom                  no_room              4  a temporary copy cannot be made
    └── ServerUnreachable       server_unreachable   4  the running memory server does not answer
"""

from collections.abc import Sequence


class MemoryServerError(Exception):
    """An operation failed."""

    code = "internal"
    exit_code = 1

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class InvalidConfiguration(MemoryServerError):
    """One or more settings are wrong; ``problems`` holds a line for each, starting with its path."""

    code = "invalid_configuration"
    exit_code = 3

    def __init__(self, message: str, problems: Sequence[str] = (), hint: str | None = None) -> None:
        super().__init__(message, hint)
        self.problems = tuple(problems)


class InvalidArgument(MemoryServerError):
    """A tool argument is outside its bounds. The message starts with the argument's name."""

    code = "invalid_argument"
    exit_code = 2


class NotFound(MemoryServerError):
    """No memory has the id that was asked for."""

    code = "not_found"


class StoreUnavailable(MemoryServerError):
    """PostgreSQL does not answer, or refuses us."""

    code = "postgresql_unavailable"
    exit_code = 4


class VectorsUnavailable(MemoryServerError):
    """The vector store does not answer."""

    code = "qdrant_unavailable"
    exit_code = 4


class EmbeddingsUnavailable(MemoryServerError):
    """The embedding model cannot be loaded or its endpoint does not answer."""

    code = "embeddings_unavailable"
    exit_code = 4


class ModelMismatch(MemoryServerError):
    """The stored vectors were made by another embedding model than the configured one."""

    code = "embedding_model_mismatch"


class ShardInUse(MemoryServerError):
    """Another process owns the Qdrant Edge shard."""

    code = "shard_in_use"
    exit_code = 4


class NoRoom(MemoryServerError):
    """There is no room for a temporary copy: nothing can be said of what it was to be a copy of."""

    code = "no_room"
    exit_code = 4


class ServerUnreachable(MemoryServerError):
    """The running memory server does not answer."""

    code = "server_unreachable"
    exit_code = 4
