"""`spark-lsp status`: the user's running gateway, its engines and its current work."""

import argparse
import json
from typing import Any

from spark_lsp import runtime
from spark_lsp.cli import NOTHING, OK
from spark_lsp.cli.waiting import add_timeout, call_within
from spark_lsp.client.gateway_pages import read_page
from spark_lsp.launch import answers

PATIENCE = 5.0


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    add_timeout(parser, PATIENCE, "the gateway's answer")


def run(arguments: argparse.Namespace) -> int:
    """Print the state of the gateway; return 3 if no gateway runs."""
    state = runtime.read_state(runtime.directory())
    report = None
    if state is not None:
        report = call_within(arguments.timeout, "the gateway's answer", lambda: _query_gateway(state))
    if report is None:
        print(json.dumps({"running": False}) if arguments.json else "No gateway runs; an editor starts one.")
        return NOTHING
    print(json.dumps(report) if arguments.json else "\n".join(lines(report)))
    return OK


def _query_gateway(state: runtime.State) -> dict[str, Any] | None:
    """Return the gateway's report about itself; None if no gateway answers."""
    if not answers(state):
        return None
    return {"running": True, "pid": state.pid, "url": state.url, **_ask(state)}


def lines(told: dict[str, Any]) -> list[str]:
    """Return the status as lines of text."""
    said = [f"gateway {told['version']}, process {told['pid']}, {told['sessions']} connected"]
    said += [f"  {told['running_now']} answers under way, {told['waiting']} waiting"]
    for route, engine in told["serving"].items():
        said.append(f"  {route} → {engine}")
    said += _routing_lines(told.get("routing", {}))  # a gateway of an earlier release has none
    for engine in told["engines"]:
        mark = " (simulated)" if engine["simulated"] and "simulated" not in engine["model"] else ""
        told = engine["reason"] or engine.get("note")  # a gateway of an earlier release has no note
        parts = [str(part) for part in (engine.get("budget"), told) if part]
        reason = f": {'; '.join(parts)}" if parts else ""
        said.append(
            f"  {engine['name']} [{engine['kind']}] {engine['model']}{mark} {engine['state']}{reason}"
        )
    return said


def _routing_lines(routing: dict[str, Any]) -> list[str]:
    """Return the latest decision of each route, and its hedges."""
    lines: list[str] = []
    for route, latest in routing.items():
        lines.append(f"  last {route}: {latest['engine']}, because {latest['reason']}")
        if hedge := latest.get("hedge"):
            share = f"{hedge['sent']} of {hedge['answers']} requests sent twice"
            lines.append(f"    hedge after {hedge['after']}: {share}, the second engine won {hedge['won']}")
    return lines


def _ask(state: runtime.State) -> dict[str, Any]:
    return json.loads(read_page(state, "/status"))
