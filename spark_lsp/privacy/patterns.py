"""Patterns of file names as people write them, and what they match.

One list of patterns may hold shell globs, lines as in a `.gitignore`, absolute paths, paths with `~`, `file:`
URIs, and paths with backslashes. A pattern keeps files in the editor, so one that can be read in two ways
is read in both: `my%20notes/` matches a folder of exactly that name and the folder `my notes`.

- A pattern matches at any depth, and a folder stands for everything below it. A `/` at the end restricts it
  to folders.
- A pattern with `/` at the start is an absolute path, or one seen from an open folder.
- `*` and `**` match any characters, `/` too; `**/` may match nothing. `?`, `[a-z]`, `[!a]` and `{a,b}` are
  known, and `\\` before a special character takes its meaning away.
- Upper and lower case are the same, and so are the forms of a letter with an accent (Unicode's NFC and NFD).

Braces are expanded by bracex, which follows bash, and wildcards are translated by wcmatch. pathspec is not
used here, since a `.gitignore` has neither braces nor absolute paths.
"""

import functools
import posixpath
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from spark_lsp.config import Problem, Settings

MOST_ALTERNATIVES = 1000  # of one pattern with braces
_HOME = re.compile(
    r"^(?:\$HOME|\$\{HOME\}|\$\{userHome\}|\$\{env:HOME\}|%USERPROFILE%)(?=[/\\]|$)", re.IGNORECASE
)
_FOLDER = re.compile(r"^\$\{workspace(?:Folder|Root)\}(?=[/\\]|$)", re.IGNORECASE)
_VARIABLE = re.compile(r"\$\{[A-Za-z_][\w:.]*\}")
_DRIVE = re.compile(r"^/?[A-Za-z]:(?=[/\\]|$)")
_ADDRESS = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]+://")
_CLASS = re.compile(r"\[[!^]?\]?[^\]]*\]")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a pattern is read in: the home directory, and the folders that relative patterns start from.

    All are absolute paths with `/`; `home` is empty where it is not known.
    """

    home: str = ""
    folders: tuple[str, ...] = ()
    windows: bool = False


NOWHERE = Surroundings()


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern that was read. `problem` says what is wrong with it; it may match something all the same."""

    expression: re.Pattern[str] | None
    problem: str = ""

    def matches(self, path: str) -> bool:
        """Tell whether a path in the form that `normal` returns matches."""
        return self.expression is not None and self.expression.match(path) is not None


def matching(path: str, patterns: Iterable[str], surroundings: Surroundings = NOWHERE) -> str:
    """Return the first pattern that a decoded path with `/` matches; empty for none."""
    normalised = normal(path)
    matched = (text for text in patterns if read_pattern(text, surroundings).matches(normalised))
    return next(matched, "")


def problems_of(patterns: Iterable[str], surroundings: Surroundings = NOWHERE) -> list[str]:
    """Return one sentence for each pattern that can match nothing, or that does not mean what it seems to."""
    read = ((text, read_pattern(text, surroundings).problem) for text in patterns)
    return [f"the pattern {text!r} {problem}" for text, problem in read if problem]


def setting_problems(settings: Settings, surroundings: Surroundings) -> list[Problem]:
    """Name the patterns in the settings that can match nothing, or do not mean what they seem to."""
    lists = {
        "context.exclude": settings.context.exclude,
        "completion.disabledGlobs": settings.completion.disabledGlobs,
    }
    return [
        Problem(name, "settings", problem)
        for name, patterns in lists.items()
        for problem in problems_of(patterns, surroundings)
    ]


def normal(path: str) -> str:
    """Return a path in the form in which it is compared: composed letters, no `.`, `..` or empty parts.

    A `/` at the end stays, as of a folder's listing.
    """
    composed = unicodedata.normalize("NFC", path)
    host = "/" if composed.startswith("//") and not composed.startswith("///") else ""
    end = "/" if composed.endswith("/") and composed.strip("/") else ""
    return host + re.sub("^//+", "/", posixpath.normpath(composed)) + end if composed else ""


@functools.lru_cache(maxsize=4096)
def read_pattern(text: str, surroundings: Surroundings = NOWHERE) -> Pattern:
    """Read a pattern. Nothing is raised: what cannot be read matches nothing, and `problem` says why."""
    if problem := _matches_nothing(text):
        return Pattern(None, problem)
    from bracex import ExpansionLimitException

    try:
        globs = {glob for each in _readings(text) for glob in _placed(each, surroundings)}
        expressions = [expression for glob in sorted(globs) for expression in _translated(glob)]
        return Pattern(re.compile("|".join(expressions)), _problem(text, surroundings))
    except ExpansionLimitException:
        return Pattern(None, f"has more than {MOST_ALTERNATIVES} alternatives; it matches nothing")
    except re.error:
        return Pattern(None, "has brackets that cannot be read; it matches nothing")


