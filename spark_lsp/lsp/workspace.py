"""The editor's open documents and folders, and how positions in them are counted."""

import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spark_lsp.session.documents import Documents


class Workspace:
    """What the editor has open. Set `position_encoding` before the first use of `documents`."""

    def __init__(self) -> None:
        self.position_encoding = "utf-16"
        self.roots: tuple[str, ...] = ()  # the URIs of the open folders

    @functools.cached_property
    def documents(self) -> "Documents":
        """The open documents. Their module is imported at the first use, after `initialize`."""
        from spark_lsp.session.documents import Documents
        from spark_lsp.text.positions import Encoding

        return Documents(Encoding(self.position_encoding))
