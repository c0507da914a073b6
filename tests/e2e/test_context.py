"""The context beside a document: what reaches the gateway with ghost text, and what never does."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from spark_lsp.request import BESIDE, PartKind, Request
from tests.conftest import private_home
from tests.e2e.pipe import Pipe
from tests.e2e.recording import Person, person

SECRET = "sk_live_4f9a8b7c6d5e4f3a2b1c0d9e"
SHOP = (
    "class Cart:\n"
    "    items: list[str]\n"
    "    def total(self, rate: float = 0.2) -> float:\n"
    "        hidden_body = 1\n"
    "        return hidden_body * rate\n"
    "def discount(cart: Cart, code: str) -> float:\n"
    "    return 0.5\n"
)
CART = "class Cart:\n    items: list[str]\n    def total(self, rate: float = 0.2) -> float: ...\n"
DISCOUNT = "def discount(cart: Cart, code: str) -> float: ...\n"
MAIN = "from {module} import Cart, discount\n\ncart = Cart()\nprice = "
Context = dict[PartKind, dict[str, str]]


def context_of(request: Request) -> Context:
    """Return the context of a request, by kind and path."""
    found: Context = {}
    for part in request.parts:
        if part.kind in BESIDE:
            found.setdefault(part.kind, {})[part.uri] = part.text
    return found


class Desk:
    """A person with an open folder; each test uses names of files of its own."""

    def __init__(self, folder: Path, editor: Person) -> None:
        self.folder, self.editor = folder, editor
        self.texts: dict[str, str] = {}
        self.versions: dict[str, int] = {}

    def configure(self, **context: Any) -> None:
        """Push settings of the context, over the defaults."""
        values = {"imports": True, "recentEdits": True, "diagnostics": True, "exclude": [], "maxTokens": 0}
        self.editor.push({"settings": {"spark": {"context": {**values, **context}}}})

    def write(self, name: str, text: str) -> Path:
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
        return file

    def open(self, name: str, text: str, language: str = "python") -> str:
        uri = (self.folder / name).as_uri()
        self.texts[uri], self.versions[uri] = text, 1
        self.editor.open(text, uri, language=language)
        return uri

    def type(self, uri: str, text: str, line: int, character: int) -> None:
        """Insert text into an open document."""
        self.versions[uri] += 1
        here = {"line": line, "character": character}
        change = {"range": {"start": here, "end": here}, "text": text}
        self.editor.change(self.versions[uri], change, uri=uri)
        lines = self.texts[uri].split("\n")
        lines[line] = lines[line][:character] + text + lines[line][character:]
        self.texts[uri] = "\n".join(lines)

    def ask(self, uri: str) -> Context:
        """Request ghost text at the end of a document's text, and return the context of that request.

        A letter is typed before, which contradicts the suggestion for the text without it.
        """
        lines = self.texts[uri].split("\n")
        self.type(uri, "x", len(lines) - 1, len(lines[-1]))
        count = len(self.editor.gateway.requests)
        self.editor.complete("ghost", len(lines) - 1, len(lines[-1]) + 1, uri)
        assert self.editor.answer()["id"] == "ghost"
        assert len(self.editor.gateway.requests) > count
        return context_of(self.editor.gateway.requests[-1])

    def until(self, uri: str, condition: Callable[[Context], Any]) -> Context:
        """Request ghost text until its context meets a condition: files are read in the background."""
        found: Context = {}

        def holds() -> bool:
            nonlocal found
            found = self.ask(uri)
            return bool(condition(found))

        self.editor.until(holds)
        return found


@pytest.fixture(scope="module")
def fast_desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A desk whose engine reads fast."""
    yield from started(tmp_path_factory.mktemp("context"), beside_tokens=4_000)


@pytest.fixture
def desk(fast_desk: Desk) -> Iterator[Desk]:
    """The fast desk, with the default settings."""
    yield fast_desk
    fast_desk.configure()
    for uri in fast_desk.texts:
        fast_desk.editor.closed(uri)
    fast_desk.texts.clear()


