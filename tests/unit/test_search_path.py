"""No environment brings the working directory into a search path."""

import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp import programs, search_path

ENTRIES = st.lists(
    st.sampled_from(["", ".", "..", "lib", "./lib", "~/lib", "/usr/lib", "/opt/x"]), max_size=5
)


@given(ENTRIES)
def test_only_absolute_entries_are_left_and_in_order(entries: list[str]) -> None:
    given_ = os.pathsep.join(entries)
    for name in search_path.LISTS:
        made = search_path.without_working_directory({name: given_})
        left = made[name].split(os.pathsep) if name in made else []
        kept = [entry for entry in entries if entry.startswith("/")]
        assert left == (kept or (search_path.absolute_entries(os.defpath) if name == "PATH" else []))


@pytest.mark.parametrize("name", search_path.CODE)
def test_code_is_named_absolutely_or_not_at_all(name: str) -> None:
    for relative in ("", ".", "x", "./x", "../x"):
        assert search_path.without_working_directory({name: relative}) == {}
    assert search_path.without_working_directory({name: "/x"}) == {name: "/x"}


@pytest.mark.parametrize("name", search_path.PLACES)
def test_places_of_data_mean_the_same_in_another_directory(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert search_path.without_working_directory({name: "x/y"}) == {name: str(tmp_path / "x" / "y")}
    assert search_path.without_working_directory({name: ""}) == {name: ""}


def test_other_variables_are_left_alone() -> None:
    kept = {"LANG": "C", "SPARK_LSP_TOKEN": ".", "HTTPS_PROXY": "proxy:80"}
    assert search_path.without_working_directory(kept) == kept


def test_a_python_child_has_a_safe_path_and_no_prompt() -> None:
    base = {"PYTHONSTARTUP": "/x.py", "PYTHONINSPECT": "1", "A": "b"}
    assert programs.environment(programs.python("-c", ""), base) == {"A": "b", "PYTHONSAFEPATH": "1"}
    assert programs.environment(["/usr/bin/nvim"], base) == base
    assert programs.python()[:2] == (sys.executable, "-P")
    assert programs.spark_lsp("serve")[1:] == ("-P", "-m", "spark_lsp", "serve")


def test_programs_are_found_in_absolute_entries_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here, there):
        folder.mkdir()
        (folder / "tool").write_text("#!/bin/sh\n")
        (folder / "tool").chmod(0o755)
    (there / "data").write_text("")
    monkeypatch.chdir(here)
    monkeypatch.setenv("PATH", os.pathsep.join([".", "", "../here", str(there)]))
    assert programs.find("tool") == str(there / "tool")
    assert programs.find("data") is None
    monkeypatch.setenv("PATH", ".")
    assert programs.find("tool") is None


def test_a_program_without_an_absolute_path_is_not_started() -> None:
    with pytest.raises(FileNotFoundError, match="no absolute path"):
        programs.start(["true"])


def test_the_working_directory_leaves_the_path_of_modules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = str(tmp_path)
    monkeypatch.chdir(here)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["", "lib", "/opt/lib"]))
    monkeypatch.setattr(sys, "path", [here, f"{here}/lib", "/opt/lib", "/usr/lib"])
    search_path.leave_working_directory()
    assert sys.path == ["/opt/lib", "/usr/lib"]
