"""Output of `spark-lsp demo`: for users, coloured and growing on a terminal; for programs, JSON lines."""

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Protocol, TextIO

import msgspec

from spark_lsp.cli.colour import print_diff
from spark_lsp.client.answers import Status


class Stage(Protocol):
    """The output of a demonstration."""

    def say(self, text: str) -> None:
        """Print a sentence for the user; it is not part of the machine-readable steps."""
        ...

    def line(self, text: str, ghost: str) -> None:
        """Show the current line: the typed text, and the ghost text after it."""
        ...

    def step(self, name: str, status: Status, fields: Mapping[str, Any]) -> None:
        """Show the end of a step."""
        ...


def facts(status: Status) -> dict[str, Any]:
    """Return the engine that answered, for every step."""
    return {"engine": status.engine, "model": status.model, "simulated": status.simulated}


class JsonStage:
    """Prints one JSON object per step."""

    def __enter__(self) -> "JsonStage":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def say(self, text: str) -> None:
        """Programs need no sentences."""

    def line(self, text: str, ghost: str) -> None:
        """Programs need no intermediate states."""

    def step(self, name: str, status: Status, fields: Mapping[str, Any]) -> None:
        """Print one object; fields without a value are left out."""
        known = {key: value for key, value in fields.items() if value not in (None, "")}
        print(msgspec.json.encode({"step": name, **facts(status), **known}).decode(), flush=True)


class TextStage:
    """Prints for users; on a terminal, redraws the line that is being typed in place."""

    def __init__(self, out: TextIO | None = None, *, terminal: bool | None = None) -> None:
        from rich.console import Console
        from rich.live import Live

        self._console = Console(file=out, force_terminal=terminal, highlight=False, markup=False, emoji=False)
        self._live = Live(console=self._console, transient=True, auto_refresh=False)
        self._shown = ("", "")  # the line as it was last printed

    def __enter__(self) -> "TextStage":
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def say(self, text: str) -> None:
        """Print a sentence."""
        self._console.print(text, soft_wrap=True)

    def line(self, text: str, ghost: str) -> None:
        """Redraw the line, ghost text in grey; without a terminal print each growth of the ghost."""
        from rich.text import Text

        if self._console.is_terminal:
            self._live.update(Text.assemble(text, (ghost, "bright_black italic")), refresh=True)
        elif ghost.strip(" …") and (text, ghost) != self._shown:
            self.say(f"  ghost> {text}⟦{ghost}⟧")
            self._shown = (text, ghost)

    def step(self, name: str, status: Status, fields: Mapping[str, Any]) -> None:
        """Print the result of the step and its timing line."""
        from rich.text import Text

        if fields.get("ghost_text") and self._console.is_terminal:
            self._live.update("", refresh=True)
            ghost = (str(fields["ghost_text"]), "bright_black italic")
            self._console.print(Text.assemble(str(fields.get("typed", "")), ghost))
        if fields.get("diff"):
            print_diff(str(fields["diff"]))
        self._console.print(Text(timing_line(name, status, fields), style="cyan"), soft_wrap=True)


def timing_line(name: str, status: Status, fields: Mapping[str, Any]) -> str:
    """Return `[step] what · engine · model · simulated or not · time to first token · tokens per second`."""
    made = {True: "simulated", False: "not simulated"}.get(status.simulated)  # type: ignore[arg-type]
    who = [part for part in (status.engine, status.model, made) if part]
    times = [
        f"{fields[key]:.{digits}f} {label}"
        for key, digits, label in (
            ("wait_ms", 0, "ms from the last key"),
            ("ttft_ms", 0, "ms to the first token"),
            ("tok_s", 0, "tokens/s"),
            ("seconds", 1, "s"),
        )
        if isinstance(fields.get(key), int | float)
    ]
    what = str(fields.get("reason") or fields.get("what") or "")
    return f"[{name}] " + " · ".join([part for part in (what, *who, *times) if part])
