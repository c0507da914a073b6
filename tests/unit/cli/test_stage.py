"""What a demonstration prints."""

import io
import json

import pytest

from spark_lsp.cli.stage import JsonStage, TextStage, timing_line
from spark_lsp.client.answers import Status

STATUS = Status("local", "qwen", False, "ready", "", ttft_ms=92.4, tok_s=31.2)


def test_a_terminal_sees_the_ghost_grow_in_grey() -> None:
    out = io.StringIO()
    with TextStage(out, terminal=True) as stage:
        stage.line("a = ", "b")
        stage.line("a = ", "b + c")
        stage.step("ghost", STATUS, {"typed": "a = ", "ghost_text": "b + c"})
    grey = "a = \x1b[3;90m"
    assert out.getvalue().index(f"{grey}b\x1b") < out.getvalue().index(f"{grey}b + c\x1b")


def test_a_pipe_sees_plain_text() -> None:
    out = io.StringIO()
    with TextStage(out, terminal=False) as stage:
        stage.line("a = ", "b[c]")
        stage.line("a = ", "b[c]")
        stage.say("x" * 200)
    assert out.getvalue() == "  ghost> a = ⟦b[c]⟧\n" + "x" * 200 + "\n"


@pytest.mark.parametrize(
    ("simulated", "says"), [(True, " · simulated · "), (False, " · not simulated · "), (None, "qwen · 92 ms")]
)
def test_the_timing_line_says_whether_the_pace_was_simulated(simulated: bool | None, says: str) -> None:
    status = Status("local", "qwen", simulated)
    line = timing_line("ghost", status, {"what": "ghost text", "ttft_ms": 92.4, "tok_s": 31.2})
    assert line.startswith("[ghost] ghost text · local · qwen")
    assert line.endswith("92 ms to the first token · 31 tokens/s")
    assert says in line


def test_json_leaves_out_what_is_not_known(capsys: pytest.CaptureFixture[str]) -> None:
    with JsonStage() as stage:
        stage.line("a", "b")
        stage.say("words")
        stage.step("ghost", STATUS, {"ghost_text": "b", "reason": "", "tok_s": None, "ok": False})
    assert json.loads(capsys.readouterr().out) == {
        "step": "ghost",
        "engine": "local",
        "model": "qwen",
        "simulated": False,
        "ghost_text": "b",
        "ok": False,
    }
