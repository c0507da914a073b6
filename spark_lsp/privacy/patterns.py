"""Matches file names against patterns as users write them.

One list of patterns may hold shell globs, lines in the style of `.gitignore`, absolute paths, paths with `~`,
`file:` URIs and paths with backslashes. A pattern keeps files in the editor. So where a pattern has two
possible meanings, both apply: `my%20notes/` matches a folder of exactly that name and the folder `my notes`.

- A pattern matches at any depth, and a folder stands for everything below it. A `/` at the end restricts it
  to folders.
- A pattern with `/` at the start is an absolute path, or a path below an open folder.
- `*` and `**` match any characters, `/` too; `**/` may match nothing. `?`, `[a-z]`, `[!a]` and `{a,b}` work
  as in a shell, and `\\` before a special character makes it an ordinary one.
- Upper and lower case are equal, and so are the forms of a letter with an accent (Unicode's NFC and NFD).

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

MAX_ALTERNATIVES = 1000  # that the braces of one pattern expand to
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
    """The home directory, and the open folders in which relative patterns start.

    All are absolute paths with `/`. `home` is empty if it is unknown.
    """

    home: str = ""
    folders: tuple[str, ...] = ()
    windows: bool = False


NO_CONTEXT = PathContext()


@dataclass(frozen=True, slots=True)
class PathPattern:
    """A parsed pattern. `problem` describes a likely mistake; a pattern with one may still match files."""

    expression: re.Pattern[str] | None
    problem: str = ""

    def matches(self, path: str) -> bool:
        """Tell whether a path in the form that `normalise_path` returns matches."""
        return self.expression is not None and self.expression.match(path) is not None


def first_match(path: str, patterns: Iterable[str], surroundings: PathContext = NO_CONTEXT) -> str:
    """Return the first pattern that a decoded path with `/` matches; empty for none."""
    normalised = normalise_path(path)
    for text in patterns:
        if parse_pattern(text, surroundings).matches(normalised):
            return text
    return ""


def find_problems(patterns: Iterable[str], surroundings: PathContext = NO_CONTEXT) -> list[str]:
    """Return one sentence for each pattern that cannot match, or has a meaning that users do not expect."""
    parsed = ((text, parse_pattern(text, surroundings)) for text in patterns)
    return [f"the pattern {text!r} {pattern.problem}" for text, pattern in parsed if pattern.problem]


def find_setting_problems(settings: Settings, surroundings: PathContext) -> list[Problem]:
    """Return the problems of all patterns in the settings, as `find_problems` describes them."""
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
    """Return a path in the form for comparisons: composed letters, no `.`, `..` or empty parts.

    A `/` at the end stays, since it marks a folder.
    """
    if not path:
        return ""
    composed = unicodedata.normalize("NFC", path)
    host = "/" if composed.startswith("//") and not composed.startswith("///") else ""
    end = "/" if composed.endswith("/") and composed.strip("/") else ""
    return host + _without_empty_parts(composed) + end


def _without_empty_parts(path: str) -> str:
    """Return a path without `.`, `..` and empty parts, and with at most one `/` at the start."""
    return re.sub("^//+", "/", posixpath.normpath(path))


@functools.lru_cache(maxsize=4096)
def parse_pattern(text: str, surroundings: PathContext = NO_CONTEXT) -> PathPattern:
    """Parse a pattern. Raises nothing: an invalid pattern matches no file, and `problem` is the reason."""
    if problem := _why_unusable(text):
        return PathPattern(None, problem)
    from bracex import ExpansionLimitException

    try:
        globs = {glob for each in _expand_readings(text) for glob in _anchor_glob(each, surroundings)}
        expression = re.compile("|".join(each for glob in sorted(globs) for each in _translate_glob(glob)))
    except ExpansionLimitException:
        return PathPattern(None, f"has more than {MAX_ALTERNATIVES} alternatives; it matches nothing")
    except re.error:
        return PathPattern(None, "has brackets that cannot be read; it matches nothing")
    return PathPattern(expression, _why_doubtful(text, surroundings))


def _why_unusable(text: str) -> str:
    """Return why a pattern cannot match any file, or an empty text."""
    stripped = text.strip()
    if not stripped:
        return "is empty; it matches nothing"
    if stripped.startswith("!"):
        return "starts with `!`; spark-lsp ignores it, since no pattern can re-include a file"
    if re.search(r"[\0\r\n]", stripped):
        return "holds a line end; write each pattern as a separate text"
    if _ADDRESS.match(stripped) and not stripped.lower().startswith("file://"):
        return "is an address; write a path"
    return ""


def _why_doubtful(text: str, surroundings: PathContext) -> str:
    """Return the likely mistake in a valid pattern, or an empty text."""
    stripped = text.strip()
    rest = _FOLDER.sub("", _HOME.sub("~", stripped))
    if _DRIVE.match(rest) and not surroundings.windows:
        return "is a path of Windows; it matches nothing on this machine"
    if rest.startswith("~") and not re.match(r"~([/\\]|$)", rest):
        return "names the home directory of another user; write its path"
    if rest.startswith("~") and not surroundings.home:
        return "needs a home directory, but none is known; write the path"
    if unknown := _VARIABLE.search(rest):
        return f"holds {unknown[0]}, which spark-lsp does not know; write the path"
    return _find_bracket_problem(rest)


def _find_bracket_problem(text: str) -> str:
    """Return the mistake in a pattern's brackets or braces, or an empty text."""
    unescaped = re.sub(r"\\.", "", text)
    for brackets in _CLASS.findall(unescaped):
        if any(first > last for first, last in re.findall(r"(\w)-(\w)", brackets)):
            return "has a range in brackets that runs backwards, which matches nothing"
    outside = _CLASS.sub("", unescaped)
    if "[" in outside:
        return "has a bracket `[` that is not closed; it counts as a letter"
    if not _has_balanced_braces(outside):
        return "has a brace that is not closed or not opened; it counts as a letter"
    return ""