def started(folder: Path, beside_tokens: int) -> Iterator[Desk]:
    project = folder / "project"
    project.mkdir()
    root = project.as_uri()
    folders = [{"uri": root, "name": "project"}]
    with (
        private_home(folder) as home,
        person(home, folder, beside_tokens=beside_tokens, rootUri=root, workspaceFolders=folders) as editor,
    ):
        yield Desk(project, editor)


# Signatures of imported names.


def test_signatures_of_an_open_file_arrive_without_bodies(desk: Desk) -> None:
    desk.open("open_shop.py", SHOP)
    uri = desk.open("open_main.py", MAIN.format(module="open_shop"))
    found = desk.until(uri, lambda each: PartKind.FILE in each)
    assert found[PartKind.FILE] == {"open_shop.py": CART + DISCOUNT}
    assert not desk.editor.gateway.saw("open_shop.py::")
    assert "hidden_body" not in str(found)


def test_the_text_of_an_open_file_wins_over_the_disk(desk: Desk) -> None:
    desk.write("two.py", "def discount(old: int): return 1\nclass Cart: pass\n")
    desk.open("two.py", SHOP)
    uri = desk.open("two_main.py", MAIN.format(module="two"))
    found = desk.until(uri, lambda each: PartKind.FILE in each)
    assert found[PartKind.FILE] == {"two.py": CART + DISCOUNT}


def test_a_change_on_the_disk_arrives(desk: Desk) -> None:
    file = desk.write("disk.py", SHOP)
    uri = desk.open("disk_main.py", MAIN.format(module="disk"))
    found = desk.until(uri, lambda each: PartKind.FILE in each)
    assert found[PartKind.FILE] == {"disk.py": CART + DISCOUNT}
    desk.write("disk.py", SHOP.replace("code: str", "voucher: bytes"))
    desk.until(uri, lambda each: "voucher: bytes" in str(each))
    file.unlink()
    desk.until(uri, lambda each: PartKind.FILE not in each)


def test_a_script_imports_relative_files(desk: Desk) -> None:
    desk.write(
        "web/api.ts", "export interface Point { x: number }\nexport function far(p: Point) { return 1 }\n"
    )
    uri = desk.open("web/main.ts", 'import { far, Point } from "./api";\nfar(', "typescript")
    found = desk.until(uri, lambda each: PartKind.FILE in each)
    signatures = "interface Point { x: number }\nfunction far(p: Point) { ... }\n"
    assert found[PartKind.FILE] == {"web/api.ts": signatures}


def test_a_request_names_ranges_of_a_mirrored_text(desk: Desk) -> None:
    desk.open("range_shop.py", SHOP)
    uri = desk.open("range_main.py", MAIN.format(module="range_shop"))
    desk.until(uri, lambda each: PartKind.FILE in each)
    before = len(desk.editor.gateway.received)
    desk.ask(uri)
    sent = [message for message in desk.editor.gateway.received[before:] if "response.create" in message]
    assert sent
    assert all('"context":[{"kind":"file","doc":' in message for message in sent)
    assert not any("discount(cart: Cart" in message for message in desk.editor.gateway.received[before:])


# What never leaves.


@pytest.mark.parametrize(
    ("name", "settings"),
    [("excluded.py", {"exclude": ["excluded.py"]}), ("build/made.py", {}), ("secrets/.env.py", {})],
)
def test_an_excluded_file_never_arrives(desk: Desk, name: str, settings: dict[str, Any]) -> None:
    (desk.folder / ".spark.toml").write_text('exclude = ["build/made.py"]\n')
    desk.configure(**settings)
    desk.write(name, SHOP.replace("hidden_body", "never_this").replace("discount", "never_name"))
    desk.open("control.py", SHOP)
    module = name.removesuffix(".py").replace("/", ".")
    text = f"from {module} import never_name\nfrom .secrets import x\nfrom control import Cart\nCart("
    uri = desk.open(f"uses_{len(name)}.py", text)
    found = desk.until(uri, lambda each: PartKind.FILE in each)
    assert list(found[PartKind.FILE]) == ["control.py"]
    assert not desk.editor.gateway.saw("def never_name")


