"""The gateway's replicas of the editor's documents: the receiving end of a *mirror*, kept equal by deltas.

The sender sends a document once and then only its changes; a request names ranges of it. Each change names
the version that it applies to and the resulting length. After a rest, the sender also sends a hash of the
complete text (hashing half a megabyte takes a third of a millisecond, too long for each keystroke). A replica
that does not match is dropped, and the gateway requests the full text. The user never notices, and nothing is
computed on a wrong text. Replicas live in memory only.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace

from spark_lsp.request import CONTEXT_SCHEME
from spark_lsp.wire.frames import DocCheck, DocChunk, DocEdit, DocOpen, DocRef


def digest(text: str) -> str:
    """Return the hash that both sides compare: blake2b with 128 bits."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


class _IncompleteText:
    """A text that comes in pieces.

    Each piece is hashed at once, because hashing all of them together would block other lanes.
    """

    def __init__(self) -> None:
        self.length = 0
        self._pieces: list[str] = []
        self._hash = hashlib.blake2b(digest_size=16)

    def add_piece(self, piece: str) -> None:
        self._pieces.append(piece)
        self.length += len(piece)
        self._hash.update(piece.encode("utf-8", "surrogatepass"))

    def digest(self) -> str:
        return self._hash.hexdigest()

    def join(self) -> str:
        return "".join(self._pieces)


@dataclass(slots=True)
class Replica:
    """One document as the gateway has it; `incomplete` until all its chunks have come."""

    uri: str
    language: str
    version: int
    text: str
    length: int
    hash: str
    incomplete: _IncompleteText | None = None

    @property
    def complete(self) -> bool:
        """Whether all of the text has come."""
        return self.incomplete is None


class ReplicaStore:
    """The replicas of one connection. A method returns False if the client must send the document again.

    It returns False only once per document, so that edits already in flight do not each trigger a resend.
    """

    def __init__(self) -> None:
        self._replicas: dict[str, Replica] = {}
        self._requested: set[str] = set()
        self._changed: set[str] = set()

    def take_frame(self, frame: DocOpen | DocChunk | DocEdit | DocCheck) -> bool:
        """Take a message about a document's text."""
        match frame:
            case DocOpen():
                return self.open_document(frame)
            case DocChunk():
                return self.add_chunk(frame)
            case DocEdit():
                return self.apply_edits(frame)
            case _:
                return self.check_hash(frame)

    def open_document(self, frame: DocOpen) -> bool:
        """Take the beginning of a document."""
        incomplete = _IncompleteText()
        replica = Replica(frame.uri, frame.language, frame.version, "", frame.length, frame.hash, incomplete)
        self._replicas[frame.doc] = replica
        self._changed.add(frame.doc)
        self._requested.discard(frame.doc)
        return self._add_piece(frame.doc, replica, incomplete, frame.text)

    def add_chunk(self, frame: DocChunk) -> bool:
        """Take more of a document that is being opened."""
        replica = self._replicas.get(frame.doc)
        if replica is None or replica.version != frame.version or replica.incomplete is None:
            return self._drop(frame.doc)
        return self._add_piece(frame.doc, replica, replica.incomplete, frame.text)

    def apply_edits(self, frame: DocEdit) -> bool:
        """Take edits, which apply one after another."""
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
        replica.text = text
        self._changed.add(frame.doc)
        replica.version = frame.version
        replica.length = frame.length
        return True

    def check_hash(self, frame: DocCheck) -> bool:
        """Compare hashes; the check of an older version is ignored."""
        replica = self._replicas.get(frame.doc)
        if replica is None or not replica.complete:
            return self._drop(frame.doc)
        if replica.version == frame.version and digest(replica.text) != frame.hash:
            return self._drop(frame.doc)
        return True

    def agrees_with(self, reference: DocRef) -> bool:
        """Compare a document after a reconnect; here, another version counts as another text."""
        replica = self.find(reference.doc, reference.version)
        if replica is None or digest(replica.text) != reference.hash:
            return self._drop(reference.doc)
        return True

    def keep_only(self, docs: Iterable[str]) -> None:
        """Forget all other documents."""
        self._replicas = {doc: self._replicas[doc] for doc in docs if doc in self._replicas}

    def copy(self) -> "ReplicaStore":
        """Return the complete replicas for another connection."""
        other = ReplicaStore()
        other._replicas = {doc: replace(each) for doc, each in self._replicas.items() if each.complete}
        return other

    @property
    def size(self) -> int:
        """Characters of all replicas."""
        return sum(len(replica.text) for replica in self._replicas.values())

    def close(self, doc: str) -> None:
        """Forget a document."""
        self._changed.add(doc)
        self._replicas.pop(doc, None)
        self._requested.discard(doc)

    @property
    def names(self) -> list[str]:
        """The names of all documents."""
        return list(self._replicas)

    def take_changes(self) -> set[str]:
        """Return the names of the documents that changed, came or left since the last call."""
        changed, self._changed = self._changed, set()
        return changed

    def is_context(self, doc: str) -> bool:
        """Tell whether a text is the context of a document, and not a document."""
        replica = self._replicas.get(doc)
        return replica is not None and replica.uri.startswith(CONTEXT_SCHEME)

    def text_of(self, doc: str) -> str | None:
        """Return the current text of a document; None if it is not here or not complete."""
        replica = self._replicas.get(doc)
        return None if replica is None or not replica.complete else replica.text

    def name_of(self, uri: str) -> str:
        """Return the name of a document; empty if it is not here."""
        return next((doc for doc, replica in self._replicas.items() if replica.uri == uri), "")

    def find(self, doc: str, version: int) -> Replica | None:
        """Return the replica if it is complete and has exactly this version."""
        replica = self._replicas.get(doc)
        if replica is None or not replica.complete or replica.version != version:
            return None
        return replica

    def _add_piece(self, doc: str, replica: Replica, incomplete: _IncompleteText, piece: str) -> bool:
        """Add text to a replica. When it has its full length, its hash must match."""
        incomplete.add_piece(piece)
        if incomplete.length > replica.length:
            return self._drop(doc)
        if incomplete.length == replica.length:
            replica.text = incomplete.join()
            replica.incomplete = None
            self._changed.add(doc)
            return incomplete.digest() == replica.hash or self._drop(doc)
        return True

    def _drop(self, doc: str) -> bool:
        """Drop a replica; return True if the client has been asked for it already."""
        self._replicas.pop(doc, None)
        self._changed.add(doc)
        was_requested = doc in self._requested
        self._requested.add(doc)
        return was_requested
