"""`spark-lsp doctor`: check everything that a suggestion depends on."""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

from spark_lsp.cli import ERROR, OK
from spark_lsp.cli.waiting import add_timeout
from spark_lsp.doctor import (
    budgets,
    configuration,
    document,
    editors,
    gateway,
    machine,
    network,
    servers,
    trial,
    weights,
)
from spark_lsp.doctor.finding import Finding, as_json, is_well


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "file", nargs="*", type=Path, metavar="FILE", help="explain why these files get no suggestion"
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="configuration instead of the user's own")
    parser.add_argument("--no-trial", action="store_true", help="only inspect; start nothing")
    parser.add_argument("--json", action="store_true", help="print one JSON array of findings")
    add_timeout(parser, trial.PATIENCE, "the trial's suggestion")


def run(arguments: argparse.Namespace) -> int:
    """Print each finding as it comes; return 1 if one of them prevents suggestions."""
    findings: list[Finding] = []
    for finding in _findings(arguments):
        findings.append(finding)
        if not arguments.json:
            print("\n".join(finding.lines()), flush=True)
    if arguments.json:
        print(json.dumps(as_json(findings)))
    return OK if is_well(findings) else ERROR


def _findings(arguments: argparse.Namespace) -> Iterator[Finding]:
    settings, found = configuration.look(arguments.config)
    yield from found
    yield from machine.look(settings)
    yield from weights.look(settings)
    yield from network.look(settings)
    yield from servers.look(settings)
    yield from budgets.look(settings)
    yield from gateway.look(settings)
    yield from editors.look()
    yield from (document.look(file, settings) for file in arguments.file)
    if not arguments.no_trial:
        yield trial.look(arguments.config, arguments.timeout)
