"""The settings of a gateway that several users share."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

from spark_lsp.config.values import Amount, Count
from spark_lsp.config.values import describe as _describe


@dataclass(frozen=True, slots=True)
class TeamSettings:
    """A gateway that several users share; in config.toml only."""

    users: Annotated[
        str, _describe("the file with the users and the hashes of their tokens; empty: one token for all")
    ] = ""
    maxConnections: Annotated[
        Count,
        _describe("connections that one process accepts; 0: as many as its limit of open files allows"),
    ] = 0
    maxAnswers: Annotated[
        Count,
        _describe("answers that one process has under way; users take turns beyond it. 0: no limit"),
    ] = 0
    replicas: Annotated[int, Meta(ge=1), _describe("gateway processes of `spark-lsp fleet`")] = 1
    maxReplicas: Annotated[
        Count, _describe("processes that a fleet may grow to under load; 0: always `replicas`")
    ] = 0
    answersPerReplica: Annotated[
        int, Meta(ge=1), _describe("answers under way or waiting per process at which a fleet grows")
    ] = 32
    cpusPerReplica: Annotated[
        Amount, _describe("processor cores that Ray reserves for each process of a fleet")
    ] = 1.0
    drainSeconds: Annotated[
        Amount, _describe("seconds that a process of a fleet has to hand over its connections before it ends")
    ] = 30.0
