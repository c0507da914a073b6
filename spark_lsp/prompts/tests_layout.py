"""Where the tests of a source file belong, by the customs of its language.

Nothing here searches the disk: `list_test_files` gives the possible test files of a source file, and the
caller looks which of the files and folders exist.
"""

import posixpath
from collections.abc import Callable, Sequence
from dataclasses import dataclass

ROOT_FILES = (
    *("pyproject.toml", "setup.py", "setup.cfg", "package.json", "go.mod", "Cargo.toml", "pom.xml"),
    *("build.gradle", "build.gradle.kts", "Gemfile", "composer.json", "mix.exs", "pubspec.yaml"),
    *("Package.swift", "build.sbt", ".git"),
)
"""Files and folders that mark the root of a project."""
SAME_FILE = ("rust", "zig")
"""Languages whose tests are in the file of the code."""
SCRIPTS = ("javascript", "javascriptreact", "typescript", "typescriptreact")
_SOURCE_FOLDERS = ("src/main/java/", "src/main/kotlin/", "src/main/scala/", "src/", "lib/", "app/")


@dataclass(frozen=True, slots=True)
class TestFiles:
    """Possible test files of a source file, as paths with `/`.

    The tests go to the first of `files` that exists, or else to the first whose folder exists, or else to
    `usual`.
    """

    files: tuple[str, ...]
    usual: str


def list_test_files(path: str, root: str, language: str) -> TestFiles | None:
    """Return the possible test files of the source file `path` in the project `root`.

    Both are absolute paths with `/`. Return None for a language whose customs are not known, or whose tests
    are in the same file.
    """
    customs = _CUSTOMS.get(language)
    if customs is None:
        return None
    folder, name = posixpath.split(path)
    stem, end = posixpath.splitext(name)
    inside = _below_sources(folder, root)
    files, usual = customs(_Source(folder, root.rstrip("/"), stem, end, inside))
    return TestFiles(tuple(dict.fromkeys(each for each in files if each != path)), usual)


def is_test_file(path: str, language: str) -> bool:
    """Tell whether a file holds tests already, by its name."""
    stem, end = posixpath.splitext(posixpath.basename(path))
    if language in SCRIPTS:
        return stem.endswith((".test", ".spec"))
    if language in ("java", "kotlin", "scala", "php", "swift"):
        return stem.endswith(("Test", "Tests", "Spec"))
    return end != ".rs" and (stem.startswith("test_") or stem.endswith(("_test", "_spec")))


@dataclass(frozen=True, slots=True)
class _Source:
    """A source file: its folder, its project's root, its name, and its folder below those of the sources."""

    folder: str
    root: str
    stem: str
    end: str
    inside: str

    def mirrored(self, *folders: str) -> list[str]:
        """Return folders of the root, first those that mirror the source's own folder."""
        found: list[str] = []
        for each in folders:
            parts = self.inside.split("/") if self.inside else []
            inner = [f"{self.root}/{each}/{'/'.join(parts[first:])}" for first in range(len(parts))]
            found += [*(folder.rstrip("/") for folder in inner), f"{self.root}/{each}"]
        return found


def _below_sources(folder: str, root: str) -> str:
    """Return a folder relative to the sources of a project: `shop` for `ROOT/src/shop`."""
    inside = posixpath.relpath(folder, root) + "/"
    if inside.startswith("../"):
        return ""
    for prefix in _SOURCE_FOLDERS:
        if inside.startswith(prefix):
            inside = inside.removeprefix(prefix)
            break
    return inside.strip("/").removeprefix(".")


def _combine(folders: Sequence[str], names: Sequence[str]) -> list[str]:
    return [f"{folder}/{name}" for folder in folders for name in names]


Customs = Callable[[_Source], tuple[list[str], str]]


def _python(source: _Source) -> tuple[list[str], str]:
    names = (f"test_{source.stem}.py", f"{source.stem}_test.py")
    folders = source.mirrored("tests/unit", "tests", "test")
    near = [f"{source.folder}/tests", f"{source.folder}/test"]
    usual = f"{source.root}/tests/{names[0]}"
    # A test beside the code is only used if it exists: the folder of the code always does.
    return [*_combine([*folders, *near], names), usual, *_combine([source.folder], names)], usual


def _scripts(source: _Source) -> tuple[list[str], str]:
    names = (f"{source.stem}.test{source.end}", f"{source.stem}.spec{source.end}")
    near = [f"{source.folder}/__tests__"]
    folders = source.mirrored("__tests__", "tests/unit", "tests", "test", "src/__tests__")
    usual = f"{source.folder}/{names[0]}"
    return [*_combine([*near, *folders], names), *_combine([source.folder], names)], usual


def _go(source: _Source) -> tuple[list[str], str]:
    usual = f"{source.folder}/{source.stem}_test.go"
    return [usual], usual


def _jvm(source: _Source) -> tuple[list[str], str]:
    folder = source.folder.replace("/src/main/", "/src/test/")
    end = "Spec" if source.end == ".scala" else "Test"
    names = [f"{source.stem}{each}{source.end}" for each in (end, "Test", "Tests")]
    usual = f"{folder}/{names[0]}"
    return [usual, *_combine([folder, *source.mirrored("src/test", "test", "tests")], names)], usual


def _mirror_folders(names: Sequence[str], *folders: str) -> Customs:
    """Return the customs of tests in folders that mirror those of the sources; `{}` is the source's name."""

    def customs(source: _Source) -> tuple[list[str], str]:
        files = [name.replace("{}", source.stem) for name in names]
        usual = f"{source.mirrored(folders[0])[0]}/{files[0]}"
        return _combine(source.mirrored(*folders), files), usual

    return customs


def _ruby(source: _Source) -> tuple[list[str], str]:
    specs = _combine(source.mirrored("spec"), [f"{source.stem}_spec.rb"])
    tests = _combine(source.mirrored("test"), [f"{source.stem}_test.rb", f"test_{source.stem}.rb"])
    return [*specs, *tests], tests[0]


def _swift(source: _Source) -> tuple[list[str], str]:
    parts = posixpath.relpath(source.folder, source.root).split("/")
    module = f"{parts[1]}Tests/" if parts[0] == "Sources" and len(parts) > 1 else ""
    usual = f"{source.root}/Tests/{module}{source.stem}Tests.swift"
    return [usual], usual


_CUSTOMS: dict[str, Customs] = {
    "python": _python,
    **dict.fromkeys(SCRIPTS, _scripts),
    "go": _go,
    **dict.fromkeys(("java", "kotlin", "scala"), _jvm),
    "ruby": _ruby,
    "php": _mirror_folders(("{}Test.php",), "tests", "tests/Unit"),
    "elixir": _mirror_folders(("{}_test.exs",), "test"),
    "dart": _mirror_folders(("{}_test.dart",), "test"),
    "lua": _mirror_folders(("{}_spec.lua",), "spec"),
    "swift": _swift,
}
TESTED = frozenset({*_CUSTOMS, *SAME_FILE})
"""LSP's ids of the languages for which tests can be written."""
