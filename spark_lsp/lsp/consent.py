"""Asks the user before spark-lsp sends code to an endpoint, or reads a file, that only the editor names.

The server asks once per session for each endpoint or file. If the editor cannot show questions, a message
names the command that approves it. An approval is stored on disk; "not now" is remembered until the editor
restarts. The gateway checks the approvals again.
"""

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from lsprotocol.types import MessageType

from spark_lsp.codes import Code
from spark_lsp.config import EngineSettings, read_engine
from spark_lsp.errors import ConfigError, GatewayError, SparkError
from spark_lsp.lsp.engine_side import EngineSide
from spark_lsp.lsp.language_client import LanguageClient
from spark_lsp.lsp.messages import UserMessages
from spark_lsp.lsp.questions import ask_user
from spark_lsp.privacy.approvals import ApprovalRequest, endpoint_request

if TYPE_CHECKING:
    from spark_lsp.store.approvals import Approvals

ALLOW = "Allow"


class Consent:
    """Has the stored approvals and this session's questions.

    `on_approval` is a list of functions that are called after each approval.
    """

    def __init__(self, client: LanguageClient, messages: UserMessages, engine_side: EngineSide) -> None:
        self._client = client
        self._messages = messages
        self._engine_side = engine_side
        self._asked: set[ApprovalRequest] = set()
        self.on_approval: list[Callable[[], None]] = []

    @functools.cached_property
    def approvals(self) -> "Approvals":
        """The stored approvals. Their database's module is imported at the first use."""
        from spark_lsp.store.approvals import Approvals

        return Approvals()

    def select_approved(self, tables: Mapping[str, Any]) -> dict[str, Any]:
        """Return the engines that may be used, and ask the user about the others."""
        allowed: dict[str, Any] = {}
        for name, table in tables.items():
            engine, _ = read_engine(name, table, "editor")
            missing = self._list_missing(engine) if engine is not None else []
            if missing:
                self._ask_soon(f"the engine {name!r}", missing)
            else:
                allowed[name] = table  # the gateway reports an invalid table
        return allowed

    def _list_missing(self, engine: EngineSettings) -> list[ApprovalRequest]:
        try:
            return self.approvals.find_missing(engine)
        except ConfigError:
            return []

    def require_url_approval(self, url: str, key: str) -> None:
        """Raise `GatewayError` and ask the user, unless a gateway's URL from the editor is approved."""
        try:
            ask = endpoint_request(url, key)
        except ConfigError as error:
            raise GatewayError(
                error.what, "No engine can be reached", error.remedy, code=error.code
            ) from None
        if self.approvals.has(ask):
            return
        self._ask_soon("the setting engine.url", [ask])
        raise GatewayError(
            f"The setting engine.url waits for your approval to {ask}",
            "Nothing is sent until you approve it",
            f"Answer the question in the editor, or run: {ask.command}",
            code=Code.APPROVAL_MISSING,
        )

    def _ask_soon(self, subject: str, asks: list[ApprovalRequest]) -> None:
        for ask in [ask for ask in asks if ask not in self._asked]:
            self._asked.add(ask)
            if self._client.abilities.shows_questions:
                self._engine_side.spawn(self._ask, subject, ask)
            else:
                text = (
                    f"spark-lsp does not use {subject} yet: it would {ask}. "
                    f"To approve this, run: {ask.command}"
                )
                self._messages.show(MessageType.Warning, text)

    async def _ask(self, subject: str, ask: ApprovalRequest) -> None:
        """Ask the user; after a yes, store it and use the setting."""
        text = f"spark-lsp: {subject} in the editor's settings would {ask}. Allow this from now on?"
        if not await ask_user(self._client, MessageType.Warning, text, ALLOW):
            text = f"Not allowed for now: spark-lsp will not {ask}. To allow it later, run: {ask.command}"
            self._messages.show(MessageType.Info, text)
            return
        try:
            self.approvals.add(ask)
        except SparkError as error:
            self._messages.show(MessageType.Error, str(error))
            return
        for listener in self.on_approval:
            listener()
