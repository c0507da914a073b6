"""The gateway's end of document mirroring: the replicas, and requests for documents that do not match."""

from collections.abc import Iterable

from spark_lsp.request import Focus
from spark_lsp.wire.frames import DocCheck, DocChunk, DocClose, DocEdit, DocFocus, DocOpen, DocRef, DocResync
from spark_lsp.wire.replica_store import ReplicaStore
from spark_lsp.wire.send_queue import SendQueue


class ServerDocuments:
    """See the module's text."""

    def __init__(self, queue: SendQueue) -> None:
        self.replicas = ReplicaStore()
        self._queue = queue

    def take_frame(self, frame: DocOpen | DocChunk | DocEdit | DocCheck | DocClose) -> None:
        """Take a message about a document's text."""
        if isinstance(frame, DocClose):
            self.replicas.close(frame.doc)
        elif not self.replicas.take_frame(frame):
            self.request_document(frame.doc)

    def request_document(self, doc: str) -> None:
        """Request the full text of a document."""
        self._queue.add_control(DocResync(doc=doc))

    def find_focus(self, frame: DocFocus) -> Focus | None:
        """Return the text around a resting cursor, or None if the gateway does not have that version."""
        replica = self.replicas.find(frame.doc, frame.version)
        if replica is None or not 0 <= frame.offset <= len(replica.text):
            return None
        return Focus(replica.uri, replica.language, replica.text, frame.offset)

    def adopt_replicas(self, replicas: ReplicaStore | None, documents: Iterable[DocRef]) -> None:
        """Continue with an earlier connection's replicas; request the documents that differ from them."""
        documents = list(documents)
        if replicas is not None:
            replicas.keep_only(each.doc for each in documents)
            self.replicas = replicas
        for each in documents:
            if not self.replicas.agrees_with(each):
                self.request_document(each.doc)
