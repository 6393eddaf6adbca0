"""The state of a model as bytes: fixed layout, versioned, checked, under 4 KB.

States of earlier versions load: what a version added starts as in a new model, and all else goes on.
"""

import struct
import zlib
from array import array
from collections.abc import Iterator
from typing import Any

from controlplane.domain.anomaly.calibration import Restraint
from controlplane.domain.anomaly.ensemble import SeriesModel
from controlplane.domain.anomaly.run import Run
from controlplane.errors import CmctlError

VERSION = 3
# The parts that a version added, by their class.
_ADDED: dict[int, tuple[type, ...]] = {2: (Run,), 3: (Restraint,)}
_HEADER = struct.Struct("<4sHI")
_MAGIC = b"CMAS"


class BadState(CmctlError):
    """Bytes that are not a state of this version or an earlier one."""


def dump(model: SeriesModel) -> bytes:
    """The whole model, exactly: a loaded copy goes on with the same scores to the last bit."""
    packed = bytearray()
    for owner, name in _leaves(model, ()):
        value = getattr(owner, name)
        packed += bytes(value) if isinstance(value, (array, bytearray)) else struct.pack("<d", value)
    return _HEADER.pack(_MAGIC, VERSION, zlib.crc32(packed)) + zlib.compress(bytes(packed), 9)


def load(state: bytes) -> SeriesModel:
    """The model that ``dump`` wrote, in this version or an earlier one.

    Raises:
        BadState: when the bytes are damaged, cut short, or of a later version.
    """
    if len(state) < _HEADER.size or state[:4] != _MAGIC:
        raise BadState("the anomaly state is not a state of this program", hint="delete it to start learning anew")
    _, version, checksum = _HEADER.unpack_from(state)
    if not 1 <= version <= VERSION:
        problem = f"the anomaly state has version {version}, this program reads up to {VERSION}"
        raise BadState(problem, hint="use the program that wrote it, or delete it to start learning anew")
    try:
        packed = zlib.decompress(state[_HEADER.size :])
    except zlib.error as error:
        raise BadState("the anomaly state is damaged", hint="delete it to start learning anew") from error
    model = SeriesModel()
    absent = tuple(part for since, parts in _ADDED.items() if since > version for part in parts)
    leaves = list(_leaves(model, absent))
    if zlib.crc32(packed) != checksum or len(packed) != sum(_size(getattr(*leaf)) for leaf in leaves):
        raise BadState("the anomaly state is damaged", hint="delete it to start learning anew")
    _fill(leaves, packed)
    return model


def _fill(leaves: list[tuple[Any, str]], packed: bytes) -> None:
    position = 0
    for owner, name in leaves:
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


def _leaves(part: Any, absent: tuple[type, ...]) -> Iterator[tuple[Any, str]]:
    """Every number or array of the model but those of ``absent`` parts, depth first, in the order of the slots."""
    for name in part.__slots__:
        value = getattr(part, name)
        if isinstance(value, (int, float, array, bytearray)):
            yield part, name
        elif isinstance(value, list):
            for item in value:
                yield from _leaves(item, absent)
        elif not isinstance(value, absent):
            yield from _leaves(value, absent)
