"""Files that stay in the editor: those that hold secrets, those git ignores, those somebody excludes.

Everything here takes names and contents and gives answers; who reads files is `lsp.fence`.

A project may have a `.spark.toml`. It comes with the code, so it may only take away: exclude files, switch
ghost text or edits off. What it says beyond that is named and ignored; it cannot name an engine, a key or a
command, and cannot switch anything on.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from typing import Any, cast

from spark_lsp.config import Problem

PROJECT_FILE = ".spark.toml"
# fmt: off
SECRET_FILES = (
    ".env", ".env.*", "*.env", ".envrc",
    "*.pem", "*.key", "*.p12", "*.pfx", "*.p8", "*.jks", "*.keystore", "*.kdbx", "*.ovpn", "*.ppk", "*.asc",
    "*.gpg", "id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*",
    ".netrc", "_netrc", ".npmrc", ".pypirc", ".pgpass", ".my.cnf", ".git-credentials", ".htpasswd",
    "credentials", "credentials.*", "*.credentials", "secrets.*", "secret.*", "*.secret", "*.secrets",
    "service-account*.json", "service_account*.json", "client_secret*.json", "*.tfvars", "*.tfstate",
    "*/.ssh/*", "*/.gnupg/*", "*/.aws/*", "*/.azure/*", "*/.kube/*", "*/.docker/config.json",
    "*/.config/gcloud/*", "*/.password-store/*", "*/.config/spark-lsp/*",
)
# fmt: on
"""Globs of files that usually hold secrets, matched against the whole path and the last name."""
_CODE = ".c .cc .cpp .cs .ex .go .h .hpp .java .js .jsx .kt .lua .php .py .rb .rs .scala .swift .ts .tsx"
PUBLIC_FILES = (
    *(".env.example", ".env.sample", ".env.template", ".env.dist", "*.pub"),
    *(f"{stem}{end}" for stem in ("secret", "secrets", "credentials") for end in _CODE.split(" ")),
)
"""Exceptions: templates without values, public keys, and modules of code that only bear the name."""


def matching(path: str, globs: Iterable[str]) -> str:
    """Return the first glob that a path with `/`, or its last name, matches; empty for none.

    Case does not count. A glob with a directory in it, such as `customers/*`, matches at any depth.
    """
    lowered = path.lower()
    name = lowered.rsplit("/", 1)[-1]
    for glob in globs:
        pattern = glob.lower().removeprefix("./")
        deep = pattern if pattern.startswith(("/", "*")) else f"*/{pattern}"
        if fnmatch(name, pattern) or fnmatch(lowered, deep):
            return glob
    return ""


def secret_file(path: str) -> str:
    """Return the glob by which a file counts as one that holds secrets; empty if it does not."""
    return "" if matching(path, PUBLIC_FILES) else matching(path, SECRET_FILES)


@dataclass(frozen=True, slots=True)
class Ignores:
    """One `.gitignore`: its lines, and the directory it stands in (absolute, with `/`)."""

    directory: str
    lines: tuple[str, ...]

    def verdict(self, path: str) -> bool | None:
        """Tell whether this file ignores `path` (True), takes it back (False) or says nothing (None)."""
        from pathspec import GitIgnoreSpec

        base = self.directory.rstrip("/") + "/"
        if not path.startswith(base):
            return None
        return GitIgnoreSpec.from_lines(self.lines).check_file(path.removeprefix(base)).include


def ignored(path: str, ignores: Sequence[Ignores]) -> bool:
    """Tell whether git would ignore a path; `ignores` go from the repository's root down."""
    verdicts = [verdict for each in ignores if (verdict := each.verdict(path)) is not None]
    return bool(verdicts and verdicts[-1])


@dataclass(frozen=True, slots=True)
class Narrowing:
    """What a project takes away."""

    exclude: tuple[str, ...] = ()
    ghost_text: bool = True
    edits: bool = True

    def and_(self, other: "Narrowing") -> "Narrowing":
        """Return what two of them take away together."""
        return Narrowing(
            self.exclude + other.exclude, self.ghost_text and other.ghost_text, self.edits and other.edits
        )


def read_project(values: Mapping[str, Any], source: str) -> tuple[Narrowing, list[Problem]]:
    """Read a `.spark.toml`: `exclude = […]`, `completion.enabled = false`, `edit.enabled = false`."""
    narrowing, problems = Narrowing(), list[Problem]()
    for key, value in values.items():
        if key == "exclude" and _is_texts(value):
            narrowing = replace(narrowing, exclude=tuple(cast(list[str], value)))
        elif key == "completion" and value == {"enabled": False}:
            narrowing = replace(narrowing, ghost_text=False)
        elif key == "edit" and value == {"enabled": False}:
            narrowing = replace(narrowing, edits=False)
        else:
            problems.append(Problem(key, source, "a project's file may only take away; this is ignored"))
    return narrowing, problems


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in cast(list[object], value))
