"""`spark-lsp simulate feel`: one editing session at several speeds."""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from spark_lsp.cli import NOTHING as NOTHING_FOUND
from spark_lsp.cli import OK
from spark_lsp.cli.simulate.inputs import read_file, read_machines
from spark_lsp.errors import ConfigError, StoreError
from spark_lsp.simulate import feel
from spark_lsp.simulate.recorded import ACCEPT, ANSWERS, CANNOT_KNOW, REJECT, Recorded, read_events
from spark_lsp.store.recording import Recording

SPEEDS = (65.0, 1000.0, 4000.0)
NOTHING = "Nothing was replayed"
NOT_RECORDED = (
    "There is no recording of your own days. It grows while you use an editor, if `stats.record` is true; it "
    "has times and lengths, never text."
)
MOST_DAYS = 10  # that an error message lists


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--session",
        type=Path,
        metavar="FILE",
        help="a session as CSV: kind,seconds,prompt_tokens,output_tokens (default: a synthetic one)",
    )
    parser.add_argument(
        "--mine", action="store_true", help="replay your own days, recorded with `stats.record = true`"
    )
    parser.add_argument("--day", default="", metavar="DATE", help="with --mine: one day, such as 2026-11-30")
    parser.add_argument(
        "--tokens-per-s", type=float, nargs="+", default=list(SPEEDS), metavar="N", help="speeds to compare"
    )
    parser.add_argument(
        "--profile",
        default="codex-spark",
        metavar="NAME",
        help="profile of the wait before the first token",
    )
    parser.add_argument("--profiles", type=Path, metavar="FILE", help="TOML with your own [profiles.NAME]")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the result (needs matplotlib)")


def run(arguments: argparse.Namespace) -> int:
    """Print the session at each speed; return 3 without a recording."""
    from spark_lsp.engine.wafer.machines import wafer_of

    if not all(0 < speed < float("inf") for speed in arguments.tokens_per_s):
        raise ConfigError("--tokens-per-s must be more than 0", NOTHING)
    if arguments.day and not arguments.mine:
        raise ConfigError("--day selects one of your own days", NOTHING, "Add --mine")
    machine = wafer_of(arguments.profile, read_machines(arguments.profiles))
    mine = _read_own(arguments.day) if arguments.mine else None
    if arguments.mine and mine is None:
        print(NOT_RECORDED)
        return NOTHING_FOUND
    steps = list(mine.steps) if mine else _read_steps(arguments.session)
    read, overhead = machine.prefill_tokens_per_s, machine.overhead_s
    found = feel.compare_paces(steps, [feel.Pace(speed, read, overhead) for speed in arguments.tokens_per_s])
    if arguments.json:
        print(msgspec.json.encode({"sessions": found, "error": machine.error, "recorded": mine}).decode())
    else:
        if mine is not None:
            print("\n".join(_describe_own(mine)))
        _print_feel(found, machine.error, made_up=mine is None and arguments.session is None)
    if arguments.plot:
        from spark_lsp.bench.simulated import draw_feel

        draw_feel(found, arguments.plot)
    return OK


def _read_steps(path: Path | None) -> list[feel.Step]:
    from spark_lsp.engine.wafer.machines import session

    return feel.read_session(read_file(path) if path else session())


def _read_own(day: str) -> Recorded | None:
    """Return the recorded days, or one of them; None if nothing was recorded. Raises `ConfigError`."""
    try:
        events = Recording().load()
    except StoreError as error:
        raise StoreError(error.what, NOTHING, error.remedy) from error
    if not events:
        return None
    some = [event for event in events if event.day == day] if day else events
    if not some:
        days = ", ".join(sorted({event.day for event in events})[-MOST_DAYS:])
        raise ConfigError(f"There is no recording of {day}", NOTHING, f"Choose from {days}")
    return read_events(some)


def _describe_own(mine: Recorded) -> Iterator[str]:
    counts = mine.counts
    asked = sum(counts.get(kind, 0) for kind in ANSWERS)
    taken, refused = counts.get(ACCEPT, 0), counts.get(REJECT, 0)
    yield f"Your own recording: {asked} answers, {taken} suggestions accepted, {refused} rejected."
    yield f"{mine.typed_on} answers came after you had typed on; they are left out."
    yield f"With your own engines: {mine.active_s:,.0f} s of work, {mine.waiting_s:,.1f} s of it waiting; "
    yield f"{mine.away_s:,.0f} s of absence are not counted."
    yield "The recording cannot know everything:"
    yield from (f"  - {each}" for each in CANNOT_KNOW)
    yield ""


def _print_feel(found: Sequence[feel.Felt], error: float, *, made_up: bool) -> None:
    if made_up:
        print("A synthetic session, not a recording. Replay your own with --session FILE.\n")
    print(
        f"{'tokens/s':>10}{'think':>8}{'type':>8}{'tools':>8}{'first token':>13}{'tokens':>8}{'all':>8}   s"
    )
    for each in found:
        own = f"{each.thinking_s:>8.0f}{each.typing_s:>8.0f}{each.tools_s:>8.0f}"
        print(
            f"{each.tokens_per_s:>10,.0f}{own}{each.first_token_s:>13.1f}"
            f"{each.tokens_s:>8.1f}{each.total_s:>8.0f}"
        )
    slow = found[0]
    for each in found[1:]:
        share = each.first_token_s / each.waiting_s if each.waiting_s else 0.0
        print(
            f"\n{each.tokens_per_s:,.0f} against {slow.tokens_per_s:,.0f} tokens/s: tokens come "
            f"{each.rate_ratio:.1f}× as fast, waiting shrinks {each.waiting_speed_up:.1f}×, "
            f"the session {each.speed_up:.2f}×.\n"
            f"  Of the wait that is left {share:.0%} is for the first token."
        )
    print(
        f"\nSpeeds of a simulated machine are ±{error:.0%} typically: its part of the wait is as uncertain."
    )
