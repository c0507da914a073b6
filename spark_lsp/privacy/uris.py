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
"""Schemes of texts that show what programs say, or hold something else than files."""
_WITHOUT_PATH = frozenset(("", "file", "untitled", "inmemory"))  # a new text may have no path yet
_INNER = re.compile(r"::|!/")  # between an archive and a file in it
_REVISION = re.compile(r"^(.*?)/\.git(?:/(?:worktrees|modules)/[^/]+)?//[^/]+/(.+)$")


def scheme_of(uri: str) -> str:
    """Return the scheme of a URI, or an empty text, for example for a bare path."""
    scheme = uri.partition(":")[0] if ":" in uri else ""
    return scheme if len(scheme) > 1 and scheme.isascii() and re.fullmatch(r"[\w+.-]+", scheme) else ""


def path_of(uri: str) -> str:
    """Return the path in a URI, decoded once, with `/`; `//host/path` for a file on another machine."""
    try:
        parts = urlsplit(uri)
    except ValueError:  # invalid brackets around a host
        return unquote(uri)
    far = parts.scheme == "file" and parts.netloc not in ("", "localhost")
    return unquote(f"//{parts.netloc}{parts.path}" if far else parts.path)


@functools.lru_cache(maxsize=1024)
def paths_in(uri: str) -> tuple[str, ...]:
    """Return every path that a URI carries: its own, and those of the files that the text comes from."""
    path = path_of(uri)
    if re.match(r"[A-Za-z]:[\\/]", uri):
        path = "/" + uri.replace("\\", "/")
    parts = _INNER.split(path)
    paths = [path, *(path_of(part) if part.startswith("file:") else part for part in parts)]
    if revision := _REVISION.match(path):
        paths.append(f"{revision[1]}/{revision[2]}")
    if told := _path_in_query(uri):
        paths.append(told)
    return tuple(dict.fromkeys(each for each in paths if each))


def _path_in_query(uri: str) -> str:
    """Return the path that a query names, as git's revisions in VS Code do: `?{"path": "…", "ref": "…"}`."""
    query = uri.partition("?")[2].partition("#")[0]
    try:
        found: Any = json.loads(unquote(query)) if query else None
    except (ValueError, RecursionError):
        return ""
    path: object = cast(dict[str, Any], found).get("path") if isinstance(found, dict) else None
    return path.replace("\\", "/") if isinstance(path, str) else ""


def is_unknown(uri: str) -> bool:
    """Tell whether a document may hold anything: its scheme is not that of files, and it carries no path."""
    scheme = scheme_of(uri)
    if scheme in NON_FILE_SCHEMES:
        return True
    return scheme not in _WITHOUT_PATH and not any(path.startswith("/") for path in paths_in(uri))


def is_file(uri: str) -> bool:
    """Tell whether a URI names a file of this machine."""
    return scheme_of(uri) == "file" and not path_of(uri).startswith("//")
