"""`spark-lsp endpoint`: URL and token of the gateway that plug-ins and SDKs use.

An editor's own gateway listens on a private Unix socket with a new token each time, which plug-ins that speak
HTTP cannot use. The user starts one on a port (`spark-lsp gateway --port`), and this command finds it.
"""

import argparse
import json
import sys

from spark_lsp import runtime
from spark_lsp.cli import NOTHING, OK
from spark_lsp.launch import answers

FIELDS = ("url", "completions", "token")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--url", action="store_true", help="print only the base URL of the OpenAI interfaces")
    form.add_argument("--completions", action="store_true", help="print only the URL of the completions")
    form.add_argument("--token", action="store_true", help="print only the token")
    form.add_argument("--json", action="store_true", help="print one JSON object")


def run(arguments: argparse.Namespace) -> int:
    """Print the endpoint; return 3 if no gateway listens on a port."""
    state = runtime.read_state(runtime.directory(), runtime.ENDPOINT_FILE)
    if state is None or not answers(state):
        print(
            "spark-lsp: no gateway listens on a port. Start one and leave it running: "
            "spark-lsp gateway --port 4747 --token-file ~/.config/spark-lsp/token",
            file=sys.stderr,
        )
        return NOTHING
    found = describe(state)
    chosen = [found[name] for name in FIELDS if getattr(arguments, name)]
    if arguments.json:
        print(json.dumps(found))
    else:
        print("\n".join(chosen or (f"{name}: {found[name]}" for name in FIELDS)))
    return OK


def describe(state: runtime.State) -> dict[str, str]:
    """Return the URLs and the token of a gateway on a port."""
    base = state.url.replace("ws://", "http://", 1).removesuffix("/responses")
    return {"url": base, "completions": f"{base}/completions", "token": state.token}