def test_a_file_that_becomes_excluded_leaves(desk: Desk) -> None:
    desk.write("later.py", SHOP)
    uri = desk.open("later_main.py", MAIN.format(module="later"))
    desk.until(uri, lambda each: PartKind.FILE in each)
    desk.configure(exclude=["later.py"])
    assert PartKind.FILE not in desk.ask(uri)


def test_a_link_out_of_the_folder_is_not_read(desk: Desk) -> None:
    outside = desk.folder.parent / "outside.py"
    outside.write_text("def never_outside(): pass\n")
    (desk.folder / "linked.py").symlink_to(outside)
    os.symlink("loop.py", desk.folder / "loop.py")
    desk.open("link_control.py", SHOP)
    text = "from linked import never_outside\nfrom loop import x\nfrom link_control import Cart\nCart("
    uri = desk.open("link_main.py", text)
    found = desk.until(uri, lambda each: PartKind.FILE in each)
    assert list(found[PartKind.FILE]) == ["link_control.py"]
    assert not desk.editor.gateway.saw("def never_outside")


def test_secrets_are_asterisks(desk: Desk) -> None:
    desk.write("keys.py", f'API_KEY = "{SECRET}"\ndef call(url: str, password="{SECRET}"): pass\n')
    uri = desk.open("keys_main.py", "from keys import API_KEY, call\ncall(API_KEY")
    found = desk.until(uri, lambda each: PartKind.FILE in each)
    assert found[PartKind.FILE]["keys.py"].startswith('API_KEY = "****')
    assert "def call(url: str, password=" in found[PartKind.FILE]["keys.py"]
    assert not desk.editor.gateway.saw(SECRET)


# Recent edits.


def test_an_edit_in_another_file_arrives_as_a_small_diff(desk: Desk) -> None:
    other = desk.open("edited.py", "def first(): pass\n\n\n\ndef second(): pass\n")
    uri = desk.open("edit_main.py", "y = ")
    desk.ask(uri)
    desk.type(other, "changed_", 4, 4)
    diff = "@@ -5 +5 @@\n-def second(): pass\n+def changed_second(): pass\n"
    assert desk.ask(uri)[PartKind.RECENT_EDIT]["edited.py"] == diff


def test_the_edit_at_the_cursor_is_not_repeated(desk: Desk) -> None:
    uri = desk.open("own.py", "a = 1\n" * 20 + "y = ")
    desk.ask(uri)
    assert "own.py" not in desk.ask(uri)[PartKind.RECENT_EDIT]
    desk.type(uri, "b", 0, 0)
    assert "+ba = 1" in desk.ask(uri)[PartKind.RECENT_EDIT]["own.py"]


def test_an_edit_of_an_excluded_file_never_arrives(desk: Desk) -> None:
    desk.configure(exclude=["hidden_edit.py"])
    other = desk.open("hidden_edit.py", "x = 1\n")
    uri = desk.open("hidden_main.py", "y = ")
    desk.ask(uri)
    desk.type(other, "never_typed", 0, 0)
    assert "hidden_edit.py" not in desk.ask(uri)[PartKind.RECENT_EDIT]
    assert not desk.editor.gateway.saw("never_typed")


def test_a_typed_secret_is_asterisks(desk: Desk) -> None:
    other = desk.open("secret_edit.py", "x = 1\n\n")
    uri = desk.open("secret_main.py", "y = ")
    desk.ask(uri)
    desk.type(other, f'password = "{SECRET}"', 1, 0)
    assert '+password = "***' in desk.ask(uri)[PartKind.RECENT_EDIT]["secret_edit.py"]
    assert not desk.editor.gateway.saw(SECRET)


# Diagnostics.


