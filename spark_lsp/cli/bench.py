"""`spark-lsp bench [SUITE…]`: measure performance against a named baseline in the same run."""

import argparse
import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast, get_args

import msgspec

from spark_lsp.bench.figures import Figure, report
from spark_lsp.cli import OK
from spark_lsp.errors import ConfigError
from spark_lsp.request import Effort

SUITES = {
    "start": "from start to the initialize response, against stock pygls",
    "sync": "one change of a large document, against stock pygls",
    "wire": "from keystroke to token: round trips, tokens, cancels, uploads, against HTTP and stock pygls",
    "memory": "resident memory of the server and of a gateway without a model",
    "fleet": "a thousand editors at one gateway, and at a fleet on Ray Serve where it is installed",
    "wafer": "the simulated wafer's pace, measured at an editor",
    "plan": "the planner's prediction, against the live gateway with 50 clients in real time",
    "preview": "an edit's first hunk and its last, on the simulated wafer, at an editor that shows previews",
    "hedge": "the slowest answers of a route with hedges, and their cost, against the same route without",
    "local": "the embedded model: keystroke to first complete line; cancel to a free slot",
    "lines": "lines of real packages completed exactly, at once and after a rest, against the bare model",
    "edits": "targeted edits of our own set of tasks, against the same engine with a plain prompt",
    "quality": "infilling tasks solved by the ghost text; needs --data",
    "frontier": "success against seconds and money, on several engines; takes hours, so only when named",
}
NEEDS_DATA = ("quality",)
TAKES_DATA = ("quality", "frontier")
TAKES_MODEL = ("quality", "lines", "edits")
TAKES_ENGINES = ("frontier",)
ONLY_WHEN_NAMED = ("frontier",)
QUICK: dict[str, dict[str, float]] = {
    "start": {"rounds": 1},
    "sync": {"rounds": 1, "count": 20, "baseline_count": 2},
    "wire": {"rounds": 1, "each": 5, "tokens": 200, "stream_ms": 300},
    "memory": {"rounds": 1, "files": 5},
    "fleet": {"count": 20, "typing": 4, "seconds": 1.0, "replicas": 0, "storm": 60},
    "wafer": {"rounds": 1},
    "plan": {"users": 5, "minutes": 0.1},
    "preview": {"rounds": 1},
    "hedge": {"requests": 120},
    "local": {"lines": 1, "cancels": 1},
    "lines": {"limit": 1, "settle_s": 1.0},
    "edits": {"limit": 3},
    "quality": {"limit": 2},
    "frontier": {"limit": 1},
}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    listing = "; ".join(f"{name}: {text}" for name, text in SUITES.items())
    parser.add_argument("suite", nargs="*", metavar="SUITE", help=f"{listing} (default: all)")
    parser.add_argument("--quick", action="store_true", help="only a few runs, to test the suites")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--data", type=Path, metavar="FILE", help="quality, frontier: the tasks, one JSON object per line"
    )
    parser.add_argument("--model", metavar="NAME", help="quality, lines, edits: the model (default: auto)")
    parser.add_argument(
        "--details", type=Path, metavar="FILE", help="quality, lines, edits, frontier: write each result here"
    )
    _add_engine_arguments(parser)
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the figures (needs matplotlib)")


def _add_engine_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--engine",
        action="append",
        default=[],
        metavar="NAME",
        help="frontier: an engine of config.toml or an embedded model; repeatable (default: models at hand)",
    )
    parser.add_argument(
        "--effort",
        action="append",
        default=[],
        choices=get_args(Effort),
        help="frontier: an effort for edits; repeatable (default: that of the settings)",
    )
    parser.add_argument(
        "--profile",
        action="append",
        default=[],
        metavar="NAME",
        help="frontier: a simulated wafer for the same answers; repeatable (default: codex-spark)",
    )
    parser.add_argument(
        "--price",
        action="append",
        default=[],
        metavar="NAME=IN/OUT",
        help="frontier: an engine's price per million tokens; repeatable",
    )


def run(arguments: argparse.Namespace) -> int:
    """Run the suites and print their figures."""
    figures: list[Figure] = []
    for name in choose_suites(arguments.suite, arguments.data):
        figures += _suite(name)(**_options(name, arguments))
    summary = report(figures)
    if arguments.json:
        print(msgspec.json.encode(summary).decode())
    else:
        _print(summary["machine"], figures)
    if arguments.plot and not draws_itself(arguments.suite):
        from spark_lsp.bench.plot import draw

        draw(figures, arguments.plot)
    return OK


def draws_itself(names: Sequence[str]) -> bool:
    """Tell whether the suites of a run are one that draws its own picture."""
    return tuple(names) in [(name,) for name in TAKES_ENGINES]


def _options(name: str, arguments: argparse.Namespace) -> dict[str, Any]:
    given: dict[str, Any] = {}
    if name in TAKES_MODEL:
        given |= {"model": arguments.model, "details": arguments.details}
    if name in TAKES_DATA:
        given["data"] = arguments.data
    if name in TAKES_ENGINES:
        given |= _engine_options(arguments)
    quick = QUICK[name] if arguments.quick else {}
    return {**quick, **{key: value for key, value in given.items() if value is not None}}


def _engine_options(arguments: argparse.Namespace) -> dict[str, Any]:
    from spark_lsp.bench import frontier_engines

    return {
        "details": arguments.details,
        "engines": arguments.engine,
        "efforts": arguments.effort,
        "profiles": arguments.profile or None,
        "prices": frontier_engines.read_prices(arguments.price),
        "plot": arguments.plot if draws_itself(arguments.suite) else None,
    }


def choose_suites(names: Sequence[str], data: Path | None) -> list[str]:
    """Return the suites to run: the named ones, or all that can be run and are not long."""
    unknown = [name for name in names if name not in SUITES]
    if unknown:
        argparse.ArgumentParser("spark-lsp bench").error(
            f"no such suite: {', '.join(unknown)} (choose from {', '.join(SUITES)})"
        )
    if data is None and (missing := [name for name in names if name in NEEDS_DATA]):
        raise ConfigError(
            f"The suite {missing[0]} needs its tasks",
            "Nothing was measured",
            "Name their file with --data FILE",
        )
    usual = [name for name in SUITES if name not in ONLY_WHEN_NAMED]
    return list(names or [name for name in usual if data is not None or name not in NEEDS_DATA])


def _suite(name: str) -> Callable[..., list[Figure]]:
    try:
        module = importlib.import_module(f"spark_lsp.bench.{name}")
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"The suite {name} needs the package {error.name}",
            "Nothing was measured",
            "Install the benchmark packages: pip install 'spark-lsp[bench]'",
        ) from error
    return cast(Callable[..., list[Figure]], module.run)


def _print(machine: dict[str, Any], figures: Sequence[Figure]) -> None:
    print(" · ".join(f"{key} {value}" for key, value in machine.items()))
    for figure in figures:
        low, high = figure.spread
        against = f", baseline {figure.baseline:.4g}" if figure.baseline is not None else ""
        against += f", ratio {figure.ratio:.3f}" if figure.ratio else ""
        print(f"\n{figure.id}  {figure.name}")
        print(f"   {figure.value:.4g} {figure.unit}{against}, quartiles {low:.4g}–{high:.4g}, n={figure.n}")
        print(f"   target {figure.target}: {'met' if figure.met else 'NOT MET'}")
