"""Matches file names against patterns as people write them.

One list of patterns may hold shell globs, lines in the style of `.gitignore`, absolute paths, paths with `~`,
`file:` URIs and paths with backslashes. A pattern keeps files in the editor. So where a pattern has two
possible meanings, both apply: `my%20notes/` matches a folder of exactly that name and the folder `my notes`.

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

MAX_ALTERNATIVES = 1000  # of one pattern with braces
_HOME = re.compile(
    r"^(?:\$HOME|\$\{HOME\}|\$\{userHome\}|\$\{env:HOME\}|%USERPROFILE%)(?=[/\\]|$)", re.IGNORECASE
)
_FOLDER = re.compile(r"^\$\{workspace(?:Folder|Root)\}(?=[/\\]|$)", re.IGNORECASE)
_VARIABLE = re.compile(r"\$\{[A-Za-z_][\w:.]*\}")
_DRIVE = re.compile(r"^/?[A-Za-z]:(?=[/\\]|$)")
_ADDRESS = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]+://")
_CLASS = re.compile(r"\[[!^]?\]?[^\]]*\]")


@dataclass(frozen=True, slots=True)
class PathContext:
    """What a pattern is read in: the home directory, and the folders that relative patterns start from.

    All are absolute paths with `/`; `home` is empty where it is not known.
    """

    home: str = ""
    folders: tuple[str, ...] = ()
    windows: bool = False


NO_CONTEXT = PathContext()


@dataclass(frozen=True, slots=True)
class PathPattern:
    """A parsed pattern. `problem` says what is wrong with it; such a pattern may still match files."""

    expression: re.Pattern[str] | None
    problem: str = ""

    def matches(self, path: str) -> bool:
        """Tell whether a path in the form that `normal` returns matches."""
        return self.expression is not None and self.expression.match(path) is not None


def first_match(path: str, patterns: Iterable[str], surroundings: PathContext = NO_CONTEXT) -> str:
    """Return the first pattern that a decoded path with `/` matches; empty for none."""
    normalised = normalise_path(path)
    matched = (text for text in patterns if parse_pattern(text, surroundings).matches(normalised))
    return next(matched, "")


def find_problems(patterns: Iterable[str], surroundings: PathContext = NO_CONTEXT) -> list[str]:
    """Return one sentence for each pattern that cannot match, or has a meaning people do not expect."""
    read = ((text, parse_pattern(text, surroundings).problem) for text in patterns)
    return [f"the pattern {text!r} {problem}" for text, problem in read if problem]


def find_setting_problems(settings: Settings, surroundings: PathContext) -> list[Problem]:
    """Return the problems of all patterns in the settings, as `problems_of` finds them."""
    lists = {
        "context.exclude": settings.context.exclude,
        "completion.disabledGlobs": settings.completion.disabledGlobs,
    }
    return [
        Problem(name, "settings", problem)
        for name, patterns in lists.items()
        for problem in find_problems(patterns, surroundings)
    ]


def normalise_path(path: str) -> str:
    """Return a path in the form in which it is compared: composed letters, no `.`, `..` or empty parts.

    A `/` at the end stays, as of a folder's listing.
    """
    composed = unicodedata.normalize("NFC", path)
    host = "/" if composed.startswith("//") and not composed.startswith("///") else ""
    end = "/" if composed.endswith("/") and composed.strip("/") else ""
    return host + re.sub("^//+", "/", posixpath.normpath(composed)) + end if composed else ""


@functools.lru_cache(maxsize=4096)
def parse_pattern(text: str, surroundings: PathContext = NO_CONTEXT) -> PathPattern:
    """Parse a pattern. Raises nothing: an invalid pattern matches no file, and its `problem` says why."""
    if problem := _why_unusable(text):
        return PathPattern(None, problem)
    from bracex import ExpansionLimitException

    try:
        globs = {glob for each in _expand_readings(text) for glob in _anchor_glob(each, surroundings)}
        expressions = [expression for glob in sorted(globs) for expression in _translate_glob(glob)]
        return PathPattern(re.compile("|".join(expressions)), _why_doubtful(text, surroundings))
    except ExpansionLimitException:
        return PathPattern(None, f"has more than {MAX_ALTERNATIVES} alternatives; it matches nothing")
    except re.error:
        return PathPattern(None, "has brackets that cannot be read; it matches nothing")


def _why_unusable(text: str) -> str:
    """Return why a pattern cannot match any file, or an empty text."""
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


def _why_doubtful(text: str, surroundings: PathContext) -> str:
    """Return what is wrong with a valid pattern, or an empty text."""
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
    return _find_bracket_problem(rest)


def _find_bracket_problem(text: str) -> str:
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


def _expand_readings(text: str) -> set[str]:
    """Return all that a text may mean, braces expanded; a backslash in these takes a meaning away."""
    readings = {text, text.strip()}
    if "{" in text:
        readings |= {re.sub(r"\s*([,{}])\s*", r"\1", each) for each in readings}
    readings |= {unquote(each) for each in readings if "%" in each}
    readings = {_FOLDER.sub(".", _HOME.sub("~", _strip_file_scheme(each))) for each in readings}
    readings |= {each.replace("\\", "/") for each in readings}
    return {unicodedata.normalize("NFC", glob) for each in readings for glob in _expand_braces(each)}


def _strip_file_scheme(text: str) -> str:
    """Return the path in a `file:` URI, a host as `//host`; any other text as it is."""
    if not text.lower().startswith("file://"):
        return text
    host, slash, path = text[len("file://") :].partition("/")
    return f"{'//' + host if host not in ('', 'localhost') else ''}{slash}{unquote(path)}"


def _expand_braces(text: str) -> Iterator[str]:
    from bracex import iexpand

    text = re.sub(r"\*\*+/", "{*/,}", text)
    return iexpand(text, keep_escapes=True, limit=MAX_ALTERNATIVES)


def _anchor_glob(glob: str, surroundings: PathContext) -> Iterator[str]:
    """Return globs for whole paths: a relative glob may begin anywhere, an absolute one in an open folder."""
    glob = _replace_home(glob, surroundings.home)
    if _DRIVE.match(glob):
        glob = "/" + glob.lstrip("/")
    below = glob.endswith("/")
    absolute, glob = glob.startswith("/"), _simplify_glob(glob)
    if not glob.strip("/."):
        yield from _anchor_root(glob, absolute=absolute, surroundings=surroundings)
        return
    starts = [_escape_folder(folder) for folder in surroundings.folders]
    if glob.startswith("../"):
        places = [_simplify_glob(f"{start}/{glob}") for start in starts]
    elif absolute:
        places = [glob, *(f"{start}{glob}" for start in starts)]
    else:
        places = [glob, f"*/{glob}"]
    yield from (each for place in places for each in ((f"{place}/*",) if below else (place, f"{place}/*")))


def _anchor_root(glob: str, *, absolute: bool, surroundings: PathContext) -> Iterator[str]:
    """Return globs for `/`, `.` and `./`, which stand for everything, or everything in the open folders."""
    if absolute:
        yield "/*"
    elif ".." not in glob:
        yield from (f"{_escape_folder(folder)}/*" for folder in surroundings.folders)


def _replace_home(glob: str, home: str) -> str:
    if glob == "~" or glob.startswith("~/"):
        return (_escape_folder(home) + glob[1:] + ("/" if glob == "~" else "")) if home else f"\0{glob}"
    return glob


def _simplify_glob(glob: str) -> str:
    """Return a glob without `.`, `..` and empty parts; a host at its start stays."""
    host = "/" if glob.startswith("//") else ""
    return host + re.sub("^//+", "/", posixpath.normpath(glob)) if glob else ""


def _escape_folder(path: str) -> str:
    from wcmatch import fnmatch

    return fnmatch.escape(unicodedata.normalize("NFC", path).rstrip("/"))


def _translate_glob(glob: str) -> list[str]:
    from wcmatch import fnmatch

    flags = fnmatch.DOTMATCH | fnmatch.IGNORECASE | fnmatch.FORCEUNIX
    return list(fnmatch.translate(glob, flags=flags)[0])
