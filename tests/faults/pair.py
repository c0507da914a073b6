"""A real server and a real gateway whose hand-overs can be made to fail, and the traffic between them."""

import itertools
import json
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx

from tests.e2e.pipe import INITIALIZE, Pipe, until

LAUNCHER = str(Path(__file__).with_name("launcher.py"))
PATIENCE = 60.0  # seconds; nothing takes a tenth of it on an idle machine
CAPABILITIES = {
    "textDocument": {
        "inlineCompletion": {},
        "codeAction": {"codeActionLiteralSupport": {"codeActionKind": {"valueSet": []}}},
    },
    "window": {
        "workDoneProgress": True,
        "showMessage": {"messageActionItem": {}},
    },
    "workspace": {"applyEdit": True, "configuration": True, "workspaceEdit": {"documentChanges": True}},
}
CONFIG = """\
[engines.replay]
kind = "replay"
texts = { complete = "complete.txt", edit = "edit.txt", chat = "complete.txt" }
tokens_per_s = 300
[engines.spare]
kind = "replay"
texts = { complete = "complete.txt", edit = "edit.txt", chat = "complete.txt" }
[engines.slow]
kind = "replay"
text = "slow.txt"
tokens_per_s = 30
[engines.broken]
kind = "replay"
text = "nowhere.txt"
[engines.simulated]
kind = "wafer"
source = "spare"
[routes]
completion = ["replay", "spare"]
edit = ["simulated", "replay"]
chat = ["slow"]
"""
TEXTS = {
    "complete.txt": "return a + b\n",
    "edit.txt": "Multiply two numbers, and say what came of it.\n",
    "slow.txt": "It multiplies two numbers, and says what came of it.\n",
}
TEXT = "def add(a, b):\n    \n\n\ndef mul(a, b):\n    return a * b\n"
LARGE = "x = 1\n" * 6000
OWN = {"kind": "replay", "text": ""}


NUMBERS = itertools.count(1)


