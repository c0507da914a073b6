"""A source file, read and written as UTF-8; line ends and the byte order mark stay the same."""

import errno
import os
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from spark_lsp.errors import TextError
from spark_lsp.session.documents import MAX_CHARS, Unusable
from spark_lsp.text.document import Document

_BOM = b"\xef\xbb\xbf"
_LANGUAGES = {
    ".c": "c",
    ".cc": "cpp",
    ".cpp": "cpp",
    ".cs": "csharp",
    ".css": "css",
    ".go": "go",
    ".h": "c",
    ".hpp": "cpp",
    ".html": "html",
    ".java": "java",
    ".js": "javascript",
    ".json": "json",
    ".jsx": "javascriptreact",
    ".kt": "kotlin",
    ".lua": "lua",
    ".md": "markdown",
    ".php": "php",
    ".py": "python",
    ".pyi": "python",
    ".rb": "ruby",
    ".rs": "rust",
    ".sh": "shellscript",
    ".sql": "sql",
    ".swift": "swift",
    ".toml": "toml",
    ".ts": "typescript",
    ".tsx": "typescriptreact",
    ".yaml": "yaml",
    ".yml": "yaml",
}


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file as it was read; `path` is absolute with links followed, `raw` is the content on disk."""

    path: Path
    raw: bytes
    text: str

    @property
    def uri(self) -> str:
        """The file's URI."""
        return self.path.as_uri()

    @property
    def language(self) -> str:
        """LSP's language id, by the name's ending; `plaintext` for unknown endings."""
        return _LANGUAGES.get(self.path.suffix.lower(), "plaintext")


def read_source(name: str | Path) -> SourceFile:
    """Read a file; raises `TextError` if it is missing, or not UTF-8 text of a usable size."""
    try:
        path = Path(name).resolve()
        raw = _read_regular(path)
        text = raw.removeprefix(_BOM).decode("utf-8")
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links, before Python 3.13
        why = getattr(error, "strerror", None) or "its links run in a circle"
        raise TextError(f"{name} cannot be read: {why}", "", "Give the path of a source file") from None
    except UnicodeDecodeError as error:
        raise TextError(
            f"{name} is not UTF-8 text (byte {error.start})", "It was left alone", "Convert it to UTF-8 first"
        ) from None
    if len(text) > MAX_CHARS:
        raise _too_large(path)
    if "\0" in text:
        raise TextError(f"{name} is a binary file", "It was left alone", "Give the path of a source file")
    return SourceFile(path, raw, text)


def _read_regular(path: Path) -> bytes:
    """Read a regular file only: a pipe would block, and a device may never end."""
    status = path.stat()
    if stat.S_ISDIR(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(status.st_mode):
        raise TextError(
            f"{path} is not a regular file", "It was left alone", "Give the path of a source file"
        )
    if status.st_size > 4 * MAX_CHARS:  # no character takes more bytes
        raise _too_large(path)
    return path.read_bytes()


def _too_large(path: Path) -> TextError:
    return TextError(f"{path.name} was left alone: {Unusable.TOO_LARGE}", "", "Give a smaller source file")


def write_source(file: SourceFile, text: str) -> None:
    """Replace the file's text, completely or not at all; byte order mark and permissions stay.

    Raises `TextError` if the file has changed since it was read, or cannot be written.
    """
    try:
        if file.path.read_bytes() != file.raw:
            raise TextError(
                f"{file.path} was changed by another program",
                "Nothing was written",
                "Run the command again",
            )
        mark = _BOM if file.raw.startswith(_BOM) else b""
        _replace(file.path, mark + text.encode("utf-8"))
    except OSError as error:
        raise TextError(f"{file.path} cannot be written: {error.strerror}", "It is as it was") from None


def _replace(path: Path, data: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        shutil.copymode(path, name)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def offset_of(file: SourceFile, line: int, column: int) -> int:
    """Return the offset of a 1-based line and column (code points); raises `TextError` outside the text."""
    document = Document(file.uri, file.text)
    if not 1 <= line <= document.line_count:
        raise TextError(f"There is no line {line}: {file.path.name} has {document.line_count} lines")
    width = document.line_end(line - 1) - document.line_start(line - 1)
    if not 1 <= column <= width + 1:
        raise TextError(f"There is no column {column} in line {line}: it ends at column {width + 1}")
    return document.line_start(line - 1) + column - 1


def lines_of(file: SourceFile, first: int, last: int) -> tuple[int, int]:
    """Return the offsets of the 1-based lines `first` to `last`, both included, without the last line end."""
    document = Document(file.uri, file.text)
    if not 1 <= first <= last <= document.line_count:
        raise TextError(
            f"There are no lines {first} to {last}: {file.path.name} has {document.line_count} lines"
        )
    return document.line_start(first - 1), document.line_end(last - 1)
