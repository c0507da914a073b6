"""Tells whether spark-lsp is set up in an editor, by reading the user's files; it runs no program."""

import os
import re
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

MAX_FILES = 500
MAX_FILE_BYTES = 1 << 20
_NAME = re.compile(rb"spark[-_]lsp")


def find_set_up(editor: str) -> Path | None:
    """Return the file or folder that sets spark-lsp up in an editor, or None if none was found."""
    return _PLACES[editor]()


def _config_home() -> Path:
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")


def _data_home() -> Path:
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")


def _neovim() -> Path | None:
    name = os.environ.get("NVIM_APPNAME") or "nvim"
    config = _config_home() / name
    if os.name == "nt":
        config = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / name
    packs = _data_home() / name / "site" / "pack"
    return _first_naming(_files(config, "*.lua", "*.vim")) or next(packs.glob("*/*/spark-lsp*"), None)


def _helix() -> Path | None:
    folder = Path(os.environ["APPDATA"]) if "APPDATA" in os.environ else _config_home()
    return _first_naming(iter((folder / "helix" / "languages.toml",)))


def _emacs() -> Path | None:
    home = Path.home()
    own = (home / ".emacs", home / ".emacs.el")
    folders = (home / ".emacs.d", _config_home() / "emacs")
    return _first_naming(iter((*own, *(folder / name for folder in folders for name in _EMACS_FILES))))


_EMACS_FILES = ("early-init.el", "init.el", "config.el", "custom.el")


def _extension(*folders: str) -> Callable[[], Path | None]:
    def look() -> Path | None:
        places = (Path.home() / folder / "extensions" for folder in folders)
        return next((found for place in places for found in place.glob("spark-lsp.spark-lsp-*")), None)

    return look


_PLACES: dict[str, Callable[[], Path | None]] = {
    "Neovim": _neovim,
    "Helix": _helix,
    "Emacs": _emacs,
    "VS Code": _extension(".vscode", ".vscode-insiders", ".vscode-server", ".vscode-remote"),
    "VSCodium": _extension(".vscode-oss", ".vscodium-server"),
}


def _files(folder: Path, *patterns: str) -> Iterator[Path]:
    """Give the files of a configuration, at most MAX_FILES of them."""
    return islice((file for pattern in patterns for file in folder.rglob(pattern)), MAX_FILES)


def _first_naming(files: Iterator[Path]) -> Path | None:
    return next((file for file in files if _names_us(file)), None)


def _names_us(file: Path) -> bool:
    try:
        with file.open("rb") as content:
            return _NAME.search(content.read(MAX_FILE_BYTES)) is not None
    except OSError:
        return False
