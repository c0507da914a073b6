"""Fits of the two models, and their errors on data that was held out. Pure.

**Wafer.** `tokens/s = g / (L·τ)` with τ of all rows and `g` only of rows with speculation: two numbers, by
least absolute errors of the logarithm, that is by medians, because the published figures contain outliers of
a factor of two. A row left out is predicted from the others. If no other row is of its kind (one row has no
speculation), the median of the others is used, and the error counts unchanged.

The rival is the roofline of bandwidth, `tokens/s = share · bandwidth / bytes read`, once with the published
bandwidth alone, once with its share fitted in the same way.

**GPU.** The six numbers of `simulate/gpu.py`, by least absolute errors of the logarithm on one half of the
measurements (Nelder and Mead's simplex), tested on the other half.
"""

import csv
import itertools
import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from spark_lsp.errors import ConfigError
from spark_lsp.simulate.gpu import GpuSetup, prefill_s, token_s
from spark_lsp.simulate.table import GpuParameters, Published, Table

BANDWIDTH = 21e15  # bytes per second of one wafer, as published
Predict = Callable[[Published], float]
Fit = Callable[[Sequence[Published]], Predict]


@dataclass(frozen=True, slots=True)
class Errors:
    """Relative errors, `|predicted / true − 1|`."""

    median: float
    p90: float
    worst: float
    n: int


def errors_of(values: Sequence[float]) -> Errors:
    """Sum up errors."""
    ordered = sorted(values)
    at = min(int(0.9 * len(ordered)), len(ordered) - 1)
    return Errors(statistics.median(ordered), ordered[at], ordered[-1], len(ordered))


# The wafer.


def layers(rows: Sequence[Published]) -> tuple[float, float]:
    """Return τ in seconds and g, fitted on `rows`; g is 1 if the rows do not determine it."""
    plain = [_layer_rate(row) for row in rows if not row.speculation]
    drafted = [_layer_rate(row) for row in rows if row.speculation]
    if not plain or not drafted:
        return 1 / _log_median(plain or drafted), 1.0
    return 1 / _log_median(plain), _log_median(drafted) / _log_median(plain)


def by_layers(rows: Sequence[Published]) -> Predict:
    """Fit the layers model."""
    tau, gain = layers(rows)
    return lambda row: (gain if row.speculation else 1.0) / (row.architecture.layers * tau)


def by_bandwidth(rows: Sequence[Published]) -> Predict:
    """Fit the share of the bandwidth that a roofline would need."""
    share = _log_median([row.tokens_per_s / roofline(row) for row in rows])
    return lambda row: share * roofline(row)


def roofline(row: Published) -> float:
    """Return the prediction of the published bandwidth alone, in tokens per second."""
    return BANDWIDTH / (row.architecture.active_params * row.bytes_per_weight)


def _layer_rate(row: Published) -> float:
    return row.tokens_per_s * row.architecture.layers


def _log_median(values: Sequence[float]) -> float:
    return math.exp(statistics.median(map(math.log, values)))


def left_out(rows: Sequence[Published], fit: Fit) -> list[float]:
    """Return the prediction for each row from all others, in tokens per second."""
    return [fit([each for each in rows if each is not row])(row) for row in rows]


def leave_one_out(rows: Sequence[Published], fit: Fit) -> list[float]:
    """Return each row's error when it is predicted from all others."""
    predicted = left_out(rows, fit)
    return [_measure_error(guess, row.tokens_per_s) for guess, row in zip(predicted, rows, strict=True)]


