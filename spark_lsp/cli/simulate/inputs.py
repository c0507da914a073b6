"""The inputs that several verbs of `spark-lsp simulate` share: files, machines, traces and prices."""

import argparse
import math
import tomllib
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from spark_lsp.config import Profile, read_profiles
from spark_lsp.errors import ConfigError
from spark_lsp.simulate import trace
from spark_lsp.simulate.price import Price
from spark_lsp.simulate.trace import Crowd, Job

MOST_LINE = 10_000  # characters of a line of a trace
NOTHING = "Nothing was simulated"
CROWD = (
    ("--users", int, 50, "users of a synthetic trace"),
    ("--per-minute", float, 6.0, "requests per user and minute"),
    ("--prompt", int, 2000, "tokens of a prompt, within a factor of two"),
    ("--output", int, 300, "tokens of an answer, within a factor of two"),
    ("--shared", float, 0.8, "share of a prompt that is unchanged since the last time"),
    ("--minutes", float, 5.0, "length of the trace"),
    ("--seed", int, 0, "the same seed gives the same trace"),
)
TRACE_FORM = "requests as CSV: at,prompt_tokens,output_tokens[,prefix,prefix_tokens][,kind][,effort]"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the trace, the prices and the machines."""
    parser.add_argument("--trace", type=Path, metavar="FILE", help=TRACE_FORM)
    for name, kind, default, text in CROWD:
        parser.add_argument(name, type=kind, default=default, help=f"{text} (default: {default})")
    parser.add_argument(
        "--price",
        action="append",
        default=[],
        metavar="NAME=IN/OUT",
        help="price per million tokens, or NAME=PRICE/h per machine and hour",
    )
    parser.add_argument("--profiles", type=Path, metavar="FILE", help="TOML with your own [profiles.NAME]")


def read_file(path: Path) -> str:
    """Return a file's text. Raises `ConfigError` if it cannot be read."""
    with _report_errors(path):
        return path.read_text("utf-8")


@contextmanager
def _report_errors(path: Path) -> Generator[None]:
    try:
        yield
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise ConfigError(f"{path} cannot be read: {reason}", NOTHING) from error


def read_toml(path: Path) -> Mapping[str, Any]:
    """Return a TOML file's values. Raises `ConfigError`."""
    try:
        return tomllib.loads(read_file(path))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}", NOTHING) from error


def read_machines(path: Path | None) -> Mapping[str, Profile]:
    """Return the user's own machines: from the named file, else from config.toml."""
    if path is None:
        from spark_lsp.app import load_settings

        return load_settings()[0].profiles
    profiles, problems = read_profiles(read_toml(path).get("profiles", {}), str(path))
    if problems:
        raise ConfigError(str(problems[0]), NOTHING, "Correct that value")
    return profiles


def read_trace(path: Path, *, ordered: bool = False) -> list[Job]:
    """Read a trace line by line: a file of any size costs no more memory than its largest allowed trace."""
    with _report_errors(path), path.open(encoding="utf-8", newline="") as file:
        return trace.read_trace(_lines(path, file), ordered=ordered)


def _lines(path: Path, file: Any) -> Iterator[str]:
    while line := file.readline(MOST_LINE):
        if len(line) == MOST_LINE and not line.endswith("\n"):
            raise ConfigError(f"{path} has a line of more than {MOST_LINE:,} characters", NOTHING, trace.FORM)
        yield line


def make_crowd(arguments: argparse.Namespace) -> Crowd:
    """Return the synthetic users. Raises `ConfigError` for numbers that make no trace."""
    given = vars(arguments)
    names = ("users", "per_minute", "prompt", "output", "minutes")
    if wrong := [name for name in names if not 0 < given[name] < math.inf]:
        flag = wrong[0].replace("_", "-")
        raise ConfigError(f"--{flag} must be more than 0", NOTHING)
    if not 0 <= arguments.shared <= 1:
        raise ConfigError("--shared must be between 0 and 1", NOTHING)
    if max(arguments.prompt, arguments.output) > trace.MOST:
        raise ConfigError(f"--prompt and --output must be at most {trace.MOST:,}", NOTHING)
    crowd = Crowd(**{name: given[name] for name in (*names, "shared", "seed")})
    need_size(crowd.users, crowd.users * crowd.per_minute * crowd.minutes)
    return crowd


def need_size(users: int, requests: float) -> None:
    """Raise `ConfigError` for a synthetic trace that is too large for the memory."""
    if max(users, requests) > trace.MAX_ROWS:
        raise ConfigError(
            f"{users:,} users would send {requests:,.0f} requests; a trace may have {trace.MAX_ROWS:,}",
            NOTHING,
            "Give fewer --minutes or --users",
        )


def need_jobs(jobs: list[Job]) -> list[Job]:
    """Return the requests. Raises `ConfigError` without any."""
    if not jobs:
        raise ConfigError("Nobody asks in that time", NOTHING, "Give more --minutes or --users")
    return jobs


def read_prices(given: Sequence[str]) -> dict[str, Price]:
    """Read prices of the command line. Raises `ConfigError`."""
    prices: dict[str, Price] = {}
    for each in given:
        name, _, both = each.rpartition("=")
        read, _, written = both.partition("/")
        price = _read_price(read, written)
        if not name or price is None:
            raise ConfigError(
                f"--price {each} is not NAME=IN/OUT", NOTHING, "Give e.g. x=0.35/0.75, or x=98/h per hour"
            )
        prices[name] = price
    return prices


def _read_price(read: str, written: str) -> Price | None:
    try:
        numbers = [float(word) for word in (read, written) if word != "h"]
    except ValueError:
        return None
    if not all(0 <= number < math.inf for number in numbers):
        return None
    return Price(hour=numbers[0]) if written == "h" and len(numbers) == 1 else _by_tokens(numbers)


def _by_tokens(numbers: Sequence[float]) -> Price | None:
    return Price(numbers[0], numbers[1]) if len(numbers) == 2 else None
