"""`spark-lsp simulate validate`: the errors of the models on data that was held out."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec

from spark_lsp.cli import OK
from spark_lsp.cli.simulate.inputs import read_file
from spark_lsp.simulate import fit

SPLITS = 6


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--gpu-data", type=Path, metavar="FILE", help="measurements of GPUs as CSV")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the wafer's fit (needs matplotlib)")


def run(arguments: argparse.Namespace) -> int:
    """Print the errors."""
    found: dict[str, Any] = {"wafer": _wafer_report()}
    if arguments.gpu_data:
        found["gpu"] = _gpu_report(read_file(arguments.gpu_data))
    if arguments.json:
        print(msgspec.json.encode(found).decode())
    else:
        _print_wafer(found["wafer"])
        if "gpu" in found:
            _print_gpu(found["gpu"])
    if arguments.plot:
        from spark_lsp.bench.simulated import draw_fit

        draw_fit(_fitted_rows(), arguments.plot)
    return OK


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
        "layers": _show_both(rows, fit.by_layers),
        "roofline_fitted": _show_both(rows, fit.by_bandwidth),
        "roofline_published": asdict(alone),
        "layers_all_rows": {"n": len(published), **_show_both(published, fit.by_layers)},
        "noise": fit.noise(rows),
    }


def _show_both(rows: Sequence[fit.Published], model: fit.Fit) -> dict[str, Any]:
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
