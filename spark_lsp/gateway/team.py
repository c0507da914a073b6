"""What a gateway for several users has beyond one user's: their tokens, and limits that they share."""

import sys
from dataclasses import dataclass
from pathlib import Path

from spark_lsp.config import TeamSettings
from spark_lsp.gateway.users import Users

RESERVED_FILES = 256  # descriptors for engines, logs, and connections that get a refusal
LISTEN_BACKLOG = 4096  # connections that the kernel accepts before the gateway does; it may allow fewer


@dataclass(frozen=True, slots=True)
class Team:
    """`users` may connect with their tokens; 0 connections or answers: no limit."""

    users: Users | None = None
    max_connections: int = 0
    max_answers: int = 0


ALONE = Team()
"""A gateway of one user."""


def team_of(settings: TeamSettings) -> Team:
    """Return the team of these settings, and raise this process's limit of open files.

    Raises `ConfigError` if the file of users cannot be used.
    """
    users = Users(Path(settings.users)) if settings.users else None
    possible = raise_file_limit() - RESERVED_FILES
    wanted = settings.maxConnections or possible
    return Team(users, max(1, min(wanted, possible)), settings.maxAnswers)


def raise_file_limit() -> int:
    """Raise the limit of open files as far as the system lets us; return it."""
    if sys.platform == "win32":
        return sys.maxsize  # sockets do not count against its limit of files
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        hard = max(soft, 1_048_576)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (ValueError, OSError):
        return soft
    return hard
