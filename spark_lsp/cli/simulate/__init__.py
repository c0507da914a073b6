"""`spark-lsp simulate`: predictions for a simulated wafer or GPUs, with their error."""

import argparse
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec

from spark_lsp.cli import OK
from spark_lsp.config import Profile, read_profiles
from spark_lsp.errors import ConfigError
from spark_lsp.simulate import capacity, feel, fit, trace
from spark_lsp.simulate.capacity import Price, Summary
from spark_lsp.simulate.trace import Crowd, Job

MACHINES = ("codex-spark", "gpt-oss-120b", "h100_sxm/x8/llama70b")
SPEEDS = (65.0, 1000.0, 4000.0)
SPLITS = 6
HONEST = (
    "Predictions of a model, ±{error:.0%} typically, up to a factor of {factor:.1f}; never the real machine."
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    _validate_arguments(verbs.add_parser("validate", help="fit the models, and print their errors"))
    _capacity_arguments(verbs.add_parser("capacity", help="compare wafers and GPUs for many users"))
    _feel_arguments(verbs.add_parser("feel", help="replay one editing session at several speeds"))


def _validate_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--gpu-data", type=Path, metavar="FILE", help="measurements of GPUs as CSV")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the wafer's fit (needs matplotlib)")


def _capacity_arguments(parser: argparse.ArgumentParser) -> None:
    machine = "a wafer's profile, or GPU/xCOUNT/MODEL; repeatable (default: three)"
    parser.add_argument("--machine", action="append", metavar="NAME", help=machine)
    parser.add_argument(
        "--trace",
        type=Path,
        metavar="FILE",
        help="requests as CSV: at,prompt_tokens,output_tokens[,prefix,prefix_tokens]",
    )
    for name, kind, default, text in (
        ("--users", int, 50, "users of a synthetic trace"),
        ("--per-minute", float, 6.0, "requests per user and minute"),
        ("--prompt", int, 2000, "tokens of a prompt, within a factor of two"),
        ("--output", int, 300, "tokens of an answer, within a factor of two"),
        ("--shared", float, 0.8, "share of a prompt that is unchanged since the last time"),
        ("--minutes", float, 5.0, "length of the trace"),
        ("--seed", int, 0, "the same seed gives the same trace"),
    ):
        parser.add_argument(name, type=kind, default=default, help=f"{text} (default: {default})")
    parser.add_argument(
        "--price", action="append", default=[], metavar="NAME=IN/OUT", help="price per million tokens"
    )
    parser.add_argument("--profiles", type=Path, metavar="FILE", help="TOML with your own [profiles.NAME]")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the result (needs matplotlib)")


def _feel_arguments(parser: argparse.ArgumentParser) -> None:
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


def run(arguments: argparse.Namespace) -> int:
    """Run one of the verbs."""
    {"validate": _validate, "capacity": _capacity, "feel": _feel}[arguments.verb](arguments)
    return OK


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise ConfigError(f"{path} cannot be read: {reason}", "Nothing was simulated") from error


def _profiles(path: Path | None) -> Mapping[str, Profile]:
    """Return the user's own machines: from the named file, else from config.toml."""
    if path is None:
        from spark_lsp.app import load_settings

        return load_settings()[0].profiles
    try:
        values = tomllib.loads(_text(path))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not valid TOML: {error}", "Nothing was simulated") from error
    profiles, problems = read_profiles(values.get("profiles", {}), str(path))
    if problems:
        raise ConfigError(str(problems[0]), "Nothing was simulated", "Correct that value")
    return profiles


# validate


def _validate(arguments: argparse.Namespace) -> None:
    found: dict[str, Any] = {"wafer": _wafer_report()}
    if arguments.gpu_data:
        found["gpu"] = _gpu_report(_text(arguments.gpu_data))
    if arguments.json:
        print(msgspec.json.encode(found).decode())
    else:
        _print_wafer(found["wafer"])
        if "gpu" in found:
            _print_gpu(found["gpu"])
    if arguments.plot:
        from spark_lsp.bench.simulated import draw_fit

        draw_fit(_fitted_rows(), arguments.plot)


