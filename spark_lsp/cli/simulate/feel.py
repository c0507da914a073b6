"""`spark-lsp simulate feel`: one editing session at several speeds."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import msgspec

from spark_lsp.cli.simulate.inputs import read_file, read_machines
from spark_lsp.errors import ConfigError
from spark_lsp.simulate import feel

SPEEDS = (65.0, 1000.0, 4000.0)


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--session",
        type=Path,
        metavar="FILE",
        help="a session as CSV: kind,seconds,prompt_tokens,output_tokens (default: a synthetic one)",
    )
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


def run(arguments: argparse.Namespace) -> None:
    """Print the session at each speed."""
    from spark_lsp.engine.wafer.machines import session, wafer_of

    if not all(0 < speed < float("inf") for speed in arguments.tokens_per_s):
        raise ConfigError("--tokens-per-s must be more than 0", "Nothing was replayed")
    machine = wafer_of(arguments.profile, read_machines(arguments.profiles))
    steps = feel.read_session(read_file(arguments.session) if arguments.session else session())
    read, overhead = machine.prefill_tokens_per_s, machine.overhead_s
    paces = [feel.Pace(speed, read, overhead) for speed in arguments.tokens_per_s]
    found = feel.compared(steps, paces)
    if arguments.json:
        print(msgspec.json.encode({"sessions": found, "error": machine.error}).decode())
    else:
        _print_feel(found, machine.error, made_up=arguments.session is None)
    if arguments.plot:
        from spark_lsp.bench.simulated import draw_feel

        draw_feel(found, arguments.plot)


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
