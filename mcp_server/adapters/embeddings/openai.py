"""Any endpoint with OpenAI's embeddings interface: POST <url>/embeddings."""

from collections.abc import Sequence

import httpx2
from pydantic import BaseModel, ValidationError

from mcp_server.config import Embeddings
from mcp_server.errors import EmbeddingsUnavailable
from mcp_server.settings_file import resolve

BATCH = 128


class _Item(BaseModel):
    index: int
    embedding: list[float]


class _Answer(BaseModel):
    data: list[_Item]


class OpenAIEmbedder:
    """Implements Embedder."""

    is_local = False

    def __init__(self, settings: Embeddings) -> None:
        self._settings = settings
        self.name = f"openai/{settings.model}"
        self.dimension = settings.dimension or 0
        self._client = httpx2.AsyncClient(timeout=settings.timeout_seconds)

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One vector per text. Raises EmbeddingsUnavailable."""
        vectors: list[list[float]] = []
        for start in range(0, len(texts), BATCH):
            vectors += await self._embed(list(texts[start : start + BATCH]))
        return vectors

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _embed(self, texts: list[str]) -> list[list[float]]:
        settings = self._settings
        url = f"{str(settings.url).rstrip('/')}/embeddings"
        headers = {"Authorization": f"Bearer {resolve(settings.api_key)}"} if settings.api_key else {}
        try:
            response = await self._client.post(url, json={"model": settings.model, "input": texts}, headers=headers)
            response.raise_for_status()
            items = sorted(_Answer.model_validate_json(response.content).data, key=lambda item: item.index)
        except (httpx2.HTTPError, ValidationError) as error:
            raise EmbeddingsUnavailable(f"embeddings endpoint {url}: {_reason(error)}") from error
        if [len(item.embedding) for item in items] != [self.dimension] * len(texts):
            raise EmbeddingsUnavailable(
                f"embeddings endpoint {url}: expected {len(texts)} vectors of {self.dimension} numbers",
                hint="set embeddings.dimension to the length that the model gives",
            )
        return [item.embedding for item in items]


def _reason(error: Exception) -> str:
    if isinstance(error, httpx2.HTTPStatusError):
        return f"answers {error.response.status_code}"
    if isinstance(error, ValidationError):
        return "answers something else than embeddings"
    return str(error) or type(error).__name__
