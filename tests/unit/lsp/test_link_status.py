"""Which models are offered when the engine that should serve is off."""

from typing import Any

import pytest

from spark_lsp.engine.gateway_client.remote import LinkStatus
from spark_lsp.lsp.link_status import LinkReporter
from spark_lsp.lsp.model_offers import ModelOffers
from spark_lsp.lsp.parts import Parts
from spark_lsp.request import EngineInfo
from tests.unit.lsp.editors import RecordingClient, recording_parts

pytestmark = pytest.mark.anyio
GONE: Any = {"state": "off", "reason": "It is not here.", "code": "model_unavailable"}
LOCAL = EngineInfo("light", "local", "small", **GONE)
OTHER = EngineInfo("local", "local", "large", **GONE)
WAFER = EngineInfo("wafer", "wafer", "fast", simulated=True, source="light", **GONE)
LOOP = EngineInfo("loop", "wafer", "fast", simulated=True, source="loop", **GONE)
KEYLESS = EngineInfo("gpu", "openai", "m", state="off", reason="No key.", code="engine_unavailable")


class Offers(ModelOffers):
    """Records the engines for which a model is to be offered; has the models of `available`."""

    def __init__(self, available: set[str]) -> None:
        self.engines: list[str] = []
        self.available = available

    def offer_missing_model(self, engine: EngineInfo) -> bool:
        self.engines.append(engine.name)
        return engine.name in self.available


def report(link: LinkStatus, available: set[str]) -> tuple[Offers, Parts, RecordingClient]:
    """Report the state of a link; return what the reporter used."""
    parts, client = recording_parts()
    offers = Offers(available)
    LinkReporter(parts.gateway, parts.settings, parts.status, parts.messages, offers).report(link)
    return offers, parts, client


@pytest.mark.parametrize(
    ("engine", "asked"),
    [(LOCAL, ["light"]), (WAFER, ["wafer", "light"]), (LOOP, ["loop"]), (KEYLESS, ["gpu"])],
)
async def test_only_the_model_of_the_engine_that_should_serve_is_offered(
    engine: EngineInfo, asked: list[str]
) -> None:
    link = LinkStatus("ready", engines=(OTHER, LOCAL, engine), serving={"completion": engine.name})
    offers, parts, client = report(link, set())
    assert offers.engines == asked
    assert client.messages == [engine.reason]
    assert parts.status.current.message()["code"] == engine.code


async def test_an_offer_replaces_the_message() -> None:
    link = LinkStatus("ready", engines=(OTHER, LOCAL, WAFER), serving={"completion": "wafer"})
    offers, _, client = report(link, {"light"})
    assert offers.engines == ["wafer", "light"]
    assert client.messages == []


async def test_an_engine_with_a_code_of_a_later_release_keeps_its_state() -> None:
    later = EngineInfo("new", "new", "m", state="degraded", reason="Too warm.", code="of a later release")
    _, parts, _ = report(LinkStatus("ready", engines=(later,), serving={"completion": "new"}), set())
    message = parts.status.current.message()
    assert (message["reason"], message["code"]) == ("Too warm.", "degraded")
