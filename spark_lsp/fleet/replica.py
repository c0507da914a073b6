"""One replica of a fleet: a gateway in a process that Ray Serve has started.

A replica builds its gateway from the same config.toml as `spark-lsp gateway`. When Serve takes it from the
list of replicas, it announces its end to its clients, which open their next connections to other replicas.
When its answers are complete, or the time to drain is over, it closes the connections that are left, so Serve
does not have to cut them.
"""

import asyncio
import gc
import logging
import time
from pathlib import Path
from typing import Any

from spark_lsp import app
from spark_lsp.fleet.libraries import import_ray
from spark_lsp.fleet.replica_list import on_replicas
from spark_lsp.gateway.serve import take_token
from spark_lsp.gateway.session_engines import close_engines
from spark_lsp.supervise import watch_loop

REASON = "this replica of the gateway is ending"
LEAVE_SHARE = 0.8  # of the time to drain, for the clients to leave and the answers to end
POLL_S = 0.1


class GatewayReplica:
    """See the module's text; Serve constructs it."""

    def __init__(self, config: str | None, token_file: str | None) -> None:
        settings, _ = app.load_settings(Path(config) if config is not None else None)
        token, _ = take_token(Path(token_file) if token_file is not None else None)
        logging.getLogger("spark_lsp").setLevel(settings.log.level.upper())
        self._drain_s = settings.team.drainSeconds
        self._built = app.compose_gateway(settings, token, is_shared=True)
        self._gateway = self._built.gateway
        self._loop = asyncio.get_running_loop()
        watch_loop(self._loop)
        serve = import_ray("ray.serve")
        context = serve.get_replica_context()
        self._name: str = context.replica_id.unique_id
        self._is_listed = False
        self._has_peers = False
        self._ending: asyncio.Task[None] | None = None
        on_replicas(lambda names: self._loop.call_soon_threadsafe(self._note_replicas, names))
        self._handle = serve.get_deployment_handle(context.deployment, context.app_name)
        self._watching = self._loop.create_task(self._watch_replicas())
        gc.collect()
        gc.freeze()  # the objects so far live until the end: a full collection costs tens of milliseconds

    def __serve_build_asgi_app__(self) -> Any:
        """Return the application that Serve passes requests to."""
        return self._gateway

    async def name(self) -> str:
        """Return the name of the replica that answers."""
        return self._name

    async def _watch_replicas(self) -> None:
        """Open the handle, whose router then gets the list of replicas; a handle opens at its first use."""
        await self._handle.name.remote()

    def _note_replicas(self, names: frozenset[str]) -> None:
        self._has_peers = bool(names - {self._name})
        if self._name in names:
            self._is_listed = True
        elif self._is_listed and self._ending is None:
            self._ending = self._loop.create_task(self._send_clients_away())

    async def _send_clients_away(self) -> None:
        for handler in list(self._gateway.handlers):
            handler.announce_end(REASON)
        deadline = time.monotonic() + self._drain_s * LEAVE_SHARE
        while self._has_reason_to_wait() and time.monotonic() < deadline:
            await asyncio.sleep(POLL_S)
        for handler in list(self._gateway.handlers):
            handler.end()

    def _has_reason_to_wait(self) -> bool:
        """Return whether clients may still leave for another replica, or answers are under way."""
        return self._gateway.is_busy or (self._has_peers and bool(self._gateway.handlers))

    async def check_health(self) -> None:
        """Do what a healthy replica can do, at Serve's interval: close the connections of removed users."""
        self._gateway.end_removed_users()

    async def record_autoscaling_stats(self) -> dict[str, float]:
        """Return what the fleet grows by: the answers under way and those that wait."""
        gauges = self._gateway.read_gauges()
        return {"answers": gauges["running_now"], "waiting": gauges["waiting"]}

    async def __del__(self) -> None:
        """Close the engines, at the end of the replica."""
        self._watching.cancel()
        await close_engines(self._built.engines.values())
        self._built.budgets.close()
