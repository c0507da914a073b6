"""Documents and the package's code are free of wording that readers must parse twice.

See docs/contributing/writing.md. `python -m tests.prose PATH` lists the findings.
"""

from pathlib import Path

import pytest

from tests.prose import files, findings

ROOT = Path(__file__).parent.parent
DOCUMENTS = (
    ".ci/run",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Makefile",
    "README.md",
    "docs",
    "editors",
    "pyproject.toml",
    "scripts",
    "tests/README.md",
)
PACKAGE = ROOT / "spark_lsp"
ROOMS = sorted(
    path.name for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
)


def report(path: Path) -> list[str]:
    """Return the findings at or below a path as lines, for the message of a failure."""
    found = list(files(path))
    assert found, f"{path} has no prose"
    return [str(finding) for each in found for finding in findings(each)]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_documents_are_plain(name: str) -> None:
    assert report(ROOT / name) == []


@pytest.mark.parametrize("room", ROOMS)
def test_code_is_plain(room: str) -> None:
    assert report(PACKAGE / room) == []


BAD = {
    "a.md": "The log says what is missing.\n\n```\nwhat is missing\n```\n\n`what is missing`\n",
    "a.py": (
        '"""What comes is kept."""\n'
        "TEXT = f'The engine {1} was asked for it'\n"
        "x = 1  # so it goes\n"
        "# along, which is none\n"
        "# of our business\n"
        "KEY = 'what is'\n"
    ),
    "a.lua": "local x = 1 -- it stands here, for the user who reads it\n",
    "a.ts": "/**\n * Seen by the\n * person.\n */\nconst what = is;\n",
    "a.json": '{"title": "kept for ever", "name": "what is it"}\n',
}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.md", [(1, "a clause as the subject")]),
        (
            "a.py",
            [
                (1, "a clause as the subject"),
                (2, "'is asked', 'is let', 'is looked at'"),
                (4, "'that is no …', 'is none'"),
                (3, "'goes along'"),
            ],
        ),
        ("a.lua", [(1, "'stands' for 'is'")]),
        ("a.ts", [(2, "'the person' for 'the user'")]),
        ("a.json", [(1, "'for ever'")]),
    ],
)
def test_the_patterns_are_found(tmp_path: Path, name: str, expected: list[tuple[int, str]]) -> None:
    (path := tmp_path / name).write_text(BAD[name], "utf-8")
    assert [(finding.line, finding.pattern) for finding in findings(path)] == expected
