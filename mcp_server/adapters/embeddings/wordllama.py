"""WordLlama: static word embeddings whose weights come inside its wheel; nothing is downloaded."""

import asyncio
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from mcp_server.errors import EmbeddingsUnavailable

DIMENSION = 256
MAX_TOKENS = 2_048
# Longer batches go to a thread, so that they do not hold up other requests.
INLINE_CHARACTERS = 4_000


class WordLlamaEmbedder:
    """Implements Embedder: the mean of the token vectors, at most ``MAX_TOKENS`` of them, as a unit vector."""

    name = "wordllama/l2_supercat_256"
    dimension = DIMENSION
    is_local = True

    def __init__(self) -> None:
        """Load the model, about a second. Raises EmbeddingsUnavailable."""
        model = _load()
        self._vectors: np.ndarray[Any, np.dtype[np.float32]] = model.embedding
        self._tokenizer = model.tokenizer
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MAX_TOKENS)

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """One unit vector per text; a text without any token gets a zero vector."""
        if sum(len(text) for text in texts) <= INLINE_CHARACTERS:
            return self._embed(texts)
        return await asyncio.to_thread(self._embed, texts)

    async def close(self) -> None:
        """Nothing is open."""

    def _embed(self, texts: Sequence[str]) -> list[list[float]]:
        encodings = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [self._unit_vector(encoding.ids) for encoding in encodings]

    def _unit_vector(self, token_ids: list[int]) -> list[float]:
        if not token_ids:
            return [0.0] * DIMENSION
        mean = self._vectors[token_ids].mean(axis=0)
        vector: list[float] = (mean / max(float(np.linalg.norm(mean)), 1e-12)).tolist()
        return vector


def _load() -> Any:
    spec = find_spec("wordllama")
    if spec is None or spec.origin is None:
        raise EmbeddingsUnavailable("wordllama is not installed", hint="install it, or set embeddings.provider")
    from wordllama import WordLlama  # imported here: it takes as long as the rest of the server

    try:
        return WordLlama.load(cache_dir=Path(spec.origin).parent, dim=DIMENSION, disable_download=True)
    except (OSError, ValueError) as error:
        raise EmbeddingsUnavailable(f"wordllama: the model cannot be loaded: {error}") from error