def report(editor: Pipe, uri: str, line: int, message: str, severity: int = 1) -> None:
    """Request code actions with a diagnostic, as an editor does for its light bulb."""
    here = {"start": {"line": line, "character": 0}, "end": {"line": line, "character": 3}}
    diagnostics = [{"range": here, "message": message, "severity": severity}]
    params = {"textDocument": {"uri": uri}, "range": here, "context": {"diagnostics": diagnostics}}
    assert "result" in editor.ask("actions", "textDocument/codeAction", params)


def test_diagnostics_near_the_cursor_arrive(desk: Desk) -> None:
    uri = desk.open("wrong.py", "far = 1\n" + "\n" * 30 + "abc = undefined\ny = ")
    report(desk.editor, uri, 0, "too far away")
    report(desk.editor, uri, 31, f'undefined name, token = "{SECRET}"')
    found = desk.ask(uri)[PartKind.DIAGNOSTIC]["wrong.py"]
    assert found.startswith("undefined name")
    assert found.endswith("(at `abc`)\n")
    assert not desk.editor.gateway.saw(SECRET)
    report(desk.editor, uri, 31, "only a hint", severity=4)
    assert PartKind.DIAGNOSTIC not in desk.ask(uri)


# Settings and budgets.


def test_each_source_has_a_setting(desk: Desk) -> None:
    desk.open("set_shop.py", SHOP)
    other = desk.open("set_other.py", "x = 1\n")
    uri = desk.open("set_main.py", MAIN.format(module="set_shop"))
    desk.type(other, "z", 0, 0)
    report(desk.editor, uri, 3, "a problem")
    sources = {
        "imports": PartKind.FILE,
        "recentEdits": PartKind.RECENT_EDIT,
        "diagnostics": PartKind.DIAGNOSTIC,
    }
    desk.until(uri, lambda each: set(each) == set(sources.values()))
    for name, kind in sources.items():
        desk.configure(**{name: False})
        assert set(desk.ask(uri)) == set(sources.values()) - {kind}


def test_the_setting_bounds_the_context(desk: Desk) -> None:
    desk.open("bound_shop.py", SHOP)
    uri = desk.open("bound_main.py", MAIN.format(module="bound_shop"))
    desk.until(uri, lambda each: PartKind.FILE in each)
    desk.configure(maxTokens=40, recentEdits=False)
    assert desk.ask(uri)[PartKind.FILE] == {"bound_shop.py": DISCOUNT}


@pytest.fixture(scope="module")
def slow_desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A desk whose engine reads slowly."""
    yield from started(tmp_path_factory.mktemp("slow"), beside_tokens=150)


def test_a_slow_engine_gets_signatures_alone_within_its_budget(slow_desk: Desk) -> None:
    names = [f"name_{number}" for number in range(30)]
    slow_desk.open("many.py", "".join(f"def {name}(argument: int) -> int: pass\n" for name in names))
    other = slow_desk.open("other.py", "x = 1\n")
    text = f"from many import {', '.join(names)}\n" + "\n" * 40 + "name_7(name_29("
    uri = slow_desk.open("many_main.py", text)
    slow_desk.type(other, "z", 0, 0)
    found = slow_desk.until(uri, lambda each: PartKind.FILE in each)
    assert set(found) == {PartKind.FILE}
    signatures = found[PartKind.FILE]["many.py"]
    assert "def name_7(" in signatures
    assert "def name_29(" in signatures
    assert len(signatures) <= 150 * 3


@pytest.fixture(scope="module")
def plain_desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A desk whose engine has no budget, as the embedded model by default."""
    yield from started(tmp_path_factory.mktemp("plain"), beside_tokens=0)


def test_an_engine_without_a_budget_gets_none(plain_desk: Desk) -> None:
    plain_desk.write("shop.py", SHOP)
    uri = plain_desk.open("main.py", MAIN.format(module="shop"))
    other = plain_desk.open("other.py", "x = 1\n")
    plain_desk.type(other, "z", 0, 0)
    assert plain_desk.ask(uri) == {}
    assert not plain_desk.editor.gateway.saw("spark-context")
    assert not plain_desk.editor.gateway.saw("def discount")
