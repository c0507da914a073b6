"""Starts a fleet on Ray Serve, and ends it at a signal.

Without the address of a cluster, Ray starts one on this machine, which ends with this process. In a cluster,
the fleet stays when this process ends.
"""

import asyncio
import json
import os
import signal
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spark_lsp.config import TeamSettings
from spark_lsp.errors import ConfigError
from spark_lsp.fleet.libraries import import_ray
from spark_lsp.fleet.router import SESSION_ROUTER

APP = "spark-lsp"
DEPLOYMENT = "gateway"
SESSION_HEADER = "session-id"
CONNECTIONS_PER_REPLICA = 100_000  # the gateway has its own limit; Serve's would let clients wait in silence
POLL_S = 0.5
HEALTH_PERIOD_S = 5.0
HEALTH_TIMEOUT_S = 5.0
ENVIRONMENT = {
    "RAY_SERVE_SESSION_ID_HEADER_KEY": SESSION_HEADER,
    "RAY_USAGE_STATS_ENABLED": "0",  # Ray would report its use to its makers
    "RAY_SERVE_LOG_TO_STDERR": "0",  # the proxy's log has a line for each connection
    "RAY_worker_niceness": "0",  # Ray lowers the priority of its workers, but here people wait for them
    "RAY_agent_register_timeout_ms": "120000",  # Ray allows its own processes 15 s and 30 s to start,
    "RAY_raylet_start_wait_time_s": "120",  # which a busy machine with cold files exceeds
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a fleet runs: `address` is that of a Ray cluster; None starts one on this machine.

    `cpus` is the number of cores that Ray plans with there; None: as many as there are.
    """

    host: str
    port: int
    address: str | None = None
    cpus: int | None = None


def choose_port(host: str, port: int) -> int:
    """Return `port`, or for 0 one on which nothing listens now: Serve cannot choose one itself."""
    if port:
        return port
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def start(place: Place) -> None:
    """Join the cluster, or start one, and start Serve on it. Raises `ConfigError` if that fails."""
    os.environ.update({name: value for name, value in ENVIRONMENT.items() if name not in os.environ})
    ray, serve = import_ray(), import_ray("ray.serve")
    options: dict[str, Any] = {"address": place.address, "log_to_driver": False, "logging_level": "ERROR"}
    if place.address is None:
        options |= {"address": "local", "include_dashboard": False, "num_cpus": place.cpus}
    try:
        ray.init(**options)
        serve.start(
            proxy_location="EveryNode",
            http_options={"host": place.host, "port": place.port, "request_timeout_s": None},
        )
    except (OSError, RuntimeError, ValueError) as error:
        raise ConfigError(
            f"Ray could not be started: {type(error).__name__}",
            "The fleet was not started",
            "Check the address of the cluster, and that the port is free",
        ) from error


def deploy(settings: TeamSettings, config: Path | None, token_file: Path | None) -> None:
    """Start the replicas. Those of an earlier call are replaced, one after another."""
    application = make_application(settings, config, token_file)
    import_ray("ray.serve").run(application, name=APP, route_prefix="/")


def make_application(settings: TeamSettings, config: Path | None, token_file: Path | None) -> Any:
    """Return the gateway as an application of Serve."""
    from spark_lsp.fleet.replica import GatewayReplica

    serve = import_ray("ray.serve")
    deployment = serve.deployment(serve.ingress()(GatewayReplica))
    words = (str(path.absolute()) if path is not None else None for path in (config, token_file))
    return deployment.options(name=DEPLOYMENT, **deployment_options(settings)).bind(*words)


def deployment_options(settings: TeamSettings) -> dict[str, Any]:
    """Return Serve's options for the deployment."""
    config = import_ray("ray.serve.config")
    options: dict[str, Any] = {
        "max_ongoing_requests": CONNECTIONS_PER_REPLICA,
        "graceful_shutdown_timeout_s": settings.drainSeconds,
        "graceful_shutdown_wait_loop_s": POLL_S,
        "health_check_period_s": HEALTH_PERIOD_S,
        "health_check_timeout_s": HEALTH_TIMEOUT_S,
        "ray_actor_options": {"num_cpus": settings.cpusPerReplica},
        "request_router_config": config.RequestRouterConfig(request_router_class=SESSION_ROUTER),
    }
    if settings.maxReplicas <= settings.replicas:
        return {**options, "num_replicas": settings.replicas}
    policy = config.AutoscalingPolicy(
        policy_function="spark_lsp.fleet.growth:Growth",
        policy_kwargs={"answers_per_replica": settings.answersPerReplica},
    )
    growth = config.AutoscalingConfig(
        min_replicas=settings.replicas, max_replicas=settings.maxReplicas, policy=policy
    )
    return {**options, "autoscaling_config": growth}


def stop(place: Place) -> None:
    """End the fleet: each replica completes its answers first. A cluster of our own ends too."""
    ray, serve = import_ray(), import_ray("ray.serve")
    with suppress(Exception):  # the cluster may be gone already
        serve.delete(APP)
        if place.address is None:
            serve.shutdown()
    ray.shutdown()


def announce(place: Place, token_file: Path | None) -> None:
    """Print the ready line, as `spark-lsp gateway` does."""
    url = f"ws://{place.host}:{place.port}/v1/responses"
    shown = str(token_file) if token_file is not None else None
    sys.stdout.write(
        json.dumps({"event": "ready", "url": url, "token_file": shown, "pid": os.getpid()}) + "\n"
    )
    sys.stdout.flush()


async def wait_for_signal() -> signal.Signals:
    """Return the signal that came: SIGINT and SIGTERM end the fleet, SIGHUP renews its replicas."""
    loop = asyncio.get_running_loop()
    came: asyncio.Future[signal.Signals] = loop.create_future()

    def note(number: signal.Signals) -> None:
        if not came.done():
            came.set_result(number)

    numbers = [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if sys.platform != "win32" else [])]
    for number in numbers:
        loop.add_signal_handler(number, note, number)
    return await came
