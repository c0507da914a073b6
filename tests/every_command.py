"""Every command there is, found by its parser, and arguments with which each does its work and ends."""

import argparse
import importlib
from collections.abc import Iterator
from typing import Any, cast

from spark_lsp.cli import COMMANDS

ARGUMENTS = {
    "serve": "",
    "gateway": "--idle 0.2",
    "fleet token": "add alice --users team-users",
    "demo": "--engine replay",
    "complete": "sums.py:2:5",
    "edit": "sums.py --range 5:6 --action document --diff",
    "model list": "",
    "model pull": "smollm2-135m",
    "model path": "",
    "model remove": "smollm2-135m",
    "status": "",
    "open": "--print",
    "stats": "",
    "endpoint": "",
    "doctor": "sums.py",
    "config show": "",
    "config check": ".spark.toml",
    "config schema": "",
    "trust": "http://127.0.0.1:9/v1",
    "clean": "",
    "simulate validate": "",
    "simulate capacity": "--users 3 --minutes 1",
    "simulate plan": "--users 3 --minutes 1 --quick",
    "simulate feel": "",
    "bench": "start --quick",
}
"""In a directory with `sums.py` and a `.spark.toml` that says too much, and without a network."""
EXIT_CODES = {
    "serve": (1,),  # its input ends without `shutdown`
    "model pull": (1,),
    "model path": (3,),
    "stats": (0, 3),  # 3 before the first suggestion
    "endpoint": (3,),
    "config check": (3,),
}


def leaves() -> Iterator[str]:
    """Name every command, with its verb where it has some."""
    for name in COMMANDS:
        parser = argparse.ArgumentParser()
        cast(Any, importlib.import_module(f"spark_lsp.cli.{name}")).configure(parser)
        verbs = [each.choices for each in parser._actions if isinstance(each, argparse._SubParsersAction)]
        yield from [f"{name} {verb}" for verb in verbs[0]] if verbs else [name]
