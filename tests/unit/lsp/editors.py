"""Stand-ins for the editor and for the gateway, for tests of the server's parts in the test process."""

from collections.abc import Mapping
from typing import Any, cast

import anyio
from lsprotocol import types

from spark_lsp.lsp.gateway_link import GatewayLink
from spark_lsp.lsp.language_client import LanguageClient
from spark_lsp.lsp.parts import Parts


class RecordingClient(LanguageClient):
    """An editor that keeps all notifications and messages, and applies every edit unless it is silent."""

    def __init__(self) -> None:
        super().__init__(cast(Any, None))
        self.notifications: list[tuple[str, dict[str, Any]]] = []
        self.messages: list[str] = []
        self.answers_edits = True

    def notify(self, method: str, params: Mapping[str, Any]) -> None:
        self.notifications.append((method, dict(params)))

    def show_message(self, kind: types.MessageType, text: str) -> None:
        self.messages.append(text)

    async def apply_edit(self, params: types.ApplyWorkspaceEditParams) -> Any:
        if not self.answers_edits:
            await anyio.sleep_forever()
        return types.ApplyWorkspaceEditResult(True)

    def sent(self, method: str) -> list[dict[str, Any]]:
        """Return the parameters of all notifications of a method."""
        return [params for each, params in self.notifications if each == method]


class MirrorLink:
    """A link to a gateway that keeps the mirrored texts and all calls; it ignores other messages."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.rests: list[tuple[str, int]] = []  # URI and offset of each position at which the cursor rested
        self.calls: list[tuple[str, str]] = []  # method and URI

    def open_document(self, document: Any) -> None:
        self.calls.append(("opened", document.uri))
        self.texts[document.uri] = document.text

    def edit_document(self, document: Any, edits: Any) -> None:
        self.calls.append(("edited", document.uri))
        text = self.texts[document.uri]
        for edit in edits:
            text = text[: edit.start] + edit.new + text[edit.end :]
        assert text == document.text
        self.texts[document.uri] = text

    def close_document(self, uri: str) -> None:
        self.calls.append(("closed", uri))
        self.texts.pop(uri, None)

    def observe(self, focus: Any) -> None:
        assert focus.text == self.texts[focus.uri]
        self.rests.append((focus.uri, focus.offset))

    def __getattr__(self, name: str) -> Any:
        return lambda *_, **__: None


def recording_parts() -> tuple[Parts, RecordingClient]:
    """Return the parts of a server, and their editor."""
    client = RecordingClient()
    return Parts(client), client


def attached_parts(link: MirrorLink) -> Parts:
    """Return the parts of a server whose engine side uses this link."""
    parts, _ = recording_parts()
    parts.gateway.attach(cast(GatewayLink, link))
    return parts
