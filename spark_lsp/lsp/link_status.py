"""Puts the state of the connection to the gateway into the status, and before the user."""

from lsprotocol.types import MessageType

from spark_lsp.codes import Code, to_known_code
from spark_lsp.engine.gateway_client.remote import LinkStatus
from spark_lsp.lsp.gateway_client import GatewayClient
from spark_lsp.lsp.messages import UserMessages
from spark_lsp.lsp.model_offers import ModelOffers
from spark_lsp.lsp.settings_store import SettingsStore
from spark_lsp.lsp.status_publisher import StatusPublisher
from spark_lsp.request import EngineInfo


class LinkReporter:
    """Reports each state of the link."""

    def __init__(
        self,
        gateway: GatewayClient,
        settings: SettingsStore,
        status: StatusPublisher,
        messages: UserMessages,
        offers: ModelOffers,
    ) -> None:
        self._gateway = gateway
        self._settings = settings
        self._status = status
        self._messages = messages
        self._offers = offers

    def report(self, link: LinkStatus) -> None:
        """Report the present state of the link and of the engine that serves completions."""
        for problem in link.problems:
            self._messages.show_once(MessageType.Warning, "settings", f"Setting spark.{problem}.")
        self._gateway.engines = link.engines or self._gateway.engines
        self._gateway.serving = link.serving or self._gateway.serving
        if link.state != "ready":
            self._status.update(state="degraded", reason=link.reason, code=link.code)
            return
        engine = _find_serving_engine(link)
        if engine is None:
            self._status.update(state="off", reason="the gateway has no engine", code=Code.NO_ENGINE)
            return
        self._report_engine(engine)
        if engine.state == "off" and link.settled:
            self._report_missing_engine(engine, link)

    def _report_engine(self, engine: EngineInfo) -> None:
        if engine.reason:
            explanation = {"reason": engine.reason, "code": to_known_code(engine.code, "")}
        else:
            explanation = self._status.last_explanation()
        self._status.update(
            engine=engine.name,
            model=engine.model,
            simulated=engine.simulated,
            state=engine.state,
            budget=engine.budget or "",
            **explanation,
        )

    def _report_missing_engine(self, engine: EngineInfo, link: LinkStatus) -> None:
        """Offer the missing model, or show why no engine can answer; once for any number of requests."""
        uses_own_gateway = self._settings.current.engine.url == "auto"
        if uses_own_gateway and any(map(self._offers.offer_missing_model, _list_sources(engine, link))):
            self._messages.mark_shown("engine", engine.reason)
        else:
            self._messages.show_once(MessageType.Warning, "engine", engine.reason, engine.code)


def _find_serving_engine(link: LinkStatus) -> EngineInfo | None:
    """Return the engine that serves completions."""
    name = link.serving.get("completion", "")
    serving = [engine for engine in link.engines if engine.name == name] or list(link.engines)
    return serving[0] if serving else None


def _list_sources(engine: EngineInfo, link: LinkStatus) -> list[EngineInfo]:
    """Return an engine and the engines whose tokens it replays; it is off if one of them is."""
    by_name = {each.name: each for each in link.engines}
    sources = [engine]
    while (source := by_name.get(sources[-1].source)) is not None and source not in sources:
        sources.append(source)
    return sources
