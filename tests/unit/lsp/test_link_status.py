"""Which models are offered when the engine that should serve is off."""

import pytest

from spark_lsp.engine.gateway_client.remote import LinkStatus
from spark_lsp.lsp.link import changed
from spark_lsp.lsp.server import SparkServer
from spark_lsp.request import EngineInfo

GONE = {"state": "off", "reason": "It is not here.", "code": "model_unavailable"}
LOCAL = EngineInfo("light", "local", "small", **GONE)
OTHER = EngineInfo("local", "local", "large", **GONE)
WAFER = EngineInfo("wafer", "wafer", "fast", simulated=True, source="light", **GONE)
LOOP = EngineInfo("loop", "wafer", "fast", simulated=True, source="loop", **GONE)
KEYLESS = EngineInfo("gpu", "openai", "m", state="off", reason="No key.", code="engine_unavailable")


class Server(SparkServer):
    """A server that keeps what it would offer and say."""

    def __init__(self, can_offer: set[str]) -> None:
        super().__init__()
        self.offered: list[str] = []
        self.shown: list[str] = []
        self.can_offer = can_offer

    @property
    def offer(self) -> "Server":  # type: ignore[override]
        return self

    def make(self, engine: EngineInfo) -> bool:
        self.offered.append(engine.name)
        return engine.name in self.can_offer

    def say(self, kind: object, text: str) -> None:
        self.shown.append(text)


@pytest.mark.parametrize(
    ("engine", "asked"),
    [(LOCAL, ["light"]), (WAFER, ["wafer", "light"]), (LOOP, ["loop"]), (KEYLESS, ["gpu"])],
)
def test_only_the_model_of_the_engine_that_should_serve_is_offered(
    engine: EngineInfo, asked: list[str]
) -> None:
    server = Server(can_offer=set())
    changed(server, LinkStatus("ready", engines=(OTHER, LOCAL, engine), serving={"completion": engine.name}))
    assert server.offered == asked
    assert server.shown == [engine.reason]
    assert server.status.message()["code"] == engine.code


def test_an_offer_takes_the_place_of_the_message() -> None:
    server = Server(can_offer={"light"})
    changed(server, LinkStatus("ready", engines=(OTHER, LOCAL, WAFER), serving={"completion": "wafer"}))
    assert server.offered == ["wafer", "light"]
    assert server.shown == []


def test_an_engine_with_a_code_of_a_later_release_keeps_its_state() -> None:
    server = Server(can_offer=set())
    later = EngineInfo("new", "new", "m", state="degraded", reason="Too warm.", code="of a later release")
    changed(server, LinkStatus("ready", engines=(later,), serving={"completion": "new"}))
    message = server.status.message()
    assert (message["reason"], message["code"]) == ("Too warm.", "degraded")
