"""`spark-lsp gateway`: the engine gateway in the foreground."""

import argparse
import logging
import secrets
import sys
from pathlib import Path

from spark_lsp.cli import OK
from spark_lsp.codes import Code
from spark_lsp.failures import PROBLEM, Failure
from spark_lsp.log_format import log_to_stderr


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--port", type=int, default=0, help="port to listen on; 0 picks one (default)")
    where.add_argument("--uds", type=Path, metavar="PATH", help="listen on a Unix socket instead")
    where.add_argument("--automatic", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument(
        "--page-host",
        action="append",
        default=[],
        metavar="NAME",
        help="serve the page also to browsers on other machines that use this host name; repeatable",
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="configuration instead of the user's own")
    parser.add_argument(
        "--token-file", type=Path, metavar="FILE", help="file with the token; created if missing"
    )
    parser.add_argument(
        "--idle", type=float, default=0.0, metavar="SECONDS", help="end after this time without a connection"
    )
    parser.add_argument(
        "--lifetime",
        type=float,
        default=3600.0,
        metavar="SECONDS",
        help="maximum age of one connection (default: %(default)s)",
    )


def talks_to_a_program(arguments: argparse.Namespace) -> bool:
    """Whether a language server has started this gateway, which reads its log."""
    return bool(getattr(arguments, "automatic", False))


def run(arguments: argparse.Namespace) -> int:
    """Serve until a signal or the idle time ends the gateway."""
    import anyio

    log_to_stderr()
    uvloop = sys.platform != "win32"
    anyio.run(_serve, arguments, backend_options={"use_uvloop": uvloop})
    return OK


async def _serve(arguments: argparse.Namespace) -> None:
    from spark_lsp import app
    from spark_lsp.engine.openai.keys import HANDED
    from spark_lsp.gateway import listener, serve

    settings, problems = app.load_settings(arguments.config)
    for problem in problems:
        print(f"spark-lsp: {problem}", file=sys.stderr)
        if talks_to_a_program(arguments):
            print(Failure(PROBLEM, Code.CONFIG_ERROR, str(problem)).line, flush=True)
    logging.getLogger("spark_lsp").setLevel(settings.log.level.upper())
    if arguments.automatic:
        HANDED.accept()  # it serves only the user who started it
        token, token_file, address = secrets.token_urlsafe(32), None, listener.automatic_address()
    else:
        token, token_file = serve.take_token(arguments.token_file)
        address = listener.Address(arguments.host, arguments.port, arguments.uds)
    built = app.compose_gateway(
        settings,
        token,
        is_shared=not arguments.automatic,
        lifetime_s=arguments.lifetime,
        page_hosts=arguments.page_host,
    )
    try:
        await serve.serve(
            built.gateway,
            built.engines.values(),
            address,
            token_file,
            arguments.idle,
            automatic=arguments.automatic,
            token=token,
        )
    finally:
        built.budgets.close()
