"""One request's attempts at a service, and the causes of failures that a further attempt avoids."""

from typing import TYPE_CHECKING

from spark_lsp.engine.responses.errors import RefusedError

if TYPE_CHECKING:
    from spark_lsp.engine.responses.line import Line


class Attempt:
    """See the module's text. `sent` are the latest request's fields; `full_text`: cite no base; `steers`: an
    earlier response may be steered."""

    def __init__(self) -> None:
        self.line: Line | None = None
        self.full_text = False
        self.steers = True
        self.sent: frozenset[str] = frozenset()
        self._spent: set[str] = set()

    def avoids(self, error: RefusedError, uri: str) -> bool:
        """Change the next attempt so that it avoids the cause of a refusal; return whether that is possible.

        Each cause is avoided once. `uri` names the document of the request.
        """
        if self.line is None:
            return False
        if error.is_lost_base:
            self.line.bases.forget(uri)
            self.full_text = True
            return self.spend("base")
        if error.refuses_lanes and self.line.public is not None:
            self.line.public.connection.has_lanes = False
            return self.spend("lanes")
        return error.ends_connection and self.spend("limit")

    def spend(self, cause: str) -> bool:
        """Return True at the first time for each cause."""
        is_first = cause not in self._spent
        self._spent.add(cause)
        return is_first
