"""The state of a model as bytes: fixed layout, versioned, checked, under 4 KB."""

import struct
import zlib
from array import array
from collections.abc import Iterator
from typing import Any

from controlplane.domain.anomaly.ensemble import SeriesModel
from controlplane.errors import CmctlError

VERSION = 1
_HEADER = struct.Struct("<4sHI")
_MAGIC = b"CMAS"


class BadState(CmctlError):
    """Bytes that are not a state of this version."""


def dump(model: SeriesModel) -> bytes:
    """The whole model, exactly: a loaded copy goes on with the same scores to the last bit."""
    packed = bytearray()
    for owner, name in _leaves(model):
        value = getattr(owner, name)
        packed += bytes(value) if isinstance(value, (array, bytearray)) else struct.pack("<d", value)
    return _HEADER.pack(_MAGIC, VERSION, zlib.crc32(packed)) + zlib.compress(bytes(packed), 9)


def load(state: bytes) -> SeriesModel:
    """The model that ``dump`` wrote.

    Raises:
        BadState: when the bytes are damaged, cut short, or of another version.
    """
    if len(state) < _HEADER.size or state[:4] != _MAGIC:
        raise BadState("the anomaly state is not a state of this program", hint="delete it to start learning anew")
    _, version, checksum = _HEADER.unpack_from(state)
    if version != VERSION:
        raise BadState(f"the anomaly state has version {version}, this program reads {VERSION}", hint="learn anew")
    try:
        packed = zlib.decompress(state[_HEADER.size :])
    except zlib.error as error:
        raise BadState("the anomaly state is damaged", hint="delete it to start learning anew") from error
    model = SeriesModel()
    if zlib.crc32(packed) != checksum or len(packed) != sum(_size(getattr(*leaf)) for leaf in _leaves(model)):
        raise BadState("the anomaly state is damaged", hint="delete it to start learning anew")
    _fill(model, packed)
    return model


def _fill(model: SeriesModel, packed: bytes) -> None:
    position = 0
    for owner, name in _leaves(model):
        fresh = getattr(owner, name)
        size = _size(fresh)
        piece = packed[position : position + size]
        position += size
        if isinstance(fresh, array):
            setattr(owner, name, array(fresh.typecode, piece))
        elif isinstance(fresh, bytearray):
            setattr(owner, name, bytearray(piece))
        else:
            setattr(owner, name, type(fresh)(struct.unpack("<d", piece)[0]))


def _size(value: Any) -> int:
    return len(bytes(value)) if isinstance(value, (array, bytearray)) else 8


def _leaves(part: Any) -> Iterator[tuple[Any, str]]:
    """Every number or array of the model, depth first, in the order of the slots."""
    for name in part.__slots__:
        value = getattr(part, name)
        if isinstance(value, (int, float, array, bytearray)):
            yield part, name
        elif isinstance(value, list):
            for item in value:
                yield from _leaves(item)
        else:
            yield from _leaves(value)
