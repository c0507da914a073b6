"""`spark-lsp simulate plan`: the table, the picture, and the refusal of bad traces."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from spark_lsp.cli import main

HEAD = "at,prompt_tokens,output_tokens,prefix,prefix_tokens,kind,effort\n"
MIX = "mix=codex-spark,h100_sxm/x8/llama70b×2; deep -> h100; wait>9 -> h100"


@pytest.fixture(autouse=True)
def nobody_s_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_LSP_CONFIG", str(tmp_path / "config.toml"))
    (tmp_path / "config.toml").write_text("")


def test_plans_in_one_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [f"{n},1000,200,u{n % 5},800,edit,{'deep' if n % 4 == 0 else 'fast'}" for n in range(60)]
    (tmp_path / "t.csv").write_text(HEAD + "\n".join([*rows, "60,150000,9,,,completion,"]))
    words = ["simulate", "plan", "--trace", str(tmp_path / "t.csv"), "--plan", "wafer=codex-spark×2"]
    words += ["--plan", MIX, "--price", "codex-spark=1/10", "--price", "h100_sxm/x8/llama70b=98/h"]
    assert main([*words, "--plot", str(tmp_path / "p.svg")]) == 0
    out = capsys.readouterr().out
    rows = {line[:40].strip(): line.split() for line in out.splitlines()}
    assert any(line.split() == ["wafer", "mix"] for line in out.splitlines())
    assert "first token, ms p95" in out
    assert "% of the trace's rate before anyone slows" in out
    assert "mix: the rule deep -> h100_sxm/x8/llama70b selected 15 requests." in out
    assert "mix: the rule wait>9 -> h100_sxm/x8/llama70b selected no request of this trace." in out
    refused = next(line.split() for line in out.splitlines() if line.startswith("refused, too long"))
    assert refused[-2:] == ["1", "1"]
    assert "cost of 1,000 requests" in out
    assert "never the real machine" in out
    assert (tmp_path / "p.svg").stat().st_size > 1000


def test_json_has_error_bars_on_every_figure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("spark_lsp.simulate.load.REQUESTS", 400)
    few = ["simulate", "plan", "--users", "4", "--minutes", "1", "--completions", "6", "--deep", "0.5"]
    assert main([*few, "--plan", MIX, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["unit"] == "users"
    assert answer["users"]["mix"]["low"] <= answer["users"]["mix"]["value"] <= answer["users"]["mix"]["high"]
    (found,) = answer["plans"]
    assert set(found["kinds"]) == {"completion", "edit"}
    for name in ("ttft_s", "token_s", "total_s"):
        assert len(found["all"][name]) == 3
        assert all(bar["low"] < bar["value"] < bar["high"] for bar in found["all"][name])


def test_the_same_seed_gives_the_same_answer(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["simulate", "plan", "--users", "5", "--minutes", "1", "--quick", "--json", "--seed"]
    said = [str(main([*words, seed]) or capsys.readouterr().out) for seed in ("3", "3", "4")]
    assert said[0] == said[1] != said[2]
    assert [each["plan"] for each in json.loads(said[0])["plans"]] == ["wafer", "gpus", "mix"]


def test_plans_of_a_file_beside_those_of_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "p.toml").write_text("[plans.two.machines]\ncodex-spark = 2\n")
    words = ["simulate", "plan", "--users", "2", "--minutes", "1", "--quick"]
    words += ["--plans", str(tmp_path / "p.toml")]
    assert main([*words, "--plan", "one=codex-spark", "--json"]) == 0
    assert [each["plan"] for each in json.loads(capsys.readouterr().out)["plans"]] == ["two", "one"]
    assert main([*words, "--plan", "two=codex-spark"]) == 1
    assert "Two plans have the name 'two'" in capsys.readouterr().err


ROW = "1,100,10,,,,\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "The trace holds no request"),
        (HEAD, "The trace holds no request"),
        ("at,prompt_tokens\n1,2\n", "Line 1 of the trace cannot be used: the column 'output_tokens'"),
        (HEAD + ROW + "2,-5,10,,,,\n", "Line 3 of the trace cannot be used: prompt_tokens is '-5'"),
        (HEAD + "1,100,0,,,,\n", "Line 2 of the trace cannot be used: output_tokens is '0'"),
        (HEAD + ROW + "nan,100,10,,,,\n", "Line 3 of the trace cannot be used: at is 'nan', not between"),
        (HEAD + "inf,100,10,,,,\n", "at is 'inf', not between"),
        (HEAD + "1,1e3,10,,,,\n", "prompt_tokens is '1e3', not a number"),
        (HEAD + f"1,{'9' * 30},10,,,,\n", "not between 1 and"),
        (HEAD + f"1,{'9' * 5000},10,,,,\n", "prompt_tokens is '999"),
        (HEAD + "1,100\n", "Line 2 of the trace cannot be used: it has 2 values"),
        (
            HEAD + "9,100,10,,,,\n\n8,100,10,,,,\n",
            "Line 4 of the trace cannot be used: its time, 8 s, is before",
        ),
        (HEAD + "1,100,10,,,poem,\n", "kind is 'poem', not one of completion, edit"),
        (HEAD + "1,100,10,,,edit,lazy\n", "effort is 'lazy', not one of"),
        (HEAD + "1,100,10,a,-2,,\n", "prefix_tokens is '-2'"),
        (HEAD + '1,100,10,"a', "Line 2 of the trace cannot be used: it has 4 values"),
        (HEAD + "x" * 20_000, "has a line of more than 10,000 characters"),
        ("\xff\x00", "cannot be"),
    ],
)
def test_a_bad_trace_is_refused_by_its_line(
    text: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "t.csv").write_bytes(text.encode("latin-1" if "\xff" in text else "utf-8"))
    assert main(["simulate", "plan", "--plan", "a=codex-spark", "--trace", str(tmp_path / "t.csv")]) == 1
    assert says in capsys.readouterr().err


def test_a_trace_that_is_too_long_is_refused_before_it_is_held(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spark_lsp.simulate.trace.MAX_ROWS", 3)
    (tmp_path / "t.csv").write_text(HEAD + ROW * 5)
    assert main(["simulate", "plan", "--trace", str(tmp_path / "t.csv")]) == 1
    assert "Line 5 of the trace cannot be used: a trace may have 3 requests" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--plan", "a=codex-spark; edit -> gpu"], "has no machine 'gpu' for its rule 1"),
        (["--plan", "a=codex-spark", "--price", "gpu=1/2"], "No plan has the machine 'gpu' of --price"),
        (["--plan", "a=codex-spark", "--price", "codex-spark=h"], "is not NAME=IN/OUT"),
        (["--plan", "a=codex-spark", "--price", "codex-spark=1/inf"], "is not NAME=IN/OUT"),
        (["--plans", "none.toml"], "none.toml cannot be read"),
        (["--deep", "2"], "--deep must be between 0 and 1"),
        (["--completions", "nan"], "--completions must be at least 0"),
        (["--users", "200000", "--minutes", "60"], "a trace may have 1,000,000"),
        (["--users", "10000", "--completions", "600"], "a trace may have 1,000,000"),
        (["--prompt", "99999999999"], "--prompt and --output must be at most"),
        (["--trace", "none.csv"], "none.csv cannot be read"),
    ],
)
def test_bad_arguments_are_refused(
    words: Sequence[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["simulate", "plan", *words]) == 1
    assert says in capsys.readouterr().err