def half_splits(rows: Sequence[Published], fit: Fit) -> Errors:
    """Return the errors on the halves held out, over all ways to take half of the rows."""
    errors: list[float] = []
    for half in itertools.combinations(rows, (len(rows) + 1) // 2):
        predict = fit(half)
        errors += [_measure_error(predict(row), row.tokens_per_s) for row in rows if row not in half]
    return errors_of(errors)


def noise(rows: Sequence[Published]) -> float:
    """Return the median difference between two published figures of one model and kind."""
    pairs = [
        max(one.tokens_per_s, other.tokens_per_s) / min(one.tokens_per_s, other.tokens_per_s) - 1
        for one, other in itertools.combinations(rows, 2)
        if (one.architecture, one.speculation, one.bytes_per_weight)
        == (other.architecture, other.speculation, other.bytes_per_weight)
    ]
    return statistics.median(pairs) if pairs else math.nan


def _measure_error(predicted: float, true: float) -> float:
    return abs(predicted / true - 1)


# GPUs.


@dataclass(frozen=True, slots=True)
class Measured:
    """One measured configuration; milliseconds."""

    setup: GpuSetup
    users: int
    input_tokens: int
    output_tokens: int
    tpot_ms: float
    ttft_ms: float


COLUMNS = (
    *("model", "gpu", "weight_bytes", "tensor_parallel", "concurrency", "input_tokens", "output_tokens"),
    *("backend", "tpot_ms", "ttft_ms"),
)


def read_measured(text: str, table: Table) -> list[Measured]:
    """Read a file of GPU measurements. Raises `ConfigError` that names the line."""
    reader = csv.DictReader(text.splitlines())
    missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
    if missing:
        raise ConfigError(f"The GPU data lack the column {missing[0]!r}", "Nothing was fitted")
    rows: list[Measured] = []
    for row in reader:
        try:
            rows.append(_read_measurements(row, table))
        except (KeyError, ValueError, TypeError) as error:
            raise ConfigError(
                f"Line {reader.line_num} of the GPU data cannot be read ({error})", "Nothing was fitted"
            ) from error
    if len(rows) < 20:
        raise ConfigError(f"The GPU data hold {len(rows)} rows", "Nothing was fitted", "Give at least 20")
    return rows


def _read_measurements(row: dict[str, str], table: Table) -> Measured:
    setup = GpuSetup(
        table.gpus[row["gpu"]],
        int(row["tensor_parallel"]),
        table.architectures[row["model"]],
        float(row["weight_bytes"]),
        row["backend"],
    )
    users, read, written = (int(row[name]) for name in ("concurrency", "input_tokens", "output_tokens"))
    times = float(row["tpot_ms"]), float(row["ttft_ms"])
    if min(users, written, setup.count, *times) <= 0 or not all(map(math.isfinite, times)):
        raise ValueError("counts and times must be more than 0")
    return Measured(setup, users, read, written, *times)


def tpot_ms(row: Measured, parameters: GpuParameters) -> float:
    """Return the predicted milliseconds per token."""
    context = row.input_tokens + row.output_tokens / 2
    share = row.input_tokens / row.output_tokens
    return token_s(row.setup, row.users, context, share, parameters) * 1e3


def ttft_ms(row: Measured, parameters: GpuParameters) -> float:
    """Return the predicted milliseconds to the first token; indicative only."""
    steps = parameters.first_steps * tpot_ms(row, parameters)
    return prefill_s(row.setup, row.input_tokens, parameters) * 1e3 + steps


FITTED = ("bandwidth_share", "layer_us", "flops_share", "request_us", "other_engines", "blackwell")
FIRST = (0.95, 80.0, 0.6, 38.0, 1.15, 0.78)
BOUND = 0.95  # no memory reaches a higher share of its bandwidth


def with_fitted(parameters: GpuParameters, values: Sequence[float]) -> GpuParameters:
    """Return the parameters with these six values."""
    share = min(values[0], BOUND)
    return replace(parameters, **dict(zip(FITTED, (share, *values[1:]), strict=True)))


def fit_gpu(rows: Sequence[Measured], parameters: GpuParameters, steps: int = 250) -> GpuParameters:
    """Fit the six numbers on `rows`."""

    def loss(values: Sequence[float]) -> float:
        if min(values) <= 0:
            return math.inf
        tried = with_fitted(parameters, values)
        return math.fsum(abs(math.log(tpot_ms(row, tried) / row.tpot_ms)) for row in rows) / len(rows)

    return fit_ttft(rows, with_fitted(parameters, simplex(loss, FIRST, steps)))


def fit_ttft(rows: Sequence[Measured], parameters: GpuParameters, steps: int = 150) -> GpuParameters:
    """Fit the two numbers of the time to the first token; the others are given."""

    def try_values(values: Sequence[float]) -> GpuParameters:
        return replace(parameters, prompt_factor=values[0], first_steps=values[1])

    def loss(values: Sequence[float]) -> float:
        if min(values) <= 0:
            return math.inf
        guess = try_values(values)
        return math.fsum(abs(math.log(ttft_ms(row, guess) / row.ttft_ms)) for row in rows) / len(rows)

    return try_values(simplex(loss, (2.0, 10.0), steps))


def gpu_errors(rows: Sequence[Measured], parameters: GpuParameters) -> Errors:
    """Return the errors of the time per token."""
    return errors_of([_measure_error(tpot_ms(row, parameters), row.tpot_ms) for row in rows])


def ttft_errors(rows: Sequence[Measured], parameters: GpuParameters) -> Errors:
    """Return the errors of the time to the first token."""
    return errors_of([_measure_error(ttft_ms(row, parameters), row.ttft_ms) for row in rows])


def halves(rows: Sequence[Measured], seed: int) -> tuple[list[Measured], list[Measured]]:
    """Return two halves of the rows, chosen by the seed (a linear congruential generator)."""
    state = seed * 2654435761 + 1
    keyed = list[tuple[int, int]]()
    for number in range(len(rows)):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        keyed.append((state >> 33, number))
    order = [number for _, number in sorted(keyed)]
    middle = len(order) // 2
    return [rows[at] for at in order[:middle]], [rows[at] for at in order[middle:]]


Point = list[float]


def simplex(loss: Callable[[Sequence[float]], float], first: Sequence[float], steps: int) -> Point:
    """Return a minimum of `loss` near `first`, by Nelder and Mead's method, without gradients."""
    size = len(first)
    points = [list(first), *([v * (1.15 if j == i else 1) for j, v in enumerate(first)] for i in range(size))]
    ranked = sorted((loss(point), point) for point in points)
    for _ in range(steps):
        centre = [math.fsum(point[j] for _, point in ranked[:-1]) / size for j in range(size)]
        ranked = sorted(_move_point(loss, ranked, centre))
    return ranked[0][1]


def _move_point(
    loss: Callable[[Sequence[float]], float], ranked: list[tuple[float, Point]], centre: Point
) -> list[tuple[float, Point]]:
    """Return the simplex after its worst corner has moved through the centre, or all corners to the best."""
    worst = ranked[-1]

    def mirror_through(far: float) -> tuple[float, Point]:
        point = [c + far * (c - w) for c, w in zip(centre, worst[1], strict=True)]
        return loss(point), point

    reflected = mirror_through(1.0)
    if reflected[0] < ranked[0][0]:
        return [*ranked[:-1], min(reflected, mirror_through(2.0))]
    if reflected[0] < ranked[-2][0]:
        return [*ranked[:-1], reflected]
    contracted = mirror_through(-0.5)
    if contracted[0] < worst[0]:
        return [*ranked[:-1], contracted]
    best = ranked[0][1]
    nearer = [[(b + p) / 2 for b, p in zip(best, point, strict=True)] for _, point in ranked[1:]]
    return [ranked[0], *((loss(point), point) for point in nearer)]
