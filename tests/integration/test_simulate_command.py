"""`spark-lsp simulate`: what it says, and what it refuses."""

import json
from pathlib import Path

import pytest

from spark_lsp.cli import main


@pytest.fixture(autouse=True)
def nobody_s_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_LSP_CONFIG", str(tmp_path / "config.toml"))
    (tmp_path / "config.toml").write_text("")


def test_validate_says_how_wrong_the_model_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "validate"]) == 0
    out = capsys.readouterr().out
    assert "τ = 14.2 µs a layer, g = 1.77" in out
    assert "leave one out" in out
    assert "rival: bandwidth" in out


def test_validate_as_json_with_gpu_data(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [
        "model,gpu,weight_bytes,tensor_parallel,concurrency,input_tokens,output_tokens,backend,tpot_ms,ttft_ms"
    ]
    lines += [
        f"llama8b,h100_sxm,2,{tp},{users},1024,256,trtllm,{8 / tp + users / 20},{50 + users}"
        for tp in (1, 2, 4, 8)
        for users in (4, 8, 16, 32, 64, 128)
    ]
    (tmp_path / "gpu.csv").write_text("\n".join(lines))
    assert main(["simulate", "validate", "--gpu-data", str(tmp_path / "gpu.csv"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["wafer"]["layers"]["leave_one_out"]["median"] <= 0.176
    assert found["gpu"]["rows"] == 24
    assert len(found["gpu"]["held_out"]) == 6
    assert main(["simulate", "validate", "--gpu-data", str(tmp_path / "gpu.csv")]) == 0
    assert "split 5: time a token" in capsys.readouterr().out


def test_capacity_of_a_trace_with_a_price_and_a_picture(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "trace.csv").write_text("at,prompt_tokens,output_tokens\n0,1000,100\n1,200000,5\n")
    words = ["simulate", "capacity", "--trace", str(tmp_path / "trace.csv"), "--machine", "codex-spark"]
    words += ["--price", "codex-spark=1/10", "--plot", str(tmp_path / "c.svg")]
    assert main(words) == 0
    out = capsys.readouterr().out
    assert "codex-spark   (±16% typically, up to 2.1×)" in out
    assert "refused        1" in out
    assert "cost           0.002" in out
    assert "never the real machine" in out
    assert (tmp_path / "c.svg").stat().st_size > 1000


def test_capacity_of_a_made_up_crowd_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "capacity", "--users", "3", "--minutes", "1", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [each["machine"] for each in found["machines"]] == [
        "codex-spark",
        "gpt-oss-120b",
        "h100_sxm/x8/llama70b",
    ]
    assert {each["requests"] for each in found["machines"]} == {found["requests"]}


def test_machines_of_one_s_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    profile = "[profiles.mine]\narchitecture = 'llama70b'\nspeculation = 1.5\n"
    (tmp_path / "config.toml").write_text(profile)
    (tmp_path / "other.toml").write_text(profile.replace("mine", "other"))
    few = ["simulate", "capacity", "--users", "2", "--minutes", "1"]
    assert main([*few, "--machine", "mine"]) == 0
    assert main([*few, "--machine", "other", "--profiles", str(tmp_path / "other.toml")]) == 0
    assert "other   (±" in capsys.readouterr().out


def test_feel_is_amdahl_s_law(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "s.csv").write_text("kind,seconds,prompt_tokens,output_tokens\nthink,100,,\nedit,,0,6500\n")
    words = ["simulate", "feel", "--session", str(tmp_path / "s.csv"), "--tokens-per-s", "65", "650"]
    assert main([*words, "--plot", str(tmp_path / "f.svg")]) == 0
    out = capsys.readouterr().out
    assert "tokens come 10.0× as fast, waiting shrinks 9.9×, the session 1.82×" in out
    assert (tmp_path / "f.svg").exists()
    assert main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["sessions"][1]["rate_ratio"] == 10
    assert main(["simulate", "feel"]) == 0
    assert "not a recording" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["validate", "--gpu-data", "none.csv"], "none.csv cannot be read"),
        (["capacity", "--machine", "warp"], "There is no profile 'warp'"),
        (["capacity", "--machine", "a/b"], "'a/b' is not a machine"),
        (["capacity", "--trace", "none.csv"], "none.csv cannot be read"),
        (["capacity", "--users", "0"], "--users must be more than 0"),
        (["capacity", "--per-minute", "-1"], "--per-minute must be more than 0"),
        (["capacity", "--minutes", "nan"], "--minutes must be more than 0"),
        (["capacity", "--shared", "2"], "--shared must be between 0 and 1"),
        (["capacity", "--minutes", "0.0001", "--users", "1"], "Nobody asks"),
        (["capacity", "--price", "cheap"], "is not NAME=IN/OUT"),
        (["capacity", "--price", "a=1/-2"], "is not NAME=IN/OUT"),
        (["capacity", "--profiles", "none.toml"], "none.toml cannot be read"),
        (["feel", "--session", "none.csv"], "none.csv cannot be read"),
        (["feel", "--tokens-per-s", "0"], "must be more than 0"),
        (["feel", "--profile", "warp"], "There is no profile 'warp'"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(
    words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["simulate", *words]) == 1
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[profiles.a\n", "not valid TOML"),
        ("[profiles.a]\ntokens_per_s = -1\n", "profiles.a.tokens_per_s"),
        ("[profiles.a]\nspeculation = 0.5\n", "profiles.a.speculation"),
        ("[profiles.a]\nwarp = 9\n", "profiles.a.warp"),
        ("[profiles.a]\ntokens_per_s = nan\n", "profiles.a.tokens_per_s"),
        ("[profiles]\na = 3\n", "profiles.a"),
        ("profiles = 3\n", "profiles"),
        ("[profiles.a]\nlayers = 40\n", "profiles.a.prefill_tokens_per_s"),
    ],
)
def test_a_profile_that_makes_no_sense_is_refused_by_its_key(
    text: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "p.toml").write_text(text)
    words = ["simulate", "capacity", "--machine", "a", "--profiles", str(tmp_path / "p.toml")]
    assert main(words) == 1
    assert says in capsys.readouterr().err
