"""Messages that the editor shows to the user."""

from datetime import date

from lsprotocol.types import MessageType

from spark_lsp.codes import Code
from spark_lsp.lsp.language_client import LanguageClient


class UserMessages:
    """Shows messages, and remembers which ones the user has seen."""

    def __init__(self, client: LanguageClient) -> None:
        self._client = client
        self._shown: set[tuple[str, str]] = set()  # topics and texts

    def show(self, kind: MessageType, text: str) -> None:
        """Show a message."""
        self._client.show_message(kind, text)

    def show_once(self, kind: MessageType, topic: str, text: str, code: str = "") -> None:
        """Show a message unless the same text was already shown for the same topic.

        The text about a used-up budget has amounts that differ with each request: by its `code`, it is shown
        once a day.
        """
        known = f"{code} {date.today()}" if code == Code.BUDGET_USED_UP else text
        if (topic, known) not in self._shown:
            self._shown.add((topic, known))
            self.show(kind, text)

    def mark_shown(self, topic: str, text: str) -> None:
        """Suppress a message, because the user has received the information in another form."""
        self._shown.add((topic, text))