def _has_balanced_braces(text: str) -> bool:
    depth = 0
    for letter in text:
        if letter == "{":
            depth += 1
        elif letter == "}":
            depth -= 1
        if depth < 0:
            return False
    return depth == 0


def _expand_readings(text: str) -> set[str]:
    """Return all globs that a text may mean, with its braces expanded.

    A backslash may escape the next character or separate the parts of a path of Windows: both apply.
    """
    readings = {text, text.strip()}
    if "{" in text:
        # Users write spaces after the commas in braces.
        readings |= {re.sub(r"\s*([,{}])\s*", r"\1", each) for each in readings}
    readings |= {unquote(each) for each in readings if "%" in each}
    readings = {_FOLDER.sub(".", _HOME.sub("~", _strip_file_scheme(each))) for each in readings}
    readings |= {each.replace("\\", "/") for each in readings}
    return {unicodedata.normalize("NFC", glob) for each in readings for glob in _expand_braces(each)}


def _strip_file_scheme(text: str) -> str:
    """Return the path in a `file:` URI, a host as `//host`; any other text unchanged."""
    if not text.lower().startswith("file://"):
        return text
    host, slash, path = text[len("file://") :].partition("/")
    prefix = "" if host in ("", "localhost") else f"//{host}"
    return f"{prefix}{slash}{unquote(path)}"


def _expand_braces(text: str) -> Iterator[str]:
    from bracex import iexpand

    # `**/` matches any folders, or nothing; the braces below say the same.
    text = re.sub(r"\*\*+/", "{*/,}", text)
    return iexpand(text, keep_escapes=True, limit=MAX_ALTERNATIVES)


def _anchor_glob(glob: str, surroundings: PathContext) -> Iterator[str]:
    """Give globs for complete paths: for the path itself, and for everything below it.

    A relative glob may begin in any folder, an absolute one also in an open folder.
    """
    glob = _replace_home(glob, surroundings.home)
    if _DRIVE.match(glob):
        glob = "/" + glob.lstrip("/")
    only_folders = glob.endswith("/")
    is_absolute = glob.startswith("/")
    glob = _simplify_glob(glob)
    if not glob.strip("/."):
        yield from _anchor_root(glob, is_absolute=is_absolute, surroundings=surroundings)
        return
    folders = [_escape_folder(folder) for folder in surroundings.folders]
    if glob.startswith("../"):
        anchored = [_simplify_glob(f"{folder}/{glob}") for folder in folders]
    elif is_absolute:
        anchored = [glob, *(f"{folder}{glob}" for folder in folders)]
    else:
        anchored = [glob, f"*/{glob}"]
    for each in anchored:
        if not only_folders:
            yield each
        yield f"{each}/*"


def _anchor_root(glob: str, *, is_absolute: bool, surroundings: PathContext) -> Iterator[str]:
    """Give globs for `/`, which matches everything, and for `.` and `./`: everything in the open folders."""
    if is_absolute:
        yield "/*"
    elif ".." not in glob:
        yield from (f"{_escape_folder(folder)}/*" for folder in surroundings.folders)


def _replace_home(glob: str, home: str) -> str:
    """Return the glob with the home directory for `~`."""
    if glob != "~" and not glob.startswith("~/"):
        return glob
    if not home:
        return f"\0{glob}"  # no path has this character, so the glob matches nothing
    return _escape_folder(home) + (glob[1:] or "/")


def _simplify_glob(glob: str) -> str:
    """Return a glob without `.`, `..` and empty parts; a host at its start stays."""
    if not glob:
        return ""
    host = "/" if glob.startswith("//") else ""
    return host + _without_empty_parts(glob)


def _escape_folder(path: str) -> str:
    from wcmatch import fnmatch

    return fnmatch.escape(unicodedata.normalize("NFC", path).rstrip("/"))


def _translate_glob(glob: str) -> list[str]:
    from wcmatch import fnmatch

    flags = fnmatch.DOTMATCH | fnmatch.IGNORECASE | fnmatch.FORCEUNIX
    return list(fnmatch.translate(glob, flags=flags)[0])
