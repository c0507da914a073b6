"""The files for running a team's gateway: they agree with the code that they configure."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from spark_lsp import app
from spark_lsp.fleet.run import ENVIRONMENT

DEPLOY = Path(__file__).parents[2] / "deploy"


@pytest.fixture(scope="module")
def objects() -> list[dict[str, Any]]:
    text = (DEPLOY / "kubernetes" / "gateway.yaml").read_text("utf-8")
    return list(yaml.safe_load_all(text))


@pytest.fixture
def pods(objects: list[dict[str, Any]]) -> list[dict[str, Any]]:
    cluster = objects[1]["spec"]["rayClusterConfig"]
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    return [group["template"]["spec"] for group in groups]


def test_the_configuration_of_the_cluster_has_no_problems(
    objects: list[dict[str, Any]], tmp_path: Path
) -> None:
    config = tmp_path / "config.toml"
    config.write_text(objects[0]["data"]["config.toml"], encoding="utf-8")
    settings, problems = app.load_settings(config)
    assert problems == []
    assert settings.team.replicas < settings.team.maxReplicas


def test_the_pods_have_the_environment_of_the_command(pods: list[dict[str, Any]]) -> None:
    for pod in pods:
        for container in pod["containers"]:
            given = {each["name"]: each.get("value") for each in container["env"]}
            token = given.pop("SPARK_LSP_TOKEN")
            assert token is None  # from the secret
            assert given.items() <= ENVIRONMENT.items()


def test_a_worker_has_more_time_to_end_than_its_replicas(
    objects: list[dict[str, Any]], pods: list[dict[str, Any]]
) -> None:
    drain = re.search(r"drainSeconds = (\d+)", objects[0]["data"]["config.toml"])
    assert drain is not None
    assert pods[1]["terminationGracePeriodSeconds"] > float(drain[1])


def test_the_proxy_passes_to_the_gateway_s_port() -> None:
    port = re.search(r'"--port", "(\d+)"', (DEPLOY / "Dockerfile").read_text("utf-8"))
    assert port is not None
    assert f"127.0.0.1:{port[1]}" in (DEPLOY / "Caddyfile").read_text("utf-8")
