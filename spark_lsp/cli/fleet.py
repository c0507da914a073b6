"""`spark-lsp fleet`: a gateway of several processes on Ray Serve, and the tokens of its users."""

import argparse
import asyncio
import datetime
import signal
import sys
from pathlib import Path

from spark_lsp.cli import OK
from spark_lsp.errors import ConfigError
from spark_lsp.log_format import log_to_stderr


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument(
        "--port", type=int, default=8137, help="port to listen on; 0 picks one (default: %(default)s)"
    )
    _add_config(parser)
    parser.add_argument(
        "--token-file", type=Path, metavar="FILE", help="file with the fleet's own token; created if missing"
    )
    parser.add_argument(
        "--address", metavar="ADDRESS", help="a Ray cluster, such as `auto`; without it, one on this machine"
    )
    parser.add_argument("--cpus", type=int, metavar="N", help="cores that Ray may plan with on this machine")
    commands = parser.add_subparsers(dest="action", metavar="ACTION")
    token = commands.add_parser("token", help="add, list or remove the users who may connect")
    actions = token.add_subparsers(dest="token_action", required=True, metavar="add|list|remove")
    for name, text in _TOKEN_ACTIONS.items():
        action = actions.add_parser(name, help=text)
        if name != "list":
            action.add_argument("name", metavar="NAME", help="the user's name")
        action.add_argument(
            "--users", type=Path, metavar="FILE", help="instead of `team.users` of config.toml"
        )
        _add_config(action)


_TOKEN_ACTIONS = {
    "add": "add a user, or give one a new token; prints the token, once",
    "list": "list the users",
    "remove": "remove a user, whose connections end within seconds",
}


def _add_config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, metavar="FILE", help="configuration instead of the user's own")


def run(arguments: argparse.Namespace) -> int:
    """Change the users, or serve until a signal ends the fleet."""
    if arguments.action == "token":
        return _run_token(arguments)
    log_to_stderr()
    return _run_fleet(arguments)


def _run_token(arguments: argparse.Namespace) -> int:
    from spark_lsp.gateway import users

    path = arguments.users or _users_of(arguments.config)
    if arguments.token_action == "add":
        print(users.add_user(path, arguments.name, datetime.date.today().isoformat()))
        print(f"{arguments.name} may connect with this token, which is not shown again", file=sys.stderr)
    elif arguments.token_action == "remove":
        users.remove_user(path, arguments.name)
    else:
        for user in users.read_users(path).values():
            print(f"{user.name}\tsince {user.since}")
    return OK


def _users_of(config: Path | None) -> Path:
    from spark_lsp import app

    settings, _ = app.load_settings(config)
    if not settings.team.users:
        raise ConfigError(
            "No file of users is known",
            "Nothing was changed",
            "Name it with --users FILE, or as `users` in the table [team] of config.toml",
        )
    return Path(settings.team.users)


def _run_fleet(arguments: argparse.Namespace) -> int:
    from spark_lsp import app
    from spark_lsp.fleet import run as fleet
    from spark_lsp.fleet.libraries import import_ray
    from spark_lsp.gateway.serve import take_token
    from spark_lsp.gateway.team import team_of

    import_ray()  # first: without it, nothing else is of use
    settings, problems = app.load_settings(arguments.config)
    for problem in problems:
        print(f"spark-lsp: {problem}", file=sys.stderr)
    team_of(settings.team)  # reports an unusable file of users before anything starts
    _, token_file = take_token(arguments.token_file)
    port = fleet.choose_port(arguments.host, arguments.port)
    place = fleet.Place(arguments.host, port, arguments.address, arguments.cpus)
    fleet.start(place)
    signal.signal(signal.SIGTERM, _interrupt)  # until the fleet is ready; Ray has set its own
    try:
        while True:
            fleet.deploy(settings.team, arguments.config, token_file)
            fleet.announce(place, token_file)
            if asyncio.run(fleet.wait_for_signal()) in (signal.SIGINT, signal.SIGTERM):
                return OK
            settings, _ = app.load_settings(arguments.config)
    finally:
        fleet.stop(place)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
