"""The real VS Code in a browser, driven as a person would: keys in, the screen and the saved file out."""

import json
import os
import re
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from playwright.sync_api import Browser, Error, Page, Playwright, ViewportSize

from tests.conftest import fetched
from tests.patience import PATIENCE

SIZE: ViewportSize = {"width": 1200, "height": 760}
NOWHERE = "http://127.0.0.1:1"
NO_PROGRAM = "/no/server/between/tests"
CHROMIUM = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)
GHOST = """() => {
  const text = (parts) => [...parts].map((each) => each.textContent).join('');
  const inline = [...document.querySelectorAll('.monaco-editor .ghost-text-decoration')];
  const lines = new Map();
  for (const each of document.querySelectorAll('.monaco-editor .ghost-text')) {
    const line = each.closest('.view-line');
    lines.set(line, [...(lines.get(line) ?? []), each]);
  }
  const shown = [text(inline), ...[...lines.values()].map(text)].join('\\n');
  return shown.replaceAll('\\u00a0', ' ').replaceAll('\\u200b', '');
}"""

# One call each: a handle for an element costs three calls of the browser, at each look of a wait.
TEXTS = """(where) => [...document.querySelectorAll(where)].map((each) => each.innerText ?? '')"""
STATUS = """() => {
  const item = document.querySelector('[id="spark-lsp.spark-lsp.spark.status"]');
  return item === null ? '' : `${item.innerText} | ${item.getAttribute('aria-label') ?? ''}`;
}"""
LOOK_S = 0.05  # between two looks: a look costs the browser and its driver about 5 ms of a core


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait(condition: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
    """Poll until `condition` gives something true."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with suppress(Error):  # an element that was just drawn anew
            if found := condition():
                return found
        time.sleep(LOOK_S)
    raise AssertionError(f"not within {seconds} s: {what}")


class CodeServer:
    """VS Code's server with a profile of its own, into which the extension was installed."""

    def __init__(self, program: str, vsix: Path, environment: dict[str, str], folder: Path) -> None:
        self.user, self.port = folder / "user", free_port()
        # A window onto a server takes settings of machine scope from here, and changes of the file at once.
        self.settings_file = self.user / "Machine" / "settings.json"
        self.settings_file.parent.mkdir(parents=True)
        node = Path(program).parents[2] / "node"
        gallery = {"serviceUrl": NOWHERE, "itemUrl": NOWHERE, "resourceUrlTemplate": NOWHERE}
        self._environment = {
            **environment,
            "PATH": f"{node}:{environment['PATH']}",
            "EXTENSIONS_GALLERY": json.dumps(gallery),
        }
        self._program = [program, "--user-data-dir", str(self.user), "--extensions-dir", str(folder / "ext")]
        self._run("--install-extension", str(vsix))
        (folder / "config.yaml").write_text(f"bind-addr: 127.0.0.1:{self.port}\nauth: none\ncert: false\n")
        flags = "--auth none --disable-telemetry --disable-update-check --disable-getting-started-override"
        command = [*self._program, "--config", str(folder / "config.yaml"), *flags.split()]
        self.log = folder / "server.log"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [*command, "--disable-workspace-trust"],
                env=self._environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            wait(self._is_up, f"VS Code to come up, see {self.log}")
        except BaseException:
            self.stop()  # nobody else knows of it
            raise

    def settings(self, **values: Any) -> None:
        """Write the person's settings; dots in names are written as `__`."""
        given = {name.replace("__", "."): value for name, value in values.items()}
        quiet = {
            "files.hotExit": "off",
            "editor.minimap.enabled": False,
            "workbench.startupEditor": "none",
            "editor.wordBasedSuggestions": "off",
            "workbench.tips.enabled": False,
            "chat.disableAIFeatures": True,
            "workbench.secondarySideBar.defaultVisibility": "hidden",
            "spark.server.path": self.spark,
        }
        fresh = self.settings_file.with_suffix(".new")
        fresh.write_text(json.dumps({**quiet, **given}))
        fresh.replace(self.settings_file)  # never half a file

    spark = ""

    def installed(self) -> list[str]:
        return self._run("--list-extensions").split()

    def stop(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        self._process.wait(PATIENCE)

    def _run(self, *arguments: str) -> str:
        command = [*self._program, *arguments]
        return subprocess.run(
            command, env=self._environment, check=True, capture_output=True, text=True
        ).stdout

    def _is_up(self) -> bool:
        with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=1):
            return True
        return False


def launch(playwright: Playwright) -> Browser:
    """Start the browser, as its script finds or brings it."""
    program = fetched("chromium")
    return playwright.chromium.launch(executable_path=program, headless=True, args=list(CHROMIUM))


class Window:
    """One window of VS Code with one file open."""

    def __init__(
        self,
        browser: Browser,
        server: CodeServer,
        file: Path,
        size: ViewportSize = SIZE,
        folder: Path | None = None,
    ) -> None:
        self.file = file
        self.server = server
        context = browser.new_context(viewport=size)
        context.set_default_timeout(PATIENCE * 1000)
        self.page: Page = context.new_page()
        host = f"127.0.0.1:{server.port}"
        payload = quote(json.dumps([["openFile", f"vscode-remote://{host}{file}"]]))
        self.page.goto(
            f"http://{host}/?folder={folder or file.parent}&payload={payload}", wait_until="domcontentloaded"
        )
        self.page.wait_for_selector(".monaco-workbench")
        self.page.wait_for_selector(".monaco-editor .view-lines")

    def close(self) -> None:
        self.page.context.close()

    def open(self, file: Path) -> None:
        """Open another file in this window, by its path; no other file may have its name."""
        self.file = file
        self.press("Control+P")
        self.page.wait_for_selector(".quick-input-widget input")
        self.page.keyboard.insert_text(str(file))
        row = f'.quick-input-list .monaco-list-row[aria-label*="{file.name}"]'
        self.page.click(row)
        self.wait(lambda: file.name in self.title().replace("\n", ""), f"the file {file.name}")
        self.page.wait_for_selector(".monaco-editor .view-lines")

    def tidy(self) -> None:
        """Stop the server and close what was opened, unsaved changes and notifications included."""
        self.server.spark = NO_PROGRAM
        self.server.settings()
        self.wait(lambda: "no server" in self.status() and NO_PROGRAM in self.notices(), "the server to end")
        self.press("Escape", "Escape")
        while tabs := len(self.page.query_selector_all(".tab")):
            self.run("View: Revert and Close Editor")
            self.wait(lambda: len(self.page.query_selector_all(".tab")) < tabs, "the tab to close")
        self.run("Notifications: Clear All Notifications")
        self.wait(lambda: not self.notices(), "the notifications to go")

    # What is on screen.

    def status(self) -> str:
        """The text of our item in the status bar, with its label for those who cannot see it."""
        return str(self.page.evaluate(STATUS))

    def ghost(self) -> str:
        return str(self.page.evaluate(GHOST))

    def text(self) -> str:
        """What all editors on screen show."""
        return "\n".join(self._texts(".monaco-editor .view-lines")).replace("\u00a0", " ")

    def title(self) -> str:
        return "".join(self._texts(".tab.active")[:1])

    def asked(self) -> str:
        """What the input box asks."""
        return "".join(self._texts(".quick-input-widget")[:1])

    def _texts(self, selector: str) -> list[str]:
        """Return what all elements of a kind show."""
        return list(self.page.evaluate(TEXTS, selector))

    def shot(self, file: Path) -> None:
        """Keep a picture of what does not move any more."""
        before, now = b"", self.page.screenshot()
        end = time.monotonic() + 2
        while now != before and time.monotonic() < end:
            before, now = now, self.page.screenshot()
        file.write_bytes(now)

    def notices(self) -> str:
        return "\n".join(self._texts(".notification-list-item"))

    # What a person does.

    def ready(self, engine: str = "replay", seconds: float = PATIENCE) -> None:
        self.wait(lambda: re.search(rf"\b{engine}\b", self.status()), f"the engine {engine}", seconds)

    def at(self, line: int) -> None:
        """Put the cursor at the end of a line, counted from 1."""
        self.page.click(".monaco-editor .view-lines")
        self.press("Control+Home", *["ArrowDown"] * (line - 1), "End")

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def type(self, text: str, delay_ms: float = 30) -> None:
        self.page.keyboard.type(text, delay=delay_ms)

    def coax(self, key: str, condition: Callable[[], Any], what: str) -> None:
        """Type a key again and again, at a person's pace, until something is there."""

        def there() -> bool:
            self.press(key)
            with suppress(AssertionError):
                return bool(wait(condition, what, 1))
            return False

        self.wait(there, what)

    def run(self, title: str) -> None:
        """Run a command by its name, from the command palette."""
        self.press("F1")
        self.page.wait_for_selector(".quick-input-widget input")
        self.type(title, 0)
        row = f'.quick-input-list .monaco-list-row:has-text("{title}")'
        self.page.wait_for_selector(row).click()

    def saved(self) -> str:
        """Save the file and return it."""
        self.press("Control+S")
        self.wait(lambda: self.page.query_selector(".tab.active.dirty") is None, "the file to be saved")
        return self.file.read_bytes().decode()

    def becomes(self, text: str) -> None:
        """Save the file until it is this, byte for byte: what is applied comes when it comes."""
        self.wait(lambda: self.saved() == text, f"the file to be {text!r}")

    def wait(self, condition: Callable[[], Any], what: str, seconds: float = PATIENCE) -> Any:
        try:
            return wait(condition, what, seconds)
        except AssertionError as error:
            raise AssertionError(
                f"{error}; status {self.status()!r}, ghost {self.ghost()!r}, notices {self.notices()!r}, "
                f"file {self.file.read_text()!r}"
            ) from None
