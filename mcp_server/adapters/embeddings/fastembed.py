"""fastembed: ONNX models, an optional extra. The model must have been downloaded, or be allowed to be."""

import asyncio
from collections.abc import Sequence
from typing import Any

from mcp_server.config import Embeddings
from mcp_server.errors import EmbeddingsUnavailable


class FastembedEmbedder:
    """Implements Embedder."""

    is_local = True

    def __init__(self, settings: Embeddings) -> None:
        """Load the model. Raises EmbeddingsUnavailable when fastembed or the model is missing."""
        self.name = f"fastembed/{settings.model}"
        try:
            from fastembed import TextEmbedding  # an optional dependency
        except ImportError as error:
            raise EmbeddingsUnavailable(
                "fastembed is not installed", hint="pip install 'claude-memory-controlplane[fastembed]'"
            ) from error
        try:
            self._model: Any = TextEmbedding(settings.model, cache_dir=settings.cache_dir and str(settings.cache_dir))
            self.dimension = len(self._embed(["x"])[0])
        except Exception as error:  # its errors share no base class
            raise EmbeddingsUnavailable(f"fastembed: model {settings.model}: {error}") from error

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector per text."""
        return await asyncio.to_thread(self._embed, list(texts))

    async def close(self) -> None:
        """Nothing is open."""

    def _embed(self, texts: list[str]) -> list[list[float]]:
        return [vector.tolist() for vector in self._model.embed(texts)]
