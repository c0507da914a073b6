"""The fits: what the table ships is what they give, and how wrong they are stays within what is told."""

import math

import pytest

from spark_lsp.engine.wafer.machines import machine_of, table
from spark_lsp.errors import ConfigError
from spark_lsp.simulate import fit
from spark_lsp.simulate.gpu import GpuSetup, token_s, touched_params

ROWS = [row for row in table().published if row.use.startswith("fit")]
HEADER = ",".join(fit.COLUMNS)


def test_the_shipped_numbers_of_the_wafer_are_the_fit_s() -> None:
    tau, gain = fit.layers(ROWS)
    assert table().wafer.layer_us == pytest.approx(tau * 1e6, rel=0.005)
    assert table().wafer.speculation == pytest.approx(gain, rel=0.005)
    errors = fit.errors_of(fit.leave_one_out(ROWS, fit.by_layers))
    assert table().wafer.error_median == pytest.approx(errors.median, abs=0.002)
    assert table().wafer.error_worst == pytest.approx(errors.worst, abs=0.01)


def test_layers_predict_better_than_bandwidth_and_within_what_is_demanded() -> None:
    layers = fit.errors_of(fit.leave_one_out(ROWS, fit.by_layers))
    bandwidth = fit.errors_of(fit.leave_one_out(ROWS, fit.by_bandwidth))
    assert layers.median <= 0.176
    assert layers.median < bandwidth.median / 3
    assert fit.half_splits(ROWS, fit.by_layers).median < fit.half_splits(ROWS, fit.by_bandwidth).median


def test_a_row_left_out_is_predicted_without_having_been_seen() -> None:
    """The one row without speculation: nothing else tells of its kind, and the error counts."""
    alone = next(row for row in ROWS if not row.speculation)
    errors = fit.leave_one_out(ROWS, fit.by_layers)
    assert errors[ROWS.index(alone)] > 0.5


def test_figures_of_one_model_differ() -> None:
    assert fit.noise(ROWS) == pytest.approx(2314 / 2100 - 1)
    assert math.isnan(fit.noise(ROWS[:1]))


# GPUs.


def made_up() -> str:
    """A file of measurements that the model itself has made, so that a fit must find its numbers again."""
    true = table().gpu
    lines = [HEADER]
    for gpu in ("h100_sxm", "h200_sxm", "b200_sxm"):
        for model, size in (("llama8b", 2.0), ("llama70b", 1.0), ("gptoss", 0.5)):
            for users in (1, 4, 16, 64, 128):
                for read, written, engine in (
                    (1024, 128, "trtllm"),
                    (128, 1024, "vllm"),
                    (8192, 512, "trtllm"),
                ):
                    setup = GpuSetup(table().gpus[gpu], 4, table().architectures[model], size, engine)
                    time_ms = token_s(setup, users, read + written / 2, read / written, true) * 1e3
                    lines.append(
                        f"{model},{gpu},{size},4,{users},{read},{written},{engine},{time_ms},{time_ms}"
                    )
    return "\n".join(lines)


def test_a_fit_finds_the_numbers_that_made_the_measurements() -> None:
    rows = fit.read_measured(made_up(), table())
    shown, held_out = fit.halves(rows, 0)
    assert len(shown) + len(held_out) == len(rows) == 135
    fitted = fit.fit_gpu(shown, table().gpu, steps=400)
    assert fit.gpu_errors(held_out, fitted).median < 0.02


def test_halves_follow_the_seed() -> None:
    rows = fit.read_measured(made_up(), table())
    assert fit.halves(rows, 1) == fit.halves(rows, 1)
    assert fit.halves(rows, 1) != fit.halves(rows, 2)


def test_the_simplex_finds_a_valley() -> None:
    found = fit.simplex(lambda at: (at[0] - 3) ** 2 + abs(at[1] + 1), (1.0, 1.0), 200)
    assert found == pytest.approx([3, -1], abs=1e-3)


def test_a_mixture_of_experts_touches_more_of_itself_with_more_users() -> None:
    model = table().architectures["gptoss"]
    assert touched_params(model, 1) == pytest.approx(model.active_params)
    assert model.active_params < touched_params(model, 8) < touched_params(model, 1e6)
    assert touched_params(model, 1e6) == pytest.approx(model.total_params)
    dense = table().architectures["llama8b"]
    assert touched_params(dense, 1) == touched_params(dense, 99) == dense.total_params


def test_a_token_on_gpus_by_hand() -> None:
    """8 H100, 70B in 8 bits, one user, 2,000 tokens: reading 70.6 GB and 328 MB at 8 · 3.35 · 0.95 TB/s."""
    machine = machine_of("h100_sxm/x8/llama70b", {})
    true = table().gpu
    memory = (70.6e9 + 2000 * 80 * 4096 / 2) / (8 * 3.35e12 * 0.95)
    assert machine.token_s(1, 2000) == pytest.approx(
        memory + 80 * true.layer_us * 1e-6 + true.request_us * 1e-6
    )


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("h100_sxm/8", "is not a machine"),
        ("h100_sxm/x0/llama8b", "is not a machine"),
        ("h100/x8/llama8b", "There is no GPU 'h100'"),
        ("h100_sxm/x8/llama9b", "There is no model 'llama9b'"),
        ("h100_sxm/x1/llama405b", "cannot hold llama405b"),
    ],
)
def test_gpus_that_cannot_be_are_refused(name: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        machine_of(name, {})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "lack the column 'model'"),
        (HEADER, "hold 0 rows"),
        (f"{HEADER}\nllama8b,h100_sxm,2,1,1,10,0,vllm,1,1", "Line 2 of the GPU data"),
        (f"{HEADER}\nllama8b,h100_sxm,2,1,1,10,5,vllm,-1,1", "Line 2 of the GPU data"),
        (f"{HEADER}\nllama8b,a100,2,1,1,10,5,vllm,1,1", "Line 2 of the GPU data"),
        (f"{HEADER}\nllama8b,h100_sxm", "Line 2 of the GPU data"),
    ],
)
def test_measurements_that_cannot_be_read_are_refused_by_their_line(text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        fit.read_measured(text, table())
