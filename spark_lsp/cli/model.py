"""`spark-lsp model`: list, fetch, find and remove the embedded models."""

import argparse
import json
import sys
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import TransferSpeedColumn as SpeedColumn

from spark_lsp.cli import NOTHING
from spark_lsp.cli.interrupt import interruptible
from spark_lsp.cli.waiting import add_timeout
from spark_lsp.errors import ModelError
from spark_lsp.models import paths, registry
from spark_lsp.models.pinned import find_model, list_pinned
from spark_lsp.models.pull import pull
from spark_lsp.models.registry import Model
from spark_lsp.models.remove import find_leavings, remove
from spark_lsp.models.sources import PATIENCE, measure

INTERRUPTED = 130
_NAME = "a model's name, or OWNER/REPOSITORY/FILE.gguf@SHA256 on Hugging Face"


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare `pull [NAME] [--json]`, `list [--json]`, `path [NAME]` and `remove NAME`."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    listing = verbs.add_parser("list", help="show the known models and which are on this machine")
    listing.add_argument("--json", action="store_true", help="print one JSON array")
    for verb, text in (("pull", "fetch a model once"), ("path", "print where a model's file is")):
        command = verbs.add_parser(verb, help=text)
        command.add_argument("name", nargs="?", default=registry.AUTO, help=f"{_NAME} (default: auto)")
        if verb == "pull":
            text = "accept the terms of a licence that is not free, such as that of qwen2.5-coder-3b"
            command.add_argument("--accept-licence", action="store_true", help=text)
            text = "print progress, and a failure, as JSON lines"
            command.add_argument("--json", action="store_true", help=text)
            add_timeout(command, PATIENCE, "more bytes from one source")
    remove = verbs.add_parser("remove", help="delete a model and the remains of a broken download")
    remove.add_argument("name", help=_NAME)


def talks_to_a_program(arguments: argparse.Namespace) -> bool:
    """Whether somebody reads the lines of a fetch."""
    return getattr(arguments, "verb", "") == "pull" and bool(arguments.json)


def run(arguments: argparse.Namespace) -> int:
    """Run one verb; `path` returns 3 if the model is not on this machine."""
    if arguments.verb == "list":
        return _list(arguments.json)
    model = find_model(arguments.name)
    if arguments.verb == "pull":
        if not paths.verify(model):
            _check_terms(model, accepted=arguments.accept_licence)
            model = measure(model, arguments.timeout)
        pull_it = _pull_for_programs if arguments.json else _pull
        return pull_it(model, arguments.timeout)
    return _remove(model) if arguments.verb == "remove" else _path(model)


def _check_terms(model: Model, *, accepted: bool) -> None:
    """Raise `ModelError` if the user has not accepted the terms of the model's licence."""
    if model.terms and not accepted:
        raise ModelError(
            f"{model.summary} has a licence with conditions. {model.terms}",
            "Nothing was fetched",
            f"If you accept them, run: spark-lsp model pull {model.name} --accept-licence",
        )


def _remove(model: Model) -> int:
    found = bool(find_leavings(model))
    freed = remove(model)
    print(f"{model.name}: {freed / 1e6:.0f} MB removed" if found else f"{model.name} is not there")
    return 0 if found else NOTHING


def _pull_for_programs(model: Model, limit_s: float) -> int:
    """Pull, and print every percent on a line; a failure goes to stdout and, in words, to stderr."""
    told = ("", -1)

    def report(step: str, source: str, done: int) -> None:
        nonlocal told
        percent = min(100, done * 100 // model.size)
        if (step, percent) != told:
            told = (step, percent)
            print(json.dumps({"step": step, "source": source, "percent": percent}), flush=True)

    try:
        with interruptible():
            pull(model, report, limit_s)
    except KeyboardInterrupt:
        return INTERRUPTED
    print(json.dumps({"step": "done", "source": "", "percent": 100}), flush=True)
    return 0


def _pull(model: Model, limit_s: float) -> int:
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    if paths.verify(model):
        console.print(f"{model.name} is here already: {paths.file_of(model)}")
        return 0
    console.print(f"{model.title}, {model.licence}, {model.size / 1e6:.0f} MB → {paths.directory()}")
    if model.terms:
        console.print(f"You have accepted its terms. {model.terms}")
    try:
        with interruptible(), _progress(console) as progress:
            bar = _Bar(progress, model)
            file = pull(model, bar.report, limit_s)
    except KeyboardInterrupt:
        console.print(f"Stopped. The downloaded part is kept. To continue: spark-lsp model pull {model.name}")
        return INTERRUPTED
    console.print(f"{model.name} is verified and ready: {file}")
    return 0


def _progress(console: Console) -> Progress:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        SpeedColumn(),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=console)


class _Bar:
    """Turns the reports of a pull into one progress bar per step."""

    def __init__(self, progress: Progress, model: Model) -> None:
        self._progress, self._size = progress, model.size
        self._label, self._task = "", TaskID(0)

    def report(self, step: str, source: str, done: int) -> None:
        label = f"from {source}" if step == "fetch" else "verifying"
        if label != self._label:
            self._label, self._task = label, self._progress.add_task(label, total=self._size)
        self._progress.update(self._task, completed=min(done, self._size))


def _list(as_json: bool) -> int:
    rows = [_row(model) for model in (*registry.MODELS, *list_pinned())]
    if as_json:
        print(json.dumps(rows))
        return 0
    for row in rows:
        here = row["path"] if row["installed"] else f"not here; spark-lsp model pull {row['name']}"
        print(f"{row['name']:20} {row['bytes'] / 1e6:6.0f} MB  {row['licence']:13}  {here}")
    return 0


def _row(model: Model) -> dict[str, Any]:
    return {
        "name": model.name,
        "aliases": ", ".join(model.aliases),
        "bytes": model.size or paths.size_of(paths.file_of(model)),
        "licence": model.licence,
        "terms": model.terms,
        "sha256": model.sha256,
        "installed": paths.verify(model),
        "path": str(paths.file_of(model)),
    }


def _path(model: Model) -> int:
    print(paths.file_of(model))
    if paths.verify(model):
        return 0
    print(f"spark-lsp: {model.name} is not there. Run: spark-lsp model pull {model.name}", file=sys.stderr)
    return NOTHING
