"""Faults 15 to 23: texts, places and names that others get wrong, at the server's own process.

Fault 21, a text that changes while an edit of it is made, is in test_edit.py with the other edits.

What the server thinks the text is shows in what it sends back: the new text and the ranges of an edit that
needs no model. So every text is compared with what a plain oracle makes of it.
"""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.pipe import INITIALIZE, SECRET, STATUS, URI, Pipe, message

EXECUTE = "workspace/executeCommand"
MIB = 1024 * 1024
END = re.compile(r"\r\n|\n|\r")
WIDTHS = {"utf-8": ("utf-8", 1), "utf-16": ("utf-16-le", 2), "utf-32": ("utf-32-le", 4)}


def units(text: str, encoding: str) -> int:
    """Length as LSP counts it."""
    codec, width = WIDTHS[encoding]
    return len(text.encode(codec, "surrogatepass")) // width


def lines_of(text: str) -> list[tuple[int, int]]:
    """Where each line begins and ends, by LSP's rule."""
    starts = [0, *(match.end() for match in END.finditer(text))]
    ends = [*(match.start() for match in END.finditer(text)), len(text)]
    return list(zip(starts, ends, strict=True))


def offset(text: str, place: dict[str, int], encoding: str) -> int:
    """Where a place is: clamped to its line, never inside a code point."""
    lines = lines_of(text)
    if place["line"] >= len(lines):
        return len(text)
    start, end = lines[place["line"]]
    fitting = [
        count
        for count in range(end - start + 1)
        if units(text[start : start + count], encoding) <= place["character"]
    ]
    return start + fitting[-1]


def place(line: int, character: int) -> dict[str, int]:
    return {"line": line, "character": character}


def span(*numbers: int) -> dict[str, dict[str, int]]:
    return {"start": place(*numbers[:2]), "end": place(*numbers[2:])}


def spliced(text: str, new: str, numbers: tuple[int, ...], encoding: str) -> str:
    """The text after one change."""
    start, end = (offset(text, each, encoding) for each in span(*numbers).values())
    return text[:start] + new + text[end:]


