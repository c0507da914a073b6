"""`spark-lsp simulate plan`: plans of machines and routing rules, side by side."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec

from spark_lsp.cli import OK
from spark_lsp.cli.simulate import plan_table
from spark_lsp.cli.simulate.inputs import (
    NOTHING,
    add_arguments,
    make_crowd,
    need_jobs,
    need_size,
    read_machines,
    read_prices,
    read_toml,
    read_trace,
)
from spark_lsp.config import Profile
from spark_lsp.errors import ConfigError
from spark_lsp.simulate.forecast import Bar, forecast
from spark_lsp.simulate.load import CrowdLoad, TraceLoad, guess_users
from spark_lsp.simulate.machine import Machine
from spark_lsp.simulate.plan import Plan
from spark_lsp.simulate.plan_text import parse_plan, read_plans
from spark_lsp.simulate.price import Price
from spark_lsp.simulate.trace import Crowd, Job, merge_traces, trace_of
from spark_lsp.simulate.users import AtUsers, at_users, users_before_slowing

DEFAULTS = (
    "wafer=codex-spark",
    "gpus=h100_sxm/x8/llama70b×2",
    "mix=codex-spark,h100_sxm/x8/llama70b; deep -> h100; wait>0.5 -> h100",
)
COMPLETION_PROMPT, COMPLETION_OUTPUT = 1500, 40
CURVE = (0.1, 0.2, 0.35, 0.5, 0.7, 0.85, 1.0, 1.2, 1.5, 2.0)  # times the users of the trace

Loads = CrowdLoad | TraceLoad


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    form = "'NAME=MACHINE×COUNT[,MACHINE×COUNT][; CONDITION -> MACHINE]'; repeatable (default: three)"
    parser.add_argument("--plan", action="append", default=[], metavar="PLAN", help=form)
    parser.add_argument("--plans", type=Path, metavar="FILE", help="TOML with tables [plans.NAME]")
    add_arguments(parser)
    parser.add_argument(
        "--completions",
        type=float,
        default=0.0,
        help="requests for ghost text per user and minute, in addition to the edits (default: 0)",
    )
    parser.add_argument(
        "--deep", type=float, default=0.0, help="share of the edits with the effort `deep` (default: 0)"
    )
    parser.add_argument(
        "--quick", action="store_true", help="do not search the number of users before anyone slows"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the plans (needs matplotlib)")


def run(arguments: argparse.Namespace) -> int:
    """Print the plans in one table."""
    plans = _read_plans(arguments, read_machines(arguments.profiles))
    prices = _need_known(read_prices(arguments.price), plans)
    jobs, load = _read_requests(arguments)
    found = [forecast(plan, jobs, prices) for plan in plans]
    users = dict[str, Bar]()
    if not arguments.quick:
        users = {
            plan.name: users_before_slowing(plan, load, guess_users(plan, jobs, load.size)) for plan in plans
        }
    curves = _curves(plans, load) if arguments.plot else dict[str, tuple[AtUsers, ...]]()
    if arguments.json:
        answer = {"requests": len(jobs), "unit": load.unit, "users": users, "plans": found, "curves": curves}
        print(msgspec.json.encode(answer).decode())
    else:
        print("\n".join(plan_table.lines(jobs, found, users, load.unit)))
    if arguments.plot:
        from spark_lsp.bench.planned import draw_plans

        draw_plans(found, curves, load.unit, arguments.plot)
    return OK


def _curves(plans: Sequence[Plan], load: Loads) -> Mapping[str, tuple[AtUsers, ...]]:
    numbers = sorted({max(round(load.size * times), 1) for times in CURVE})
    return {plan.name: at_users(plan, load, numbers) for plan in plans}


def _read_plans(arguments: argparse.Namespace, own: Mapping[str, Profile]) -> list[Plan]:
    from spark_lsp.engine.wafer.machines import machine_of

    def find(name: str) -> Machine:
        return machine_of(name, own)

    plans = list[Plan]()
    if arguments.plans:
        plans += read_plans(read_toml(arguments.plans), str(arguments.plans), find)
    words = arguments.plan or (() if arguments.plans else DEFAULTS)
    plans += [parse_plan(word, find) for word in words]
    names = [plan.name for plan in plans]
    if repeated := [name for name in names if names.count(name) > 1]:
        raise ConfigError(f"Two plans have the name {repeated[0]!r}", NOTHING, "Give each a name to itself")
    return plans


def _need_known(prices: dict[str, Price], plans: Sequence[Plan]) -> dict[str, Price]:
    known = sorted({group.name for plan in plans for group in plan.groups})
    if unknown := [name for name in prices if name not in known]:
        raise ConfigError(
            f"No plan has the machine {unknown[0]!r} of --price", NOTHING, f"Choose from {', '.join(known)}"
        )
    return prices


def _read_requests(arguments: argparse.Namespace) -> tuple[list[Job], Loads]:
    if arguments.trace:
        jobs = read_trace(arguments.trace, ordered=True)
        return jobs, TraceLoad(jobs)
    crowds = _make_crowds(arguments)
    rate = sum(crowd.per_minute for crowd in crowds)
    need_size(crowds[0].users, crowds[0].users * rate * crowds[0].minutes)
    return need_jobs(merge_traces(map(trace_of, crowds))), CrowdLoad(crowds)


def _make_crowds(arguments: argparse.Namespace) -> list[Crowd]:
    """Return the users' edits, deep edits and completions, each with a seed to itself."""
    if not 0 <= arguments.deep <= 1:
        raise ConfigError("--deep must be between 0 and 1", NOTHING)
    if not 0 <= arguments.completions < float("inf"):
        raise ConfigError("--completions must be at least 0", NOTHING)
    edits = make_crowd(arguments)
    deep = arguments.deep * edits.per_minute
    crowds = [replace(edits, per_minute=edits.per_minute - deep)]
    crowds.append(replace(edits, per_minute=deep, effort="deep", seed=edits.seed + 1))
    crowds.append(
        replace(
            edits,
            per_minute=arguments.completions,
            prompt=COMPLETION_PROMPT,
            output=COMPLETION_OUTPUT,
            kind="completion",
            effort="fast",
            seed=edits.seed + 2,
        )
    )
    return [crowd for crowd in crowds if crowd.per_minute > 0]
