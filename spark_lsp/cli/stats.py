"""`spark-lsp stats`: what became of your suggestions, and the use of engines, from files on this machine."""

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

from spark_lsp.cli import NOTHING, OK
from spark_lsp.errors import StoreError
from spark_lsp.stats.figures import Group, Report, summarise
from spark_lsp.stats.usage import Use, summarise_usage
from spark_lsp.stats.usage import lines as usage_lines
from spark_lsp.store.history import DAY_SECONDS, MAX_DAYS, History
from spark_lsp.store.ledger import SqliteLedger
from spark_lsp.store.recording import Recording

DAYS = 30
NONE_YET = "There is no history of suggestions. It grows while you use an editor, if `stats.enabled` is true."


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--days", type=_days, default=DAYS, help="days to look back (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the figures (needs matplotlib)")
    parser.add_argument(
        "--forget", action="store_true", help="delete the recorded days (`stats.record`) and print no figures"
    )


def _days(word: str) -> int:
    days = int(word) if word.isdecimal() else 0
    if not 1 <= days <= MAX_DAYS:
        raise argparse.ArgumentTypeError(f"{word!r} is not a number of days from 1 to {MAX_DAYS}")
    return days


def run(arguments: argparse.Namespace) -> int:
    """Print the figures; return 3 without any."""
    if arguments.forget:
        return _forget()
    since = time.time() - arguments.days * DAY_SECONDS
    try:
        rows = History().rows(since)
        used = SqliteLedger().usage(date.fromtimestamp(since).isoformat())
    except StoreError as error:
        raise StoreError(error.what, "There are no figures", error.remedy) from error
    report, usage = summarise(rows), summarise_usage(used)
    if arguments.json:
        use = {"engines": _print_plain(usage.engines), "days": _print_plain(usage.days)}
        print(json.dumps({"last_days": arguments.days, **asdict(report), "usage": use}))
    else:
        shown = lines(report, arguments.days) if rows else [] if used else [NONE_YET]
        print("\n".join([*shown, *([""] if rows and used else []), *usage_lines(usage)]))
    if not rows and not used:
        return NOTHING
    if arguments.plot:
        from spark_lsp.stats.plot import draw

        draw(report, usage, arguments.plot)
    return OK


def _print_plain(uses: Sequence[Use]) -> list[dict[str, Any]]:
    return [asdict(use) for use in uses]


def _forget() -> int:
    """Delete the recorded events; the history of suggestions stays."""
    count = Recording().forget()
    print(f"{count:,} recorded events deleted." if count else "There is no recording.")
    return OK


def lines(report: Report, days: int) -> list[str]:
    """Return the figures as lines of text."""
    total = report.total
    said = [
        f"suggestions of the last {days} days: {total.shown} shown",
        f"  accepted  {total.accepted:6}  {_percent(total.accepted_share)} of those with an outcome",
        f"  partly    {total.partly:6}",
        f"  rejected  {total.rejected:6}",
        f"  ignored   {total.ignored:6}",
        f"  typed     {total.typed:6}  letter by letter, without accepting it",
        f"  brief     {total.brief:6}  on the screen for too short a time to count",
        f"  {total.accepted_chars} characters accepted",
        f"  {_milliseconds(total)} to the first text",
    ]
    for title, groups in (("language", report.languages), ("engine", report.engines), ("day", report.days)):
        said += ["", *_table(title, groups)]
    return said


def _table(title: str, groups: Sequence[Group]) -> list[str]:
    width = max([len(title), *(len(each.name) for each in groups)])
    head = f"{title:{width}}  {'shown':>6}  {'accepted':>8}  {'rejected':>8}  {'p50':>9}  {'p95':>9}"
    return [head, *(_row(each, width) for each in groups)]


def _row(group: Group, width: int) -> str:
    times = "  ".join(f"{_value(each):>9}" for each in (group.p50_ms, group.p95_ms))
    share = _percent(group.accepted_share)
    return f"{group.name:{width}}  {group.shown:6}  {share:>8}  {group.rejected:8}  {times}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"


def _value(milliseconds: float | None) -> str:
    return "-" if milliseconds is None else f"{milliseconds:,.0f} ms"


def _milliseconds(group: Group) -> str:
    return f"p50 {_value(group.p50_ms)}, p95 {_value(group.p95_ms)}"