@pytest.fixture(scope="module")
def servers(shared_home: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A server for each way of counting."""
    started: dict[str, Pipe] = {}
    for encoding in WIDTHS:
        pipe = started[encoding] = Pipe(shared_home, tmp_path_factory.mktemp("log") / "server.log")
        capabilities = {**INITIALIZE["capabilities"], "general": {"positionEncodings": [encoding]}}
        pipe.initialize(capabilities=capabilities)
        pipe.engine()
    yield started
    for pipe in started.values():
        assert SECRET not in pipe.new_log()
        pipe.close()


# A name in every text, which an edit that needs no model changes: where the server finds it and what it
# takes for the text around it shows whether it has the text that we have.
RENAME = "renamed"


def seen(pipe: Pipe, encoding: str, text: str, version: int) -> None:
    """Assert that the server has just this text: rename its last word and look at where that is."""
    at = text.rindex(RENAME)
    line = max(number for number, (start, _) in enumerate(lines_of(text)) if start <= at)
    column = units(text[lines_of(text)[line][0] : at], encoding)
    argument = {
        "action": "instruct",
        "uri": URI,
        "version": version,
        "range": span(line, column, line, column + len(RENAME)),
        "instruction": f"rename {RENAME} to other",
    }
    pipe.applied.clear()
    answer = pipe.ask("edit", EXECUTE, {"command": "spark.edit", "arguments": [argument]})
    assert answer["result"]["state"] == "started", answer
    pipe.until(lambda: pipe.applied)
    (edits,) = pipe.applied[-1]["edit"]["documentChanges"]
    assert edits["textDocument"] == {"uri": URI, "version": version}
    told = [(each["range"], each["newText"]) for each in edits["edits"]]
    wanted = "".join("other" if piece == RENAME else piece for piece in re.split(f"({RENAME})", text))
    for range_, new in reversed(told):
        start, end = (offset(text, range_[side], encoding) for side in ("start", "end"))
        text = text[:start] + new + text[end:]
    assert text == wanted


ODD_ENDS = ["\f", "\v", "\x85", "\u2028", "\u2029", "\x1c"]


@pytest.mark.parametrize("encoding", WIDTHS)
@pytest.mark.parametrize("odd", [*ODD_ENDS, "".join(ODD_ENDS)], ids=ascii)
def test_fault_15_characters_that_end_no_line(servers: dict[str, Pipe], encoding: str, odd: str) -> None:
    follow(servers[encoding], encoding, f"a{odd}b = 1\n{odd}\nx{odd}y\n{RENAME} = 2\n")


@pytest.mark.parametrize("encoding", WIDTHS)
@pytest.mark.parametrize(
    "text",
    [
        f"a\rb\rc\r{RENAME} = 1\r",
        f"a\r\nb\rc\nd\n\r{RENAME} = 1",
        f"\r\r\n\n\r{RENAME}",
        f"{RENAME}",
        f"\r\n{RENAME}\r",
        f"a = 1\r\nb = 2\r\n{RENAME} = 3",
    ],
    ids=ascii,
)
def test_fault_16_line_ends(servers: dict[str, Pipe], encoding: str, text: str) -> None:
    follow(servers[encoding], encoding, text)


@pytest.mark.parametrize("encoding", WIDTHS)
def test_fault_16_the_empty_document(servers: dict[str, Pipe], encoding: str) -> None:
    pipe = servers[encoding]
    pipe.open("")
    assert pipe.items(line=0, character=0) is not None
    pipe.change(2, {"range": span(0, 0, 9, 9), "text": f"{RENAME}"})
    seen(pipe, encoding, RENAME, 2)
    pipe.change(
        3, {"range": span(0, 0, 9, 9), "text": ""}, {"range": span(0, 0, 0, 0), "text": f"\r{RENAME}"}
    )
    seen(pipe, encoding, f"\r{RENAME}", 3)


@pytest.mark.parametrize("encoding", WIDTHS)
@pytest.mark.parametrize("odd", ["😀", "👩‍💻", "e\u0301", "漢字", "ß", "\U0010ffff\ud7ff", "🇩🇪"], ids=ascii)
def test_fault_17_wide_characters(servers: dict[str, Pipe], encoding: str, odd: str) -> None:
    follow(servers[encoding], encoding, f"# {odd}{odd}\n'{odd}'\n# {odd}\n{RENAME} = '{odd}'\n")


def follow(pipe: Pipe, encoding: str, text: str) -> None:
    """Open a text, change it at every kind of place, those inside of characters included; compare."""
    pipe.open(text)
    seen(pipe, encoding, text, 1)
    changes = [
        ("é", (0, 1, 0, 1)),
        ("", (0, 2, 0, 3)),
        ("\n", (1, 1, 1, 1)),
        ("😀", (0, 3, 0, 5)),
        ("\r", (1, 0, 1, 0)),
    ]
    for version, (new, numbers) in enumerate(changes, 2):
        if RENAME not in spliced(text, new, numbers, encoding):
            continue
        text = spliced(text, new, numbers, encoding)
        pipe.change(version, {"range": span(*numbers), "text": new})
        seen(pipe, encoding, text, version)


HIGH, LOW = chr(0xD800), chr(0xDC00)
LONE = [HIGH, LOW, LOW + HIGH, f"a{HIGH}b"]


@pytest.mark.parametrize("encoding", WIDTHS)
@pytest.mark.parametrize("lone", LONE, ids=ascii)
def test_fault_18_lone_surrogates(servers: dict[str, Pipe], encoding: str, lone: str) -> None:
    """In a text, before the place of an edit; in the edit itself; in an argument; in a URI."""
    pipe = servers[encoding]
    follow(pipe, encoding, f"# {lone}x\n'{lone}'\n{RENAME} = 1\n")
    pipe.open(f"# {lone}\n{'#' * 70}\n" * 2_000 + RENAME)  # large: another decoder
    seen(pipe, encoding, f"# {lone}\n{'#' * 70}\n" * 2_000 + RENAME, 1)
    pipe.open(f"def f({lone}):\n    \n")
    assert isinstance(pipe.items(), list)
    argument = {"action": lone, "uri": f"file:///{lone}", "range": span(0, 0, 0, 0)}
    assert pipe.ask(3, EXECUTE, {"command": "spark.edit", "arguments": [argument]})["error"]["code"] == -32602
    argument = {**argument, "action": "document", "instruction": lone}
    assert pipe.ask(3, EXECUTE, {"command": "spark.edit", "arguments": [argument]})["error"]["code"] == -32803
    pipe.open("def f():\n    \n", uri=f"file:///{lone}.py")
    assert isinstance(pipe.items(uri=f"file:///{lone}.py"), list)
    assert pipe.ask(4, "codeAction/resolve", {"title": lone})["result"] == {"title": lone}
    pipe.alive()


@pytest.mark.parametrize("encoding", WIDTHS)
@pytest.mark.parametrize(
    "numbers",
    [(0, 99, 0, 999), (99, 0, 99, 0), (1, 2**31 - 1, 2**31 - 1, 2**31 - 1), (0, 0, 1, 10**6), (0, 1, 1, 1)],
)
def test_fault_19_ranges_past_an_end_are_clamped(
    servers: dict[str, Pipe], encoding: str, numbers: tuple[int, ...]
) -> None:
    pipe, text = servers[encoding], "é😀\n# 漢\nlast"
    pipe.open(text)
    new = f"\n{RENAME} = 1\n"
    pipe.change(2, {"range": span(*numbers), "text": new})
    seen(pipe, encoding, spliced(text, new, numbers, encoding), 2)


@pytest.mark.parametrize("numbers", [(1, 0, 0, 0), (0, 3, 0, 2)])
def test_fault_19_a_reversed_range_is_refused_until_the_text_comes_whole(
    servers: dict[str, Pipe], numbers: tuple[int, ...]
) -> None:
    out_of_step(servers["utf-16"], lambda pipe: pipe.change(2, {"range": span(*numbers), "text": "x"}))


@pytest.mark.parametrize("version", [0, 1, -5])
def test_fault_20_a_version_that_is_not_newer(servers: dict[str, Pipe], version: int) -> None:
    out_of_step(
        servers["utf-16"], lambda pipe: pipe.change(version, {"range": span(0, 0, 0, 0), "text": "x"})
    )


def out_of_step(pipe: Pipe, harm: Callable[[Pipe], None]) -> None:
    """A change that does not fit: nothing is computed from the text, until it comes whole."""
    for mend in (
        lambda: pipe.change(9, {"text": f"{RENAME} = 1\n"}),
        lambda: pipe.open(f"{RENAME} = 1\n", version=9),
    ):
        pipe.open(f"abc\n{RENAME} = 0\n")
        seen(pipe, "utf-16", f"abc\n{RENAME} = 0\n", 1)
        harm(pipe)
        assert refused(pipe) == -32803
        pipe.change(8, {"range": span(0, 0, 0, 0), "text": "x"})
        assert refused(pipe) == -32803
        assert pipe.items(line=0, character=0) == []
        pipe.until(lambda: "did not fit" in pipe.told("spark/status")[-1]["reason"])
        mend()
        seen(pipe, "utf-16", f"{RENAME} = 1\n", 9)


def refused(pipe: Pipe, uri: str = URI) -> int:
    """The code with which an edit is refused."""
    argument = {"action": "document", "uri": uri, "range": span(0, 0, 0, 1)}
    return pipe.ask("edit", EXECUTE, {"command": "spark.edit", "arguments": [argument]})["error"]["code"]


def test_fault_20_versions_may_skip(servers: dict[str, Pipe]) -> None:
    pipe = servers["utf-16"]
    pipe.open(RENAME)
    pipe.change(7, {"range": span(0, 0, 0, 0), "text": "\n"})
    pipe.change(2**31 - 1, {"range": span(0, 0, 0, 0), "text": "\n"})
    seen(pipe, "utf-16", f"\n\n{RENAME}", 2**31 - 1)


def test_fault_20_a_change_of_what_was_never_opened_or_is_closed(servers: dict[str, Pipe]) -> None:
    pipe = servers["utf-16"]
    pipe.change(2, {"text": SECRET}, uri="file:///never.py")
    assert refused(pipe, "file:///never.py") == -32803
    pipe.open(RENAME)
    pipe.send(method="textDocument/didClose", params={"textDocument": {"uri": URI}})
    pipe.change(2, {"range": span(0, 0, 0, 0), "text": "x"})
    assert refused(pipe) == -32803
    assert pipe.items(line=0, character=0) == []


def test_fault_20_the_second_of_two_opens_counts(servers: dict[str, Pipe]) -> None:
    pipe = servers["utf-16"]
    pipe.open(f"one\n{RENAME}", version=5)
    pipe.open(f"another\n{RENAME}", version=1)
    seen(pipe, "utf-16", f"another\n{RENAME}", 1)
    pipe.change(2, {"range": span(0, 0, 0, 0), "text": "x"})
    seen(pipe, "utf-16", f"xanother\n{RENAME}", 2)


# 22: texts that are too much.


LARGEST = 1_000_000
REFUSED = {
    "50 MB": (("def f(x):\n    return x\n" * 2_300_000), "larger than 16 MiB"),
    "12 MB": (("def f(x):\n    return x\n" * 520_000), "larger than a million characters"),
    "one more character": ("x\n" * (LARGEST // 2) + "x", "larger than a million characters"),
    "a line of 1 MB": ("x" * LARGEST, "longer than 50,000 characters"),
    "binary": ("a\0b", "binary"),
    "all of NUL": ("\0" * LARGEST, "binary"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_fault_22_what_is_refused_says_why(servers: dict[str, Pipe], name: str) -> None:
    text, why = REFUSED[name]
    pipe, uri = servers["utf-16"], f"file:///{name}.py"
    slowest = opened_with_pings(pipe, text, uri, read=len(text) < 16 * MIB)
    pipe.until(lambda: any(why in each["message"] for each in pipe.told("window/showMessage")))
    pipe.change(2, {"range": span(0, 0, 0, 0), "text": "x"}, uri=uri)
    assert pipe.items(line=0, character=1, uri=uri) == []
    assert refused(pipe, uri) == -32803
    assert slowest < 1.0  # seconds of work; the aim for a turn of the loop is 0.1


TAKEN = {
    "largest": "def f(x):\n    return x\n" * (LARGEST // 24),
    "longest line": "x = 1\n" + "é😀" * 24_000 + "\n",
    "nothing but line ends": "\r\n" * (LARGEST // 2 - 100),
}


@pytest.mark.parametrize("name", TAKEN)
def test_fault_22_what_is_just_below_the_limits_works_and_stops_nothing(
    servers: dict[str, Pipe], name: str
) -> None:
    pipe, uri = servers["utf-16"], f"file:///{name}.py"
    slowest = opened_with_pings(pipe, TAKEN[name], uri)
    for version in range(2, 12):
        pipe.change(version, {"range": span(1, 0, 1, 0), "text": "    \n"}, uri=uri)
        slowest = max(slowest, pipe.alive())
    assert pipe.items(line=1, character=4, uri=uri), pipe.told("spark/status")[-1:]
    params = {"textDocument": {"uri": uri}, "range": span(1, 0, 1, 0), "context": {"diagnostics": []}}
    begun = pipe.worked()
    assert "result" in pipe.ask("actions", "textDocument/codeAction", params)
    assert max(slowest, pipe.worked() - begun) < 1.0  # as above


def opened_with_pings(pipe: Pipe, text: str, uri: str, *, read: bool = True) -> float:
    """Open a text and ping; returns the most work, in seconds, that an answer waited for."""
    item = {"uri": uri, "languageId": "python", "version": 1, "text": text}
    whole = message(method="textDocument/didOpen", params={"textDocument": item})
    pipe.raw(whole[:-1])
    pipe.raw(whole[-1:])
    if not read:
        assert pipe.answer()["error"]["code"] == -32600
    return max(pipe.alive() for _ in range(5))


# 23: names.


ODD_URIS = [
    "untitled:Untitled-1",
    "vscode-notebook-cell:/home/me/a.ipynb#W0sZmlsZQ==",
    "file:///home/me/a%2520b%252Fc.py",
    "file://server/share/a.py",
    "file:////server/share/a.py",
    "\\\\server\\share\\a.py",
    "C:\\Users\\me\\a.py",
    "file:///c%3A/Users/me/a.py",
    "vscode-remote://ssh-remote%2Bhost/home/me/a.py",
    "git:/home/me/a.py?%7B%22ref%22%3A%22HEAD%22%7D",
    "file://[::1/a.py",
    "file:///%ff%fe%00.py",
    "file:///a\0b.py",
    "",
    "no uri at all",
    "file:///" + "../" * 200 + "etc/passwd",
    "file:///" + "x" * 100_000,
]
NO_FILES = ["http://[", "javascript:alert(1)", "made-up:x"]  # no path: such a text could be anything


@pytest.mark.parametrize("uri", ODD_URIS, ids=range(len(ODD_URIS)))
def test_fault_23_names_are_opaque(servers: dict[str, Pipe], uri: str) -> None:
    pipe = servers["utf-16"]
    pipe.open(f"def f():\n    \n{RENAME} = 1\n", uri=uri)
    if uri:
        assert pipe.items(uri=uri)[0]["insertText"] == "return a + b"
    context = {"diagnostics": []}
    params = {"textDocument": {"uri": uri}, "range": span(0, 0, 0, 0), "context": context}
    actions = pipe.ask("actions", "textDocument/codeAction", params)["result"]
    for action in actions:
        assert action["command"]["arguments"][0]["uri"] == uri
    pipe.send(method="textDocument/didClose", params={"textDocument": {"uri": uri}})
    assert pipe.items(uri=uri) == []


@pytest.mark.parametrize("uri", NO_FILES)
def test_fault_23_a_name_that_carries_no_path_gets_nothing_and_says_why(
    servers: dict[str, Pipe], uri: str
) -> None:
    pipe = servers["utf-16"]
    pipe.open(f"def f():\n    \n{RENAME} = 1\n", uri=uri)
    assert pipe.items(uri=uri) == []
    assert "this is no file" in pipe.ask("why", EXECUTE, STATUS)["result"]["reason"]
    params = {"textDocument": {"uri": uri}, "range": span(0, 0, 0, 0), "context": {"diagnostics": []}}
    assert pipe.ask("actions", "textDocument/codeAction", params)["result"] == []
    assert refused(pipe, uri) == -32803
    pipe.send(method="textDocument/didClose", params={"textDocument": {"uri": uri}})
    assert pipe.items(uri=uri) == []


def test_fault_23_two_spellings_are_two_documents(servers: dict[str, Pipe]) -> None:
    pipe = servers["utf-16"]
    pipe.open("", uri="file:///a%20b.py")
    assert pipe.items(uri="file:///a b.py", line=0, character=0) == []
    assert refused(pipe, "file:///a b.py") == -32803


@pytest.mark.parametrize("name", ["pipe.py", "link.py", "link%2Epy"])
def test_fault_23_a_document_is_never_read_from_disk(
    servers: dict[str, Pipe], tmp_path: Path, name: str
) -> None:
    """A FIFO that nobody writes to would hold up whoever opens it; a reader of it is seen by its writer."""
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / "link.py").symlink_to(tmp_path / "pipe.py")
    folder = tmp_path if name == "pipe.py" else tmp_path / "inside"
    pipe, uri = servers["utf-16"], f"{folder.as_uri()}/{name}"
    assert refused(pipe, uri) == -32803  # not opened by the editor: no one looks on the disk instead
    assert pipe.items(uri=uri) == []
    pipe.open(f"def f():\n    \n{RENAME} = 1\n", uri=uri)
    assert pipe.items(uri=uri)[0]["insertText"] == "return a + b"
    with pytest.raises(OSError, match="No such device or address"):
        os.open(tmp_path / "pipe.py", os.O_WRONLY | os.O_NONBLOCK)