def _fitted_rows() -> list[fit.Published]:
    from spark_lsp.engine.wafer.machines import table

    return [row for row in table().published if row.use.startswith("fit")]


def _wafer_report() -> dict[str, Any]:
    from spark_lsp.engine.wafer.machines import table

    published, rows = table().published, _fitted_rows()
    tau, gain = fit.layers(rows)
    alone = fit.errors_of([abs(fit.roofline(row) / row.tokens_per_s - 1) for row in rows])
    return {
        "rows": len(rows),
        "layer_us": tau * 1e6,
        "speculation": gain,
        "layers": _both(rows, fit.by_layers),
        "roofline_fitted": _both(rows, fit.by_bandwidth),
        "roofline_published": asdict(alone),
        "layers_all_rows": {"n": len(published), **_both(published, fit.by_layers)},
        "noise": fit.noise(rows),
    }


def _both(rows: Sequence[fit.Published], model: fit.Fit) -> dict[str, Any]:
    left_out = fit.errors_of(fit.leave_one_out(rows, model))
    return {"leave_one_out": asdict(left_out), "half_splits": asdict(fit.half_splits(rows, model))}


def _gpu_report(text: str) -> dict[str, Any]:
    from spark_lsp.engine.wafer.machines import table

    rows = fit.read_measured(text, table())
    splits: list[dict[str, Any]] = []
    for seed in range(SPLITS):
        shown, held_out = fit.halves(rows, seed)
        fitted = fit.fit_gpu(shown, table().gpu)
        errors, first = fit.gpu_errors(held_out, fitted), fit.ttft_errors(held_out, fitted)
        splits.append({"token_time": asdict(errors), "first_token": asdict(first)})
    whole = fit.fit_gpu(rows, table().gpu)
    names = (*fit.FITTED, "prompt_factor", "first_steps")
    shipped = asdict(fit.gpu_errors(rows, table().gpu))
    parameters = {name: getattr(whole, name) for name in names}
    return {"rows": len(rows), "held_out": splits, "fitted_on_all": parameters, "shipped": shipped}


def _print_wafer(found: Mapping[str, Any]) -> None:
    print(f"wafer: tokens/s = g / (layers · τ), two parameters, fitted on {found['rows']} published rows")
    print(f"  τ = {found['layer_us']:.1f} µs a layer, g = {found['speculation']:.2f} with speculation")
    print(f"  {'relative error':34}{'leave one out':>22}{'half splits':>22}")
    rows = (
        ("layers model", found["layers"]),
        ("rival: bandwidth, its share fitted", found["roofline_fitted"]),
        (f"layers model, all {found['layers_all_rows']['n']} rows", found["layers_all_rows"]),
    )
    for name, both in rows:
        one, half = both["leave_one_out"], both["half_splits"]
        print(f"  {name:34}{_spread(one, 'worst'):>22}{_spread(half, 'p90'):>22}")
    print(f"  rival: bandwidth as published       median {found['roofline_published']['median']:.0%}")
    print(f"  the rows' own noise: figures of one model differ by {found['noise']:.0%}")


def _spread(errors: Mapping[str, float], end: str) -> str:
    return f"{errors['median']:.1%}, {end} {errors[end]:.0%}"


def _print_gpu(found: Mapping[str, Any]) -> None:
    print(f"\ngpu: time a token on {found['rows']} measurements, fitted on one half, tried on the other")
    for number, split in enumerate(found["held_out"]):
        token, first = _spread(split["token_time"], "p90"), _spread(split["first_token"], "p90")
        print(f"  split {number}: time a token {token}; to the first token {first} (indicative only)")
    values = ", ".join(f"{name} {value:.3g}" for name, value in found["fitted_on_all"].items())
    print(f"  fitted on all: {values}")
    print(f"  the shipped parameters on all: {_spread(found['shipped'], 'p90')}")


# capacity


