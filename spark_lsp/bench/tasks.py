"""Infilling tasks: a file of code with one missing line, and the tests that the answer must pass.

The format is that of HumanEval's single-line infilling set (openai/human-eval-infilling, MIT): one JSON
object per line with `task_id`, `entry_point`, `prompt`, `suffix`, `canonical_solution` and `test`. The data
is the work of others; the user names its path, and it is never part of this project.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from spark_lsp.errors import ConfigError


@dataclass(frozen=True, slots=True)
class InfillingTask:
    """One task: `canonical_solution` is the text between `prompt` and `suffix`; `test` defines `check`."""

    task_id: str
    entry_point: str
    prompt: str
    suffix: str
    canonical_solution: str
    test: str

    @property
    def document(self) -> tuple[str, int]:
        """The text in the editor, with an empty line in place of the missing one, and the cursor there."""
        return f"{self.prompt}\n{self.suffix}", len(self.prompt)

    def program(self, text: str) -> str:
        """Return the program for a completed text: it ends without an error if the text is right."""
        return f"{text}\n{self.test}\ncheck({self.entry_point})\n"


def read_tasks(path: Path, limit: int = 0) -> list[InfillingTask]:
    """Read tasks, `limit` of them or all (0). Raises `ConfigError` for a file without tasks."""
    try:
        lines = [line for line in path.read_text("utf-8").splitlines() if line.strip()]
        tasks = [msgspec.json.decode(line, type=InfillingTask) for line in lines[: limit or None]]
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read ({error.strerror})", "Nothing was measured", "Check the path after --data"
        ) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path} is not a file of infilling tasks: {error}",
            "Nothing was measured",
            "Give a file in the format of HumanEval's single-line infilling, one JSON object per line",
        ) from error
    if not tasks:
        raise ConfigError(f"{path} holds no task", "Nothing was measured", "Check the path after --data")
    return tasks


def exact(task: InfillingTask, answer: Sequence[str]) -> bool:
    """Tell whether the lines of an answer are the original's, white space at the ends apart."""
    return "\n".join(answer).strip() == task.canonical_solution.strip()
