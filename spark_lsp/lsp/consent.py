"""Asks the person before code goes anywhere, or a file is read, that only the editor's settings name.

Asked once a session for each endpoint or file, in full, where the editor can ask; elsewhere a message
names the command. What was approved is remembered on disk; a "not now" until the editor is restarted. The
gateway checks the same for itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lsprotocol import types

from spark_lsp.codes import Code
from spark_lsp.config import EngineSettings, read_engine
from spark_lsp.errors import ConfigError, GatewayError, SparkError
from spark_lsp.lsp import question
from spark_lsp.privacy.approvals import ApprovalRequest, endpoint_request
from spark_lsp.store.approvals import Approvals

if TYPE_CHECKING:
    from spark_lsp.lsp.server import SparkServer

ALLOW = "Allow"


@dataclass(slots=True)
class Consent:
    """What was approved, and what has been asked in this session."""

    ls: "SparkServer"
    approvals: Approvals = field(default_factory=Approvals)
    _asked: set[ApprovalRequest] = field(default_factory=set[ApprovalRequest])

    def approved(self, tables: Mapping[str, Any]) -> dict[str, Any]:
        """Return the engines that may be used; the person is asked about the others."""
        allowed: dict[str, Any] = {}
        for name, table in tables.items():
            engine, _ = read_engine(name, table, "editor")
            missing = self._missing(engine) if engine is not None else []
            if missing:
                self._ask_soon(f"the engine {name!r}", missing)
            else:
                allowed[name] = table  # what cannot be read is named by the gateway
        return allowed

    def _missing(self, engine: EngineSettings) -> list[ApprovalRequest]:
        try:
            return self.approvals.missing(engine)
        except ConfigError:
            return []

    def check_url(self, url: str, key: str) -> None:
        """Raise `GatewayError` unless a gateway's URL that the editor named is approved; ask for it."""
        try:
            ask = endpoint_request(url, key)
        except ConfigError as error:
            raise GatewayError(error.what, "No engine can be asked", error.remedy, code=error.code) from None
        if self.approvals.has(ask):
            return
        self._ask_soon("the setting engine.url", [ask])
        raise GatewayError(
            f"The setting engine.url waits for your approval to {ask}",
            "Nothing is sent until you approve it",
            f"Answer the question in the editor, or run: {ask.command}",
            code=Code.APPROVAL_MISSING,
        )

    def _ask_soon(self, what: str, asks: list[ApprovalRequest]) -> None:
        new = [ask for ask in asks if ask not in self._asked]
        self._asked.update(new)
        for ask in new:
            if question.can_ask(self.ls):
                self.ls.spawn(self._ask, what, ask)
            else:
                text = (
                    f"spark-lsp does not use {what} yet: it would {ask}. To approve this, run: {ask.command}"
                )
                self.ls.say(types.MessageType.Warning, text)

    async def _ask(self, what: str, ask: ApprovalRequest) -> None:
        """Ask; on a yes remember it and use what was waiting."""
        text = f"spark-lsp: {what} in the editor's settings would {ask}. Allow this from now on?"
        if not await question.ask(self.ls, types.MessageType.Warning, text, ALLOW):
            text = f"Not allowed for now: spark-lsp will not {ask}. To allow it later, run: {ask.command}"
            self.ls.say(types.MessageType.Info, text)
            return
        try:
            self.approvals.add(ask)
        except SparkError as error:
            self.ls.say(types.MessageType.Error, str(error))
            return
        self.ls.configure_engine()