def _capacity(arguments: argparse.Namespace) -> None:
    from spark_lsp.engine.wafer.machines import machine_of

    own = _profiles(arguments.profiles)
    jobs = trace.read_trace(_text(arguments.trace)) if arguments.trace else _made_up(arguments)
    machines = [machine_of(name, own) for name in arguments.machine or MACHINES]
    prices = _prices(arguments.price)
    served = [capacity.simulate(machine, jobs) for machine in machines]
    found = [
        capacity.summary(machine, answers, prices.get(machine.name))
        for machine, answers in zip(machines, served, strict=True)
    ]
    if arguments.json:
        print(msgspec.json.encode({"requests": len(jobs), "machines": found}).decode())
    else:
        _print_capacity(jobs, found)
    if arguments.plot:
        from spark_lsp.bench.simulated import draw_capacity

        draw_capacity(machines, served, arguments.plot)


def _made_up(arguments: argparse.Namespace) -> list[Job]:
    given = vars(arguments)
    names = ("users", "per_minute", "prompt", "output", "minutes")
    if wrong := [name for name in names if not 0 < given[name] < float("inf")]:
        flag = wrong[0].replace("_", "-")
        raise ConfigError(f"--{flag} must be more than 0", "Nothing was simulated")
    if not 0 <= arguments.shared <= 1:
        raise ConfigError("--shared must be between 0 and 1", "Nothing was simulated")
    crowd = Crowd(**{name: given[name] for name in (*names, "shared", "seed")})
    jobs = trace.trace_of(crowd)
    if not jobs:
        raise ConfigError(
            "Nobody asks in that time", "Nothing was simulated", "Give more --minutes or --users"
        )
    return jobs


def _prices(given: Sequence[str]) -> dict[str, Price]:
    prices: dict[str, Price] = {}
    for each in given:
        name, _, both = each.rpartition("=")
        read, _, written = both.partition("/")
        try:
            prices[name] = float(read), float(written)
        except ValueError:
            prices[name] = (-1.0, -1.0)
        if not name or min(prices[name]) < 0:
            raise ConfigError(
                f"--price {each} is not NAME=IN/OUT", "Nothing was simulated", "Give e.g. x=0.35/0.75"
            )
    return prices


def _print_capacity(jobs: Sequence[Job], found: Sequence[Summary]) -> None:
    print(f"{len(jobs)} requests in {max(job.at for job in jobs) / 60:.1f} minutes; p50 / p90 / p99")
    for each in found:
        print(f"\n{each.machine}   (±{each.error:.0%} typically, up to {1 + each.worst:.1f}×)")
        print(f"  first token    {_times(each.ttft_s, 1e3)} ms")
        print(f"  a token        {_times(each.token_s, 1e3)} ms")
        print(f"  whole answer   {_times(each.total_s, 1.0)} s")
        print(
            f"  all together   {each.tokens_per_s:,.0f} tokens/s, {each.cached_share:.0%} of prompts cached"
        )
        print(
            f"  users held     {each.users_held} before anyone slows (GPUs: by a tenth), at this mean length"
        )
        if each.refused:
            print(f"  refused        {each.refused}, longer than the context")
        if each.cost is not None:
            print(f"  cost           {each.cost:.4g}, at the price given")
    print("\n" + HONEST.format(error=max(e.error for e in found), factor=1 + max(e.worst for e in found)))


def _times(values: Sequence[float], scale: float) -> str:
    scaled = [value * scale for value in values]
    return " / ".join(f"{value:,.0f}" if value >= 100 else f"{value:.3g}" for value in scaled)


# feel


def _feel(arguments: argparse.Namespace) -> None:
    from spark_lsp.engine.wafer.machines import session, wafer_of

    if not all(0 < speed < float("inf") for speed in arguments.tokens_per_s):
        raise ConfigError("--tokens-per-s must be more than 0", "Nothing was replayed")
    machine = wafer_of(arguments.profile, _profiles(arguments.profiles))
    steps = feel.read_session(_text(arguments.session) if arguments.session else session())
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
