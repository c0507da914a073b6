"""A replica of the editor's documents on the gateway's side, kept equal by deltas.

The sender tells a document once and then only its changes; a request cites ranges. Every change names
the version it builds on and the length it leads to; after a rest a hash of the whole is compared too
(hashing half a megabyte costs a third of a millisecond: not on every key). A replica that does not fit
is dropped and asked for again, whole: the person never notices, and nothing is ever computed on a wrong
text. Replicas live in memory only.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

from spark_lsp.wire.frames import DocCheck, DocChunk, DocEdit, DocOpen, DocRef


def digest(text: str) -> str:
    """Return the hash by which both sides compare a text: blake2b with 128 bits."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


class _Growing:
    """A text that comes in pieces, hashed as they come: to join and hash it whole would hold up others."""

    def __init__(self) -> None:
        self.length = 0
        self._pieces: list[str] = []
        self._hash = hashlib.blake2b(digest_size=16)

    def add(self, piece: str) -> None:
        self._pieces.append(piece)
        self.length += len(piece)
        self._hash.update(piece.encode("utf-8", "surrogatepass"))

    def digest(self) -> str:
        return self._hash.hexdigest()

    def text(self) -> str:
        return "".join(self._pieces)


@dataclass(slots=True)
class Replica:
    """One document as the gateway has it; `complete` once all its chunks have come."""

    uri: str
    language: str
    version: int
    text: str
    length: int
    hash: str
    growing: _Growing | None = None

    @property
    def complete(self) -> bool:
        """Whether the whole text is there."""
        return self.growing is None


class Mirror:
    """The replicas of one session; each method returns False when the document must be sent again.

    It says so once: changes that were under way meanwhile must not have it sent once more each.
    """

    def __init__(self) -> None:
        self._replicas: dict[str, Replica] = {}
        self._awaited: set[str] = set()

    def take(self, frame: DocOpen | DocChunk | DocEdit | DocCheck) -> bool:
        """Take any message about a document's text."""
        match frame:
            case DocOpen():
                return self.open(frame)
            case DocChunk():
                return self.chunk(frame)
            case DocEdit():
                return self.edit(frame)
            case _:
                return self.check(frame)

    def open(self, frame: DocOpen) -> bool:
        """Take the beginning of a document."""
        growing = _Growing()
        replica = Replica(frame.uri, frame.language, frame.version, "", frame.length, frame.hash, growing)
        self._replicas[frame.doc] = replica
        self._awaited.discard(frame.doc)
        return self._grow(frame.doc, replica, growing, frame.text)

    def chunk(self, frame: DocChunk) -> bool:
        """Take more of a document that is being opened."""
        replica = self._replicas.get(frame.doc)
        if replica is None or replica.version != frame.version or replica.growing is None:
            return self._drop(frame.doc)
        return self._grow(frame.doc, replica, replica.growing, frame.text)

    def edit(self, frame: DocEdit) -> bool:
        """Take changes, made one after another."""
        replica = self._replicas.get(frame.doc)
        if replica is None or not replica.complete or replica.version != frame.base:
            return self._drop(frame.doc)
        text = replica.text
        for edit in frame.edits:
            if not 0 <= edit.start <= edit.end <= len(text):
                return self._drop(frame.doc)
            text = text[: edit.start] + edit.new + text[edit.end :]
        if len(text) != frame.length:
            return self._drop(frame.doc)
        replica.text, replica.version, replica.length = text, frame.version, frame.length
        return True

    def check(self, frame: DocCheck) -> bool:
        """Compare hashes; a check of an older version than the replica's says nothing."""
        replica = self._replicas.get(frame.doc)
        if replica is None or not replica.complete:
            return self._drop(frame.doc)
        if replica.version == frame.version and digest(replica.text) != frame.hash:
            return self._drop(frame.doc)
        return True

    def agrees(self, reference: DocRef) -> bool:
        """Compare a document after a reconnect, when another version is another text."""
        replica = self.find(reference.doc, reference.version)
        if replica is None or digest(replica.text) != reference.hash:
            return self._drop(reference.doc)
        return True

    def keep_only(self, docs: Iterable[str]) -> None:
        """Forget all other documents."""
        self._replicas = {doc: self._replicas[doc] for doc in docs if doc in self._replicas}

    def copy(self) -> "Mirror":
        """Return the same replicas for another connection; what is half sent stays behind."""
        other = Mirror()
        other._replicas = {doc: replace(each) for doc, each in self._replicas.items() if each.complete}
        return other

    @property
    def size(self) -> int:
        """Characters of all replicas."""
        return sum(len(replica.text) for replica in self._replicas.values())

    def close(self, doc: str) -> None:
        """Forget a document."""
        self._replicas.pop(doc, None)
        self._awaited.discard(doc)

    def find(self, doc: str, version: int) -> Replica | None:
        """Return the replica if it is complete and has just this version."""
        replica = self._replicas.get(doc)
        return replica if replica is not None and replica.complete and replica.version == version else None

    def _grow(self, doc: str, replica: Replica, growing: _Growing, piece: str) -> bool:
        """Take more of a replica; once all of it should be there, only with the right hash."""
        growing.add(piece)
        if growing.length > replica.length:
            return self._drop(doc)
        if growing.length == replica.length:
            replica.text, replica.growing = growing.text(), None
            return growing.digest() == replica.hash or self._drop(doc)
        return True

    def _drop(self, doc: str) -> bool:
        """Give up a replica; True if it is on its way again already."""
        self._replicas.pop(doc, None)
        awaited = doc in self._awaited
        self._awaited.add(doc)
        return awaited
