"""Finds the paths that a document's URI carries, for any scheme.

A notebook cell, an older revision of a file and a file in an archive have URIs with different schemes. The
fence judges each by the path of its source file. Otherwise an excluded file could leave the editor under
another URI. If a URI carries no path, its scheme decides.
"""

import functools
import json
import re
from typing import Any, cast
from urllib.parse import unquote, urlsplit

NON_FILE_SCHEMES = frozenset(
    ("output", "term", "terminal", "vscode-terminal", "vscode-scm", "vscode-settings", "vscode-userdata")
).union(("debug", "comment", "chat", "vscode-chat-code-block", "vscode-chat-input", "walkThrough"))
"""Schemes of texts that show the output of programs, or hold other things than files."""
_SCHEMES_WITHOUT_PATH = frozenset(("", "file", "untitled", "inmemory"))  # a new text may have no path yet
_SCHEME = re.compile(r"[\w+.-]+")
_INNER = re.compile(r"::|!/")  # between an archive and a file in it
_REVISION = re.compile(r"^(.*?)/\.git(?:/(?:worktrees|modules)/[^/]+)?//[^/]+/(.+)$")
_WINDOWS_PATH = re.compile(r"[A-Za-z]:[\\/]")


def scheme_of(uri: str) -> str:
    """Return the scheme of a URI, or an empty text, for example for a bare path."""
    scheme, colon, _ = uri.partition(":")
    is_drive = len(scheme) == 1  # as in C:\Users
    if not colon or is_drive or not scheme.isascii() or not _SCHEME.fullmatch(scheme):
        return ""
    return scheme


def path_of(uri: str) -> str:
    """Return the path in a URI, decoded once, with `/`; `//host/path` for a file on another machine."""
    try:
        parts = urlsplit(uri)
    except ValueError:  # invalid brackets around a host
        return unquote(uri)
    if parts.scheme == "file" and parts.netloc not in ("", "localhost"):
        return unquote(f"//{parts.netloc}{parts.path}")
    return unquote(parts.path)


@functools.lru_cache(maxsize=1024)
def paths_in(uri: str) -> tuple[str, ...]:
    """Return every path that a URI carries: its own, and those of the files that the text comes from."""
    path = "/" + uri.replace("\\", "/") if _WINDOWS_PATH.match(uri) else path_of(uri)
    paths = [path, *(path_of(part) if part.startswith("file:") else part for part in _INNER.split(path))]
    if revision := _REVISION.match(path):
        paths.append(f"{revision[1]}/{revision[2]}")
    paths.append(_path_in_query(uri))
    return tuple(dict.fromkeys(each for each in paths if each))


def _path_in_query(uri: str) -> str:
    """Return the path in a query such as VS Code's for a revision in git: `?{"path": "…", "ref": "…"}`."""
    query = uri.partition("?")[2].partition("#")[0]
    if not query:
        return ""
    try:
        found: Any = json.loads(unquote(query))
    except (ValueError, RecursionError):
        return ""
    if not isinstance(found, dict):
        return ""
    path: object = cast(dict[str, Any], found).get("path")
    return path.replace("\\", "/") if isinstance(path, str) else ""


def is_unknown(uri: str) -> bool:
    """Tell whether the source of a document is unknown: its scheme is not for files, and it has no path."""
    scheme = scheme_of(uri)
    if scheme in NON_FILE_SCHEMES:
        return True
    return scheme not in _SCHEMES_WITHOUT_PATH and not any(path.startswith("/") for path in paths_in(uri))


def is_file(uri: str) -> bool:
    """Tell whether a URI names a file of this machine."""
    return scheme_of(uri) == "file" and not path_of(uri).startswith("//")
