"""What goes to the gateway of the open documents: none that must stay, and no secret of the others.

Everything that leaves the process about documents passes here. A document that the fence keeps in is
never opened on the mirror; the others are mirrored with their secrets turned into stars.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from spark_lsp.lsp.fence import Fence
from spark_lsp.privacy.redaction import Redacted
from spark_lsp.text.document import Document
from spark_lsp.text.edits import Edit

if TYPE_CHECKING:
    from spark_lsp.lsp.server import SparkServer


@dataclass(slots=True)
class Outgoing:
    """The documents as the gateway may see them."""

    ls: "SparkServer"
    fence: Fence
    _shown: dict[str, Redacted] = field(default_factory=dict[str, Redacted])

    def open(self, document: Document) -> None:
        """Mirror a document, unless it must stay."""
        self.fence.forget(document.uri)
        if self.ls.linked and self.fence.why(document.uri) is None:
            shown = Redacted.of(document)
            self._shown[document.uri] = shown
            self.ls.engine.opened(shown.document)

    def edit(self, document: Document, edits: Sequence[Edit]) -> bool:
        """Mirror a change; False if the document is not mirrored."""
        shown = self._shown.get(document.uri)
        if shown is None or not self.ls.linked:
            return False
        shown, seen = shown.changed(document, edits)
        self._shown[document.uri] = shown
        self.ls.engine.edited(shown.document, seen)
        return True

    def close(self, uri: str) -> None:
        """Take a document off the mirror."""
        self._shown.pop(uri, None)
        if self.ls.linked:
            self.ls.engine.closed(uri)

    def redacted(self, document: Document) -> Redacted:
        """Return what may be seen of a document, at the version that is given."""
        shown = self._shown.get(document.uri)
        return shown if shown is not None and shown.real is document else Redacted.of(document)

    def kept(self, uri: str) -> bool:
        """Tell whether a document must stay; one that has come to stay is taken off the mirror."""
        must_stay = self.fence.why(uri) is not None
        if must_stay and uri in self._shown:
            self.close(uri)
        return must_stay

    def again(self, was: Callable[[str], bool]) -> None:
        """Follow settings that have changed; `was` tells which documents had to stay before."""
        self.fence.forget()
        for document in self.ls.documents.all():
            if not self.kept(document.uri) and was(document.uri):
                self.open(document)
