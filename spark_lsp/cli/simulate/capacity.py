"""`spark-lsp simulate capacity`: single machines, each with the same trace."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import msgspec

from spark_lsp.cli import OK
from spark_lsp.cli.simulate.inputs import (
    add_arguments,
    make_crowd,
    need_jobs,
    read_machines,
    read_prices,
    read_trace,
)
from spark_lsp.simulate import capacity
from spark_lsp.simulate.capacity import Summary
from spark_lsp.simulate.trace import Job, trace_of

MACHINES = ("codex-spark", "gpt-oss-120b", "h100_sxm/x8/llama70b")
HONEST = (
    "Predictions of a model, ±{error:.0%} typically, up to a factor of {factor:.1f}; never the real machine."
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    machine = "a wafer's profile, or GPU/xCOUNT/MODEL; repeatable (default: three)"
    parser.add_argument("--machine", action="append", metavar="NAME", help=machine)
    add_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the result (needs matplotlib)")


def run(arguments: argparse.Namespace) -> int:
    """Print how each machine serves the trace."""
    from spark_lsp.engine.wafer.machines import machine_of

    own = read_machines(arguments.profiles)
    jobs = read_trace(arguments.trace) if arguments.trace else need_jobs(trace_of(make_crowd(arguments)))
    machines = [machine_of(name, own) for name in arguments.machine or MACHINES]
    prices = read_prices(arguments.price)
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
    return OK


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
