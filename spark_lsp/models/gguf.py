"""Reads the metadata at the beginning of a GGUF file. No I/O: the caller gives the bytes.

The format: the magic `GGUF`, a version, the numbers of tensors and of pairs, then the pairs of key and value,
all little-endian. A file may come from anywhere, so every length is checked against the bytes that exist.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from spark_lsp.errors import ModelError

MAGIC = b"GGUF"
VERSIONS = (2, 3)
ENOUGH_BYTES = 64 * 1024  # the names come first, before the vocabulary of several megabytes
_STRING, _ARRAY = 8, 9
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}

Scalar = str | int | float | bool


class _EndOfBytes(Exception):
    """The next value is not complete."""


@dataclass(slots=True)
class _Cursor:
    data: bytes
    at: int = 0

    def take(self, size: int) -> bytes:
        end = self.at + size
        if end > len(self.data):
            raise _EndOfBytes
        taken = self.data[self.at : end]
        self.at = end
        return taken

    def number(self, kind: str) -> int | float | bool:
        (value,) = struct.unpack(f"<{kind}", self.take(struct.calcsize(f"<{kind}")))
        return value

    def text(self) -> str:
        return self.take(int(self.number("Q"))).decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """The version and the metadata; arrays are left out, and so is all that the bytes did not contain."""

    version: int
    metadata: dict[str, Scalar] = field(default_factory=dict[str, Scalar])

    def text(self, key: str) -> str:
        """Return a value if it is a text, else an empty text."""
        value = self.metadata.get(key, "")
        return value if isinstance(value, str) else ""


def read_header(data: bytes) -> GgufHeader:
    """Return the header in `data`, the beginning of a file; the metadata may be cut off anywhere.

    Raises `ModelError` if this is not the beginning of a GGUF file of a known version.
    """
    cursor = _Cursor(data)
    try:
        magic, version = cursor.take(len(MAGIC)), int(cursor.number("I"))
        cursor.number("Q")  # of tensors
        pairs = int(cursor.number("Q"))
    except _EndOfBytes:
        raise _not_gguf() from None
    if magic != MAGIC or version not in VERSIONS:
        raise _not_gguf()
    return GgufHeader(version, dict(_read_pairs(cursor, pairs)))


def _read_pairs(cursor: _Cursor, pairs: int) -> Iterator[tuple[str, Scalar]]:
    """Give the pairs up to the first one that is incomplete or of an unknown kind."""
    try:
        for _ in range(pairs):  # each takes bytes, so the end of the bytes bounds a wrong number
            key, kind = cursor.text(), int(cursor.number("I"))
            if kind == _ARRAY:
                _skip_array(cursor)
            elif kind == _STRING:
                yield key, cursor.text()
            elif kind in _SCALARS:
                yield key, cursor.number(_SCALARS[kind])
            else:
                return
    except _EndOfBytes:
        return


def _skip_array(cursor: _Cursor) -> None:
    kind, count = int(cursor.number("I")), int(cursor.number("Q"))
    if kind == _STRING:
        for _ in range(count):
            cursor.take(int(cursor.number("Q")))
    elif kind in _SCALARS:
        cursor.take(count * struct.calcsize(f"<{_SCALARS[kind]}"))
    else:  # arrays of arrays do not occur
        raise _EndOfBytes


def _not_gguf() -> ModelError:
    return ModelError(
        "The file is not a GGUF file of version 2 or 3",
        "The embedded engine cannot load it",
        "Choose a file whose name ends in .gguf, from a repository with such files",
    )
