"""A program in a terminal of its own, driven as a person would: keys in, screen out."""

import shlex
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from tests.patience import PATIENCE

Found = TypeVar("Found")
LOOK_S = 0.05  # between two looks, each of which starts a process


class Terminal:
    """One tmux server with one program in it, which sees nothing but the given environment."""

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        folder: Path,
        *,
        socket: Path,
        size: tuple[int, int],
    ) -> None:
        self._tmux = ["tmux", "-S", str(socket), "-f", "/dev/null"]
        program = ["env", "-i", *(f"{name}={value}" for name, value in environment.items()), *command]
        width, height = map(str, size)
        self._do("new-session", "-d", "-x", width, "-y", height, "-c", str(folder), shlex.join(program))
        self._do("set-option", "-g", "escape-time", "0")

    def _do(self, *arguments: str) -> str:
        done = subprocess.run([*self._tmux, *arguments], capture_output=True, text=True, check=False)
        if done.returncode:
            raise AssertionError(f"tmux {arguments[0]}: {done.stderr.strip()}")
        return done.stdout

    def type(self, text: str) -> None:
        """Type letters as they stand."""
        self._do("send-keys", "-l", "--", text)

    def press(self, *keys: str) -> None:
        """Press keys by tmux' names: Enter, Escape, Tab, C-x."""
        self._do("send-keys", *keys)

    def screen(self, *, colours: bool = False) -> str:
        """Return what the screen shows."""
        return self._do("capture-pane", "-p", *(["-e", "-N"] if colours else []))

    def unwrapped(self) -> str:
        """Return what the screen shows, with lines whole that were longer than the screen is wide."""
        return self._do("capture-pane", "-p", "-J")

    def wait(self, condition: Callable[[], Found], what: str = "", seconds: float = PATIENCE) -> Found:
        """Poll until `condition` gives something true; show the screen when it does not."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if found := condition():
                return found
            time.sleep(LOOK_S)
        raise AssertionError(f"not within {seconds} s: {what}\n{self.screen()}")

    def coax(self, line: str, text: str, *, enter: bool = True) -> None:
        """Type a line again and again, at a person's pace, until the screen shows a text."""

        def shown() -> bool:
            self.type(line)
            if enter:
                self.press("Enter")
            end = time.monotonic() + 2
            while text not in self.screen() and time.monotonic() < end:
                time.sleep(0.05)
            return text in self.screen()

        self.wait(shown, f"{text!r} on the screen")

    def shows(self, text: str, seconds: float = PATIENCE) -> None:
        """Wait until the screen shows a text."""
        self.wait(lambda: text in self.screen(), f"{text!r} on the screen", seconds)

    def hides(self, text: str, seconds: float = PATIENCE) -> None:
        """Wait until the screen shows a text no more; one look may meet a frame that is half drawn."""
        self.wait(
            lambda: text not in self.screen() and text not in self.screen(),
            f"{text!r} gone from the screen",
            seconds,
        )

    def close(self) -> None:
        """End it and what runs in it."""
        subprocess.run([*self._tmux, "kill-server"], capture_output=True, check=False)