class Control:
    """One process's hand-overs, from outside."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        until(lambda: self._connected(path), PATIENCE)
        self._lines = self._socket.makefile("rwb")

    def _connected(self, path: Path) -> bool:
        with suppress(OSError):
            self._socket.connect(str(path))
            return True
        return False

    def ask(self, **wanted: Any) -> dict[str, Any]:
        self._lines.write(json.dumps(wanted).encode() + b"\n")
        self._lines.flush()
        return json.loads(self._lines.readline())

    def close(self) -> None:
        self._lines.close()
        self._socket.close()


class Pair:
    """See the module's text. `armed` is a place that fails once from the start.

    With `beside`, the gateway of another pair is used, and only a server is started.
    """

    def __init__(
        self, home: dict[str, str], folder: Path, armed: str = "", beside: "Pair | None" = None
    ) -> None:
        self._folder, self._home = folder, {**home, "SPARK_TEST_ARM": armed}
        self._number = next(NUMBERS)
        self._own_gateway = beside is None
        self._runtime = Path(home["SPARK_LSP_RUNTIME_DIR"])
        self._names = itertools.count(1)
        self.answered: Counter[Any] = Counter()
        self.asked: set[Any] = set()
        self._results: dict[Any, dict[str, Any]] = {}
        self._stopping = False
        self.edits: set[str] = set()
        self.explanations: set[str] = set()
        self.log = folder / f"pair-{self._number}.log"  # what one pair logs is not held against the next
        if beside is None:
            self._start_gateway()
        else:
            self.gateway, self._gateway_socket = beside.gateway, beside._gateway_socket
        self._start_server()
        self.control = Control(self._control("server"))
        self.gateway_control = None if armed else Control(self._gateway_socket)

    def _control(self, kind: str) -> Path:
        return self._runtime / f"control-{kind}-{self._number}"

    def _start_gateway(self) -> None:
        self._gateway_socket = self._control("gateway")
        command = [
            sys.executable,
            LAUNCHER,
            str(self._gateway_socket),
            "gateway",
            "--automatic",
            "--idle",
            "600",
        ]
        with self.log.open("ab") as log:
            self.gateway = subprocess.Popen(
                command, env=self._home, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, cwd="/"
            )
        assert self.gateway.stdout is not None
        self.gateway.stdout.readline()  # it is ready, or it has ended

    def _start_server(self) -> None:
        serve = [sys.executable, LAUNCHER, str(self._control("server")), "serve"]
        self.pipe = Pipe(self._home, self.log, serve)
        shows = {"growing": True, "previews": True}
        options = {"spark": {"client": shows, "completion": {"menu": "always"}}}
        more = {**INITIALIZE, "capabilities": CAPABILITIES, "initializationOptions": options}
        self.pipe.send(id="initialize", method="initialize", params=more)
        self._until(lambda: self.answered["initialize"])
        self.pipe.send(method="initialized", params={})

    # What goes on.

    def arm(self, place: str) -> None:
        self.control.ask(arm=place)
        if self.gateway_control is not None:
            self.gateway_control.ask(arm=place)

    def reached(self) -> set[str]:
        """The places that were reached in either process so far."""
        controls = [self.control, *([self.gateway_control] if self.gateway_control is not None else [])]
        return {place for each in controls for place in each.ask()["reached"]}

    def raised(self, place: str) -> bool:
        controls = [self.control, *([self.gateway_control] if self.gateway_control is not None else [])]
        return any(place in each.ask()["raised"] for each in controls)

    def armed_and_raised(self, place: str) -> bool:
        """Whether the place has raised; it stays armed where it has not."""
        controls = [self.control, *([self.gateway_control] if self.gateway_control is not None else [])]
        return any(place in each.ask(arm=place)["raised"] for each in controls)

    def cut(self) -> None:
        if self.gateway_control is not None:
            self.gateway_control.ask(cut=True)

    def _hear(self, seconds: float) -> None:
        """Read one message, and count it."""
        if not self.pipe.readable(seconds):
            return
        found = self.pipe.read()
        if "method" not in found:
            self.answered[found["id"]] += 1
            assert self.answered[found["id"]] == 1, f"{found['id']} was answered twice"
            self._results[found["id"]] = found
        elif "id" in found:
            self._serve(found)
        else:
            self.pipe.heard.append(found)

    def _serve(self, request: dict[str, Any]) -> None:
        """Answer the server, and make its edits; where wanted, stop a job as soon as it shows itself."""
        if request["method"] == "workspace/applyEdit":
            for each in request["params"]["edit"].get("documentChanges", ()):
                document = each["textDocument"]
                changes = [
                    {"range": edit["range"], "text": edit["newText"]} for edit in reversed(each["edits"])
                ]
                self.pipe.change(document["version"] + 1, *changes, uri=document["uri"])
        self.pipe._serve(request)
        if request["method"] == "window/workDoneProgress/create" and self._stopping:
            self.pipe.send(method="window/workDoneProgress/cancel", params=request["params"])

    def _until(self, happened: Callable[[], object], seconds: float = PATIENCE) -> None:
        end = time.monotonic() + seconds
        while not happened():
            assert time.monotonic() < end, f"not within {seconds} s; last heard {self.pipe.heard[-2:]}"
            self._hear(0.05)

    def ask(self, method: str, params: Any) -> Any:
        """Begin a request; returns its id."""
        identity = next(self._names)
        self.asked.add(identity)
        self.pipe.send(id=identity, method=method, params=params)
        return identity

    def result(self, identity: Any) -> dict[str, Any]:
        """Wait for an answer, which may be an error."""
        self._until(lambda: self.answered[identity])
        answer = self._results[identity]
        assert "tell_nobody" not in json.dumps(answer)
        return answer

    def command(self, name: str, *arguments: Any) -> Any:
        return self.ask("workspace/executeCommand", {"command": name, "arguments": list(arguments)})

    def open(self, text: str = TEXT) -> str:
        uri = f"file:///w/{next(self._names)}.py"
        self.pipe.open(text, uri)
        return uri

    def start_edit(self, uri: str) -> Any:
        here = {"start": {"line": 4, "character": 0}, "end": {"line": 5, "character": 0}}
        return self.command("spark.edit", {"action": "document", "uri": uri, "range": here})

    def ended(self, identity: Any) -> dict[str, Any] | None:
        """Wait until an edit has ended, if it could be started; returns how."""
        result = self.result(identity).get("result")
        if result is None:
            return None
        self.edits.add(result["id"])
        self._until(lambda: self.told("spark/edit", result["id"]))
        return self.told("spark/edit", result["id"])[0]

    def told(self, method: str, identity: str) -> list[dict[str, Any]]:
        return [each for each in self.pipe.told(method) if each["id"] == identity]

    # Traffic.

    def quick(self) -> None:
        """A suggestion while an edit is under way."""
        uri = self.open()
        edit = self.start_edit(uri)
        self.pipe.change(2, _change(1, "re"), uri=uri)
        self.result(self.suggestion(uri, 1, 6))
        self.ended(edit)
        self.pipe.send(method="textDocument/didClose", params={"textDocument": {"uri": uri}})

    def suggestion(self, uri: str, line: int, character: int) -> Any:
        position = {"line": line, "character": character}
        context = {"triggerKind": 2}
        params = {"textDocument": {"uri": uri}, "position": position, "context": context}
        return self.ask("textDocument/inlineCompletion", params)

    def full(self) -> None:
        """Everything else that an editor does."""
        uri, large, ruled = self.open(), self.open(LARGE), self._ruled()
        wanted = [self.suggestion(uri, 1, 4), self.suggestion(large, 3, 0)]
        here = {"start": {"line": 4, "character": 0}, "end": {"line": 4, "character": 0}}
        about = {"textDocument": {"uri": uri}, "range": here, "context": {"diagnostics": []}}
        wanted.append(self.ask("textDocument/codeAction", about))
        wanted.append(self.ask("codeAction/resolve", {"title": "x"}))
        wanted.append(self.ask("workspace/textDocumentContent", {"uri": "spark-lsp:/0/edit-0/a.py.diff"}))
        wanted.append(self.ask("nobody/knowsThis", {}))
        place = {"textDocument": {"uri": ruled}, "position": {"line": 1, "character": 4}}
        wanted += [self.ask("textDocument/completion", place), self.suggestion(ruled, 1, 4)]
        wanted += [self.command("spark.accept", {"token": 1}), self.command("spark.status")]
        wanted.append(self.command("spark.reject", {"token": 1}))
        wanted.append(self.command("spark.cursor", {"uri": uri, "position": {"line": 1, "character": 4}}))
        wanted += [self.command("spark.selectEngine"), self.command("spark.cancel", "edit-0")]
        explaining = self.command("spark.explain", {"uri": uri, "range": here})
        far = {"kind": "openai", "base_url": f"http://127.0.0.1:9/v{next(self._names)}", "model": "m"}
        self._settings({"engines": {"far": far, "own": OWN}})
        self.pipe.change(2, _change(1, "ret"), uri=uri)
        wanted.append(self.suggestion(uri, 1, 7))
        product = {"start": {"line": 1, "character": 11}, "end": {"line": 1, "character": 16}}
        whole = self.open("def mul(a, b):\n    return a * b\n")
        refactoring = {"action": "extract_variable", "uri": whole, "range": product}
        self.ended(self.command("spark.edit", refactoring))
        self._stopping = True
        stopped = self.start_edit(uri)
        self.pipe.send(method="$/cancelRequest", params={"id": self.suggestion(uri, 1, 7)})
        self.pipe.send(method="textDocument/didSave", params={"textDocument": {"uri": uri}})
        folders = {"event": {"added": [{"uri": "file:///w", "name": "w"}], "removed": []}}
        self.pipe.send(method="workspace/didChangeWorkspaceFolders", params=folders)
        for each in wanted:
            self.result(each)
        self._explained(explaining)
        self.ended(stopped)
        self._stopping = False
        self.result(self.command("spark.cancel"))
        self._settings({})
        self._doors()
        self._rest()

    def _ruled(self) -> str:
        """Open a document of a project whose own file has a rule that nobody knows."""
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        (folder / ".spark.toml").write_text("nonsense = 1\n")
        uri = (folder / "a.py").as_uri()
        self.pipe.open(TEXT, uri)
        return uri

    def _settings(self, values: dict[str, Any]) -> None:
        self.pipe.send(method="workspace/didChangeConfiguration", params={"settings": {"spark": values}})

    def _explained(self, identity: Any) -> None:
        result = self.result(identity).get("result")
        if result is not None:
            self.explanations.add(result["id"])
            self._until(lambda: any(each["done"] for each in self.told("spark/explanation", result["id"])))

    def _doors(self) -> None:
        """The gateway's other pages; what fails there is a status."""
        state = json.loads((self._runtime / "gateway.json").read_text("utf-8"))
        transport = httpx.HTTPTransport(uds=state["url"].removeprefix("ws+unix:"))
        headers = {"Authorization": f"Bearer {state['token']}"}
        with httpx.Client(transport=transport, headers=headers, base_url="http://gateway") as http:
            for page in ("/metrics", "/status", "/v1/models"):
                with suppress(httpx.HTTPError):
                    http.get(page)
            for model in ("replay", "broken"):
                with suppress(httpx.HTTPError):
                    http.post("/v1/responses", json={"model": model, "input": "hello"})

    def _rest(self) -> None:
        """Pause longer than the server's timer for a resting cursor."""
        end = time.monotonic() + 0.4
        while time.monotonic() < end:
            self._hear(0.05)

    def go_on(self) -> None:
        """Continue edits, steer and undo them, and look at them before they are applied."""
        uri = self.open("def mul(a, b):\n    return a * b\n")
        self.ended(self.command("spark.edit", self._edit(uri, 0, "document")))
        undone = self.result(self.command("spark.undoEdit", {"uri": uri})).get("result")
        if undone is not None:
            self._until(lambda: self.told("spark/edit", undone["id"]))
        self.ended(self.command("spark.editAgain", {"uri": uri, "instruction": "in other words"}))
        self.ended(self.command("spark.edit", self._edit(uri, 0, "tests", "Write a test below it")))
        self._settings({"edit": {"deep": "slow"}})
        reports = len(self._reports())
        said = self.command("spark.edit", self._edit(uri, 1, "instruct", "say it"))  # will be refused
        if (result := self.result(said).get("result")) is not None:
            self._until(lambda: len(self._reports()) > reports or self.told("spark/edit", result["id"]))
            self.result(self.command("spark.steer", {"instruction": "in one sentence"}))
        self.ended(said)
        for mode, decide in (("preview", "spark.applyEdit"), ("preview", "spark.discardEdit"), ("live", "")):
            self._settings({"edit": {"apply": mode}})
            self._decide(decide)
        self._settings({"edit": {"apply": "final", "deep": ""}})
        self.result(self.command("spark.instructions"))
        self._read_beside()
        self._rest()

    def _decide(self, command: str) -> None:
        """Begin an edit in preview, and run a command when it waits for the user."""
        started = self.result(self.start_edit(self.open())).get("result")
        if started is None:
            return
        self.edits.add(started["id"])
        self._until(lambda: self._is_decidable(started["id"]))
        if command and "error" in self.result(self.command(command, {"id": started["id"]})):
            self.result(self.command("spark.discardEdit", {"id": started["id"]}))  # the next decision
        self._until(lambda: self.told("spark/edit", started["id"]))

    def _read_beside(self) -> None:
        """Complete a call of a function from another file, and fix all imports."""
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        (folder / "helpers.py").write_text("def helper(a: int) -> int:\n    return a\n")
        uri = (folder / "a.py").as_uri()
        self.pipe.open("import os\nfrom helpers import helper\n\n\ndef run():\n    helper(\n", uri)
        for _ in range(2):
            self.result(self.suggestion(uri, 5, 11))
            self._rest()
        unused = {"start": {"line": 0, "character": 7}, "end": {"line": 0, "character": 9}}
        diagnostic = {
            "range": unused,
            "message": "`os` imported but unused",
            "code": "F401",
            "source": "Ruff",
        }
        context = {"diagnostics": [diagnostic], "only": ["source.fixAll"]}
        about = {"textDocument": {"uri": uri}, "range": unused, "context": context}
        self.result(self.ask("textDocument/codeAction", about))
        self.ended(self.command("spark.edit", self._edit(uri, 4, "tests")))  # in a file that is not there

    def _reports(self) -> list[dict[str, Any]]:
        """The reports that an engine works on an edit."""
        return [each for each in self.pipe.told("$/progress") if "working" in json.dumps(each)]

    def _edit(self, uri: str, line: int, action: str, instruction: str = "") -> dict[str, Any]:
        here = {"start": {"line": line, "character": 4}, "end": {"line": line, "character": 4}}
        return {"action": action, "uri": uri, "range": here, "instruction": instruction}

    def _is_decidable(self, identity: str) -> bool:
        """Whether an edit waits for the user, or has ended."""
        shown = [each["state"] for each in self.told("spark/editPreview", identity)]
        return "ready" in shown or bool(self.told("spark/edit", identity))

    def drop_link(self) -> None:
        """Lose the link in the middle of an explanation and an edit, and find it again."""
        uri = self.open()
        here = {"start": {"line": 4, "character": 0}, "end": {"line": 4, "character": 0}}
        explaining = self.command("spark.explain", {"uri": uri, "range": here})
        if (result := self.result(explaining).get("result")) is not None:
            self._until(lambda: self.told("spark/explanation", result["id"]))
        edit = self.start_edit(uri)
        self.cut()
        self.result(self.suggestion(uri, 1, 4))
        self.ended(edit)
        self._explained(explaining)

    # What must hold.

    def well(self) -> None:
        """The next suggestion has text and the next edit is applied, as soon as the link is up again."""
        end = time.monotonic() + PATIENCE
        while not self._serves():
            assert time.monotonic() < end, f"no recovery; last heard {self.pipe.heard[-3:]}"

    def _serves(self) -> bool:
        uri = self.open()
        items = (self.result(self.suggestion(uri, 1, 4)).get("result") or {}).get("items")
        outcome = self.ended(self.start_edit(uri))
        self.pipe.send(method="textDocument/didClose", params={"textDocument": {"uri": uri}})
        if items and outcome is not None and outcome["state"] == "applied":
            return True
        self._hear(0.05)
        return False

    def consistent(self) -> None:
        """Each request has one answer, each edit and explanation one end, and no log holds code."""
        self._until(lambda: all(self.answered[each] for each in self.asked))
        edits = Counter(each["id"] for each in self.pipe.told("spark/edit"))
        assert all(edits[each] == 1 for each in self.edits), edits
        assert set(edits.values()) <= {1}, edits
        done = Counter(each["id"] for each in self.pipe.told("spark/explanation") if each["done"])
        assert all(done[each] == 1 for each in self.explanations), done
        grown = self.pipe.told("spark/inlineCompletion")
        ends = Counter(each["token"] for each in grown if each["done"])
        assert set(ends.values()) <= {1}, ends
        text = self.log.read_text("utf-8", "replace")
        assert "Traceback" not in text, text
        assert "tell_nobody" not in text
        assert self.pipe.process.poll() is None

    def close(self) -> None:
        self.control.close()
        if self.gateway_control is not None:
            self.gateway_control.close()
        self.pipe.close()
        if not self._own_gateway:
            return
        self.gateway.kill()
        self.gateway.wait()
        assert self.gateway.stdout is not None
        self.gateway.stdout.close()


def _change(line: int, text: str) -> dict[str, Any]:
    here = {"line": line, "character": 4}
    return {"range": {"start": here, "end": here}, "text": text}