def _matches_nothing(text: str) -> str:
    """Return why a pattern is not read at all; empty if it is."""
    stripped = text.strip()
    if not stripped:
        return "is empty; it matches nothing"
    if stripped.startswith("!"):
        return "starts with `!`; no pattern can take a file back here, so it is left out"
    if re.search(r"[\0\r\n]", stripped):
        return "holds a line end; write each pattern as a text of its own"
    if _ADDRESS.match(stripped) and not stripped.lower().startswith("file://"):
        return "is an address; write a path"
    return ""


def _problem(text: str, surroundings: Surroundings) -> str:
    """Return what is wrong with a pattern that was read; empty if nothing is."""
    stripped = text.strip()
    rest = _FOLDER.sub("", _HOME.sub("~", stripped))
    if _DRIVE.match(rest) and not surroundings.windows:
        return "is a path of Windows; it matches nothing on this machine"
    if rest.startswith("~") and not re.match(r"~([/\\]|$)", rest):
        return "names the home directory of somebody else; write its path"
    if rest.startswith("~") and not surroundings.home:
        return "needs a home directory, and none is known; write the path"
    if unknown := _VARIABLE.search(rest):
        return f"holds {unknown[0]}, which is not known here; write the path"
    return _unbalanced(rest)


def _unbalanced(text: str) -> str:
    literal = re.sub(r"\\.", "", text)
    if any(
        first > last for each in _CLASS.findall(literal) for first, last in re.findall(r"(\w)-(\w)", each)
    ):
        return "has a range in brackets that runs backwards, which matches nothing"
    plain = _CLASS.sub("", literal)
    if "[" in plain:
        return "has a bracket `[` that is not closed; it counts as a letter"
    depth = 0
    for letter in plain:
        depth += {"{": 1, "}": -1}.get(letter, 0)
        if depth < 0:
            break
    return "has a brace that is not closed or not opened; it counts as a letter" if depth else ""


def _readings(text: str) -> set[str]:
    """Return all that a text may mean, braces expanded; a backslash in these takes a meaning away."""
    readings = {text, text.strip()}
    if "{" in text:
        readings |= {re.sub(r"\s*([,{}])\s*", r"\1", each) for each in readings}
    readings |= {unquote(each) for each in readings if "%" in each}
    readings = {_FOLDER.sub(".", _HOME.sub("~", _local(each))) for each in readings}
    readings |= {each.replace("\\", "/") for each in readings}
    return {unicodedata.normalize("NFC", glob) for each in readings for glob in _expanded(each)}


def _local(text: str) -> str:
    """Return the path in a `file:` URI, a host as `//host`; any other text as it is."""
    if not text.lower().startswith("file://"):
        return text
    host, slash, path = text[len("file://") :].partition("/")
    return f"{'//' + host if host not in ('', 'localhost') else ''}{slash}{unquote(path)}"


def _expanded(text: str) -> Iterator[str]:
    from bracex import iexpand

    text = re.sub(r"\*\*+/", "{*/,}", text)
    return iexpand(text, keep_escapes=True, limit=MOST_ALTERNATIVES)


def _placed(glob: str, surroundings: Surroundings) -> Iterator[str]:
    """Return globs for whole paths: a relative glob may begin anywhere, an absolute one in an open folder."""
    glob = _under_home(glob, surroundings.home)
    if _DRIVE.match(glob):
        glob = "/" + glob.lstrip("/")
    below = glob.endswith("/")
    absolute, glob = glob.startswith("/"), _simplified(glob)
    if not glob.strip("/."):
        yield from _everything(glob, absolute=absolute, surroundings=surroundings)
        return
    starts = [_escaped(folder) for folder in surroundings.folders]
    if glob.startswith("../"):
        places = [_simplified(f"{start}/{glob}") for start in starts]
    elif absolute:
        places = [glob, *(f"{start}{glob}" for start in starts)]
    else:
        places = [glob, f"*/{glob}"]
    yield from (each for place in places for each in ((f"{place}/*",) if below else (place, f"{place}/*")))


def _everything(glob: str, *, absolute: bool, surroundings: Surroundings) -> Iterator[str]:
    """Return globs for `/`, `.` and `./`, which stand for everything, or everything in the open folders."""
    if absolute:
        yield "/*"
    elif ".." not in glob:
        yield from (f"{_escaped(folder)}/*" for folder in surroundings.folders)


def _under_home(glob: str, home: str) -> str:
    if glob == "~" or glob.startswith("~/"):
        return (_escaped(home) + glob[1:] + ("/" if glob == "~" else "")) if home else f"\0{glob}"
    return glob


def _simplified(glob: str) -> str:
    """Return a glob without `.`, `..` and empty parts; a host at its start stays."""
    host = "/" if glob.startswith("//") else ""
    return host + re.sub("^//+", "/", posixpath.normpath(glob)) if glob else ""


def _escaped(path: str) -> str:
    from wcmatch import fnmatch

    return fnmatch.escape(unicodedata.normalize("NFC", path).rstrip("/"))


def _translated(glob: str) -> list[str]:
    from wcmatch import fnmatch

    flags = fnmatch.DOTMATCH | fnmatch.IGNORECASE | fnmatch.FORCEUNIX
    return list(fnmatch.translate(glob, flags=flags)[0])
