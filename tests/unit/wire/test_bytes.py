"""Every message of a gateway, byte for byte: peers of other releases read them."""

import json
from pathlib import Path
from typing import Any

import pytest

from spark_lsp.answer_events import Chunk, Draft, Finished, Started, Timing, Usage
from spark_lsp.codes import Code
from spark_lsp.request import EngineInfo
from spark_lsp.wire.server import ServerConnection
from spark_lsp.wire.server_events import RequestReceived

KEPT = Path(__file__).with_name("messages")
NOW = 1_700_000_000.5
LOST = EngineInfo("gpu", "openai", "m", False, 4096, 1.5, "off", "It is off.", "engine_unavailable")
WAFER = EngineInfo("wafer", "wafer", "spark", simulated=True, source="gpu")
SIMULATED = Timing(1.0, 2.0, 3.0, True, 4.0, 3.5, 0.5, True)


def say(server: ServerConnection, kind: str, **fields: Any) -> list[Any]:
    return server.receive(json.dumps({"type": kind, **fields}), NOW)


def asked(server: ServerConnection, lane: str | None = "act.0", **fields: Any) -> str:
    given = {"spark": {"task": "edit", "instruction": "q"}} if server.spark else {"input": "hi"}
    stream = {} if lane is None else {"stream_id": lane}
    (event,) = say(server, "response.create", **stream, **given, **fields)
    assert isinstance(event, RequestReceived)
    return event.response


def tell(server: ServerConnection, response: str, *events: Any) -> None:
    for event in events:
        server.write_event(response, event, now=NOW + 0.01)


def of_itself(server: ServerConnection) -> None:
    server.greet("1.2", [LOST, WAFER], {"completion": "wafer"})
    server.greet("1.2", [])
    server.report_status([LOST], ["a (editor): b"], {"edit": "gpu"})
    server.report_status([])
    server.announce_end("")
    server.announce_end("draining")
    say(server, "spark.doc.check", doc="d1", version=1, hash="x")
    say(server, "response.create", stream_id="ic.0", background=True)
    say(server, "response.create", stream_id="not a lane", background=True)
    server.receive(b"bytes", NOW)
    server.expire()


def answers(server: ServerConnection) -> None:
    started = Started("wafer", "spark", simulated=True)
    tell(server, asked(server), started, Chunk("Hé"), Finished("stop", Usage(9, 2, 4), SIMULATED))
    tell(server, asked(server, None), started, Finished("length", Usage(9, 2, 4), Timing(1.0, 2.0, 3.0)))
    tell(server, asked(server, model="gpu"), started, Chunk("\ud800"), Finished("cancelled"))
    server.fail(asked(server), Code.ENGINE_SILENT, "It said nothing.")


def steered(server: ServerConnection) -> None:
    first = asked(server)
    tell(server, first, Started("gpu", "m"), Chunk("a"))
    message = [{"role": "user", "content": "shorter"}]
    say(server, "response.steer", previous_response_id=first, input=message)
    say(server, "response.steer", previous_response_id=first, input=message)
    say(server, "response.steer", previous_response_id="resp_none", input=message)


def drafted(server: ServerConnection) -> None:
    started, draft = Started("gpu", "m"), Draft("a = 1\nb = 2", 18, 0.8, 5)
    tell(server, asked(server), draft, started, Chunk("a"), draft, Finished("stop", Usage(9, 2, 4)))
    tell(server, asked(server), started, draft, Finished("cancelled"), draft)


SCENES = {
    "gateway": (of_itself, {"spark": True, "session": "s"}),
    "answers": (answers, {"spark": True}),
    "public-answers": (answers, {"spark": False, "timing": True}),
    "drafted": (drafted, {"spark": True}),
    "steered": (steered, {"spark": True}),
    "public-steered": (steered, {"spark": False}),
}


def written(name: str) -> list[str]:
    play, surface = SCENES[name]
    server = ServerConnection("x", **surface)  # type: ignore[arg-type]
    play(server)
    messages: list[str] = []
    while (message := server.pop()) is not None:
        messages.append(message)
    return messages


@pytest.mark.parametrize("name", SCENES)
def test_messages_keep_their_bytes(name: str) -> None:
    assert written(name) == (KEPT / f"{name}.jsonl").read_text("utf-8").splitlines()
