"""Run the tests against the oldest or the newest versions of the libraries that pyproject.toml allows.

usage: .venv/bin/python scripts/test_versions.py oldest|newest [--python 3.12] [--short] [pytest's options]

Builds the wheel, installs it into an environment that holds nothing else of ours, and runs the unit,
integration and end-to-end tests there, from a copy of the tests: the source is not on the path. Tests of
editors, of the embedded model and of the wheel's build are left to `make test`. `--short` runs the tests
that use the libraries most, in about two minutes. Where only one Python is present, it serves for both.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
UV = Path(sys.executable).parent / "uv"
FOLDER = ROOT / ".venv" / "versions"
RUNNING = f"{sys.version_info.major}.{sys.version_info.minor}"
PYTHONS = tuple(sorted({"3.11", "3.12", "3.13", RUNNING}, key=lambda version: int(version[2:])))
NEED_THE_SOURCE = ("tests/integration/test_wheel.py",)
NEED_A_BROWSER = ("tests/integration/gateway/test_page_browser.py",)
SUITES = ("tests/unit", "tests/integration", "tests/e2e")
# At least one suite for each library: websockets, uvicorn and starlette; pygls; tree-sitter; detect-secrets,
# pathspec and httpx.
SHORT = (
    "tests/unit/engine",
    "tests/unit/gateway",
    "tests/unit/lsp",
    "tests/unit/privacy",
    "tests/unit/prompts/test_syntax.py",
    "tests/unit/test_contracts.py",
    "tests/integration/gateway",
    "tests/integration/test_link.py",
    "tests/integration/test_openai.py",
    "tests/integration/test_cli_edit.py",
    "tests/e2e/test_lifecycle.py",
    "tests/e2e/test_commands.py",
)


def main() -> int:
    """Return pytest's exit code; 3 if that Python is missing."""
    parser = argparse.ArgumentParser(prog="test_versions.py")
    parser.add_argument("which", choices=("oldest", "newest"))
    parser.add_argument("--python", choices=PYTHONS, help="default: the oldest or the newest available")
    parser.add_argument("--short", action="store_true")
    chosen, more = parser.parse_known_args()
    version = chosen.python or choose_python(chosen.which)
    if interpreter(version) is None:
        print(f"Python {version} is not on this machine; put it on the PATH or into ~/.pyenv/versions")
        return 3
    python = install(chosen.which, version)
    suites = [suite for suite in (SHORT if chosen.short else SUITES) if (ROOT / suite).exists()]
    with tempfile.TemporaryDirectory(prefix="spark-versions-") as folder:
        copy_tests(Path(folder))
        print(f"The {chosen.which} versions, with Python {version}:", flush=True)
        left_out = [f"--ignore={each}" for each in (*NEED_THE_SOURCE, *NEED_A_BROWSER)]
        command = [python, "-P", "-m", "pytest", "-q", "-m", "not model and not editor", *left_out]
        command += [*more, *suites]
        return subprocess.run(command, cwd=folder, check=False).returncode


def choose_python(which: str) -> str:
    """Return the oldest or the newest version of Python on this machine."""
    available = list(filter(interpreter, PYTHONS))
    if len(available) == 1:
        print(f"Only Python {available[0]} is on this machine; the {which} versions are tested with it.")
    return available[0 if which == "oldest" else -1]


def interpreter(version: str) -> Path | None:
    """Return a Python of this version that runs, or None. The one that runs this is always found."""
    if version == RUNNING:
        return Path(sys.executable)
    found = [
        shutil.which(f"python{version}"),
        *sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python")),
    ]
    for path in filter(None, found):
        done = subprocess.run(
            [path, "-c", ""], capture_output=True, check=False
        )  # pyenv's shims may have no target
        if done.returncode == 0:
            return Path(path)
    return None


def install(which: str, version: str) -> Path:
    """Install the wheel and the test tools; return the environment's interpreter."""
    environment = FOLDER / f"{which}-{version}"
    run("venv", "--quiet", "--clear", "--python", interpreter(version) or version, environment)
    python = environment / "bin" / "python"
    extras = ("--extra", "local", "--extra", "bench", "--extra", "test")
    resolution = "lowest-direct" if which == "oldest" else "highest"
    # The test tools are not under test, so their versions are the usual ones.
    pins = FOLDER / "test-tools.txt"
    pins.write_text("".join(f"{pin}\n" for pin in pinned_tools()))
    constraint = ("--constraint", pins) if which == "oldest" else ()
    options = ("--quiet", "--python", python, "--resolution", resolution, *constraint)
    run("pip", "install", *options, "-r", ROOT / "pyproject.toml", *extras)
    with tempfile.TemporaryDirectory(prefix="spark-wheel-") as folder:
        run("build", "--quiet", "--wheel", "--out-dir", folder, ROOT)
        wheel = next(Path(folder).glob("*.whl"))
        run("pip", "install", "--quiet", "--python", python, "--no-deps", wheel)
    return python


def pinned_tools() -> Iterator[str]:
    """Yield the lines of constraints.txt that pin the packages of the extra `test`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = {name_of(line) for line in project["optional-dependencies"]["test"]}
    wanted -= {name_of(line) for line in project["dependencies"]}
    for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines():
        if name_of(line) in wanted:
            yield line


def name_of(requirement: str) -> str:
    """Return the normalised name of a requirement."""
    match = re.match(r"[A-Za-z0-9._-]+", requirement)
    return re.sub(r"[-_.]+", "-", match[0]).lower() if match else ""


def copy_tests(folder: Path) -> None:
    """Copy all files that tests read, but not the package."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        if not name.startswith("spark_lsp/") and (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)


def run(*arguments: str | Path) -> None:
    """Run uv."""
    subprocess.run([UV, *arguments], check=True)


if __name__ == "__main__":
    sys.exit(main())
