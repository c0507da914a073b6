"""`spark-lsp simulate`: predictions for a simulated wafer or GPUs, with their error."""

import argparse

from spark_lsp.cli.simulate import capacity, feel, plan, validate

VERBS = {
    "validate": (validate, "fit the models, and print their errors"),
    "capacity": (capacity, "compare single machines for many users"),
    "plan": (plan, "compare plans of several machines and routing rules for many users"),
    "feel": (feel, "replay one editing session at several speeds"),
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name, (module, text) in VERBS.items():
        module.configure(verbs.add_parser(name, help=text))


def run(arguments: argparse.Namespace) -> int:
    """Run one of the verbs."""
    return VERBS[arguments.verb][0].run(arguments)
