"""`spark-lsp trust`: approve an endpoint or a file that the editor's settings name."""

import argparse
import json
import os
from pathlib import Path

from spark_lsp.cli import NOTHING, OK, USAGE
from spark_lsp.privacy.approvals import NO_KEY, ApprovalRequest, endpoint_request, file_request
from spark_lsp.store.approvals import Approvals


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("subject", nargs="?", metavar="URL|PATH", help="an endpoint, or a file to read")
    key = parser.add_mutually_exclusive_group()
    key.add_argument("--key-env", metavar="NAME", help="the endpoint's key is in this environment variable")
    key.add_argument("--key-file", metavar="PATH", help="the endpoint's key is in this file")
    verb = parser.add_mutually_exclusive_group()
    verb.add_argument("--list", action="store_true", help="list the approvals")
    verb.add_argument("--remove", action="store_true", help="revoke the approval of URL or PATH")
    parser.add_argument("--json", action="store_true", help="with --list: print one JSON array")


def run(arguments: argparse.Namespace) -> int:
    """Approve, list or revoke; return 3 if there was nothing to list or revoke."""
    approvals = Approvals()
    if arguments.list:
        return _list(approvals, arguments.json)
    if not arguments.subject:
        print("spark-lsp trust: name a URL or a PATH, or use --list")
        return USAGE
    ask = _ask(arguments)
    if arguments.remove:
        count = approvals.remove(ask.subject)
        print(f"No longer approved: {ask.subject}" if count else f"{ask.subject} was not approved")
        return OK if count else NOTHING
    approvals.add(ask)
    print(f"Approved: {ask}")
    return OK


def _ask(arguments: argparse.Namespace) -> ApprovalRequest:
    subject = str(arguments.subject)
    if "://" not in subject and not subject.startswith("ws+unix:"):
        return file_request(os.path.abspath(Path(subject).expanduser()))
    key = f"env:{arguments.key_env}" if arguments.key_env else NO_KEY
    if arguments.key_file:
        key = f"file:{os.path.abspath(Path(arguments.key_file).expanduser())}"
    return endpoint_request(subject, key)


def _list(approvals: Approvals, as_json: bool) -> int:
    asks = approvals.all()
    if as_json:
        print(json.dumps([{"kind": each.kind, "subject": each.subject, "key": each.key} for each in asks]))
        return OK
    for ask in asks:
        print(f"may {ask}")
    if not asks:
        print("Nothing is approved; code goes to your own gateway and to what your config.toml names.")
    return OK if asks else NOTHING
