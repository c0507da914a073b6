"""Keeps the server's status and sends `spark/status` whenever it changes."""

from typing import Any

from lsprotocol.types import MessageType

from spark_lsp.codes import Reason
from spark_lsp.errors import SparkError
from spark_lsp.lsp.language_client import LanguageClient
from spark_lsp.lsp.messages import UserMessages
from spark_lsp.lsp.status import Status
from spark_lsp.session import reasons
from spark_lsp.supervise import call_guarded


class StatusPublisher:
    """Holds the current `Status`. It sends nothing before `publishing` is set: the editor must be ready."""

    def __init__(self, client: LanguageClient, messages: UserMessages) -> None:
        self._client = client
        self._messages = messages
        self.current = Status()  # assign it to change the status without sending it
        self.publishing = False
        self._published: Status | None = None

    def update(self, **values: Any) -> None:
        """Change some values of the status, and send it if that changed anything."""
        self.current = self.current.with_values(**values)
        if self.current != self._published and self.publishing:
            self._published = self.current
            call_guarded(self._publish)

    def _publish(self) -> None:
        self._client.notify("spark/status", self.current.message())

    def explain(self, reason: Reason, detail: str = "") -> None:
        """Put the reason for a missing suggestion into the status."""
        text = reasons.PREFIX + reasons.sentence(reason, detail)
        self.update(reason=text, code=reason, detail=detail)
        if self._client.abilities.lacks_status_ui and reasons.is_lasting(reason):
            self._messages.show_once(MessageType.Info, "explain", f"spark-lsp: {text}")

    def last_explanation(self) -> dict[str, Any]:
        """Return the values that explain a missing suggestion; an empty reason if the status does not.

        News about an engine must not overwrite them.
        """
        return self.current.why if reasons.explains(self.current.code) else {"reason": ""}

    def report_failure(self, error: SparkError) -> None:
        """Put an engine's error into the status, and show it to the user once."""
        self.update(state="degraded", reason=str(error), code=error.code)
        self._messages.show_once(MessageType.Warning, "engine", str(error), error.code)
