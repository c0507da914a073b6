"""An editor's own engines and routes: for its session only, and never with files in them."""

from collections.abc import Mapping
from typing import Any

import pytest

from spark_lsp.errors import ConfigError

pytestmark = pytest.mark.anyio

Json = dict[str, Any]


def status(peer: Any) -> Json:
    return [each for each in peer.heard if each["type"] == "spark.status"][-1]


async def configured(until: Any, peer: Any, engines: Mapping[str, Any], routes: Mapping[str, Any]) -> Json:
    before = len([each for each in peer.heard if each["type"] == "spark.status"])
    peer.say("spark.configure", engines=engines, routes=routes, budget={})
    await until(lambda: len([each for each in peer.heard if each["type"] == "spark.status"]) > before)
    return status(peer)


async def test_an_editor_s_engines_and_routes_serve_its_session_and_end_with_it(
    puppet: Any, served: Any, until: Any, workshop: Any
) -> None:
    async with served(puppet, build=workshop) as (peer, _):
        told = await configured(until, peer, {"mine": {"kind": "replay"}}, {"completion": ["mine"]})
        assert [engine["name"] for engine in told["engines"]] == ["puppet", "mine"]
        assert told["problems"] == []
        peer.say("response.create", stream_id="a", spark={"task": "complete", "instruction": "a"})
        await until(lambda: workshop.built[0].inside == ["a"])
    assert (workshop.built[0].inside, workshop.built[0].closed) == ([], 1)


async def test_an_engine_that_the_gateway_has_just_so_is_shared(puppet: Any, served: Any, until: Any) -> None:
    """Nothing is built for it: a second copy of a model would cost its memory again."""
    async with served(puppet) as (peer, _):
        told = await configured(until, peer, {"puppet": {"kind": "replay"}}, {})
        assert [engine["name"] for engine in told["engines"]] == ["puppet"]
        peer.say("response.create", stream_id="a", spark={"task": "complete", "instruction": "a"})
        await until(lambda: puppet.inside == ["a"])


async def test_the_same_settings_again_keep_the_engines_and_others_replace_them(
    puppet: Any, served: Any, until: Any, workshop: Any
) -> None:
    async with served(puppet, build=workshop) as (peer, _):
        tables = {"one": {"kind": "replay"}, "two": {"kind": "replay"}}
        await configured(until, peer, tables, {})
        await configured(until, peer, tables, {})
        assert len(workshop.built) == 2
        await configured(until, peer, {**tables, "two": {"kind": "replay", "delay_ms": 1}}, {})
        await until(lambda: workshop.built[1].closed)
        assert [engine.closed for engine in workshop.built] == [0, 1, 0]


async def test_an_engine_that_could_not_be_built_is_tried_again_with_the_next_settings(
    puppet: Any, served: Any, workshop: Any, until: Any
) -> None:
    attempts: list[str] = []

    def build(name: str, settings: Any, find: Any) -> Any:
        attempts.append(name)
        if len(attempts) == 1:
            raise ConfigError("it is not there")
        return workshop(name, settings, find)

    async with served(puppet, build=build) as (peer, _):
        told = await configured(until, peer, {"mine": {"kind": "replay"}}, {})
        assert [engine["name"] for engine in told["engines"]] == ["puppet"]
        told = await configured(until, peer, {"mine": {"kind": "replay"}}, {})
        assert [engine["name"] for engine in told["engines"]] == ["puppet", "mine"]
        assert attempts == ["mine", "mine"]


@pytest.mark.parametrize(
    "table",
    [
        {"kind": "local", "model": "/home/me/x.gguf"},
        {"kind": "local", "model": "x.gguf"},
        {"kind": "local", "model": "..\\x"},
        {"kind": "replay", "text": "/etc/passwd"},
        {"kind": "replay", "texts": {"complete": "a.txt"}},
    ],
)
async def test_files_are_not_taken_from_an_editor_s_settings(
    puppet: Any, table: Json, served: Any, workshop: Any, until: Any
) -> None:
    async with served(puppet, build=workshop) as (peer, _):
        told = await configured(until, peer, {"mine": table, "fine": {"kind": "replay"}}, {"edit": ["mine"]})
        assert [engine["name"] for engine in told["engines"]] == ["puppet", "fine"]
        assert len(workshop.built) == 1
        why = told["problems"][0].removeprefix("engines.mine (editor): ")
        assert why.startswith(("waits for your approval to read the file /", "The path "))
        assert (
            told["problems"][1] == "engine.routes.edit (editor): there is no engine 'mine'; it is passed over"
        )


async def test_settings_that_make_no_sense_are_told_and_the_others_used(
    puppet: Any, served: Any, workshop: Any, until: Any
) -> None:
    async with served(puppet, build=workshop) as (peer, _):
        engines = {"edit": {"kind": "replay"}, "odd": {"kind": "magic"}, "none": 3, "ok": {"kind": "replay"}}
        told = await configured(until, peer, engines, {})
        assert [engine["name"] for engine in told["engines"]] == ["puppet", "ok"]
        assert [problem.split(" ")[0] for problem in told["problems"]] == [
            "engines.edit",
            "engines.odd.kind",
            "engines.none",
        ]
