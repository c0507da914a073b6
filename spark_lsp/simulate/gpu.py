"""GPUs as a timing model. Pure.

Theory. A step gives each of `b` requests one token. It reads the weights that the step touches and every
request's context from memory, or computes, whichever takes longer. Each layer costs a fixed time regardless
of its content (launches, exchanges between GPUs), each request a little more, and prompts that are read in
the same time take their share:

    token time = max(memory, compute) + L·t_layer + b·t_request + prefill

    memory  = (touched weights + b·context·kv) / (n·bandwidth·share)
    compute = 2·active·b / (n·flops·share)
    prefill = 2·active·b·(prompt tokens per output token) / (n·flops·share)

over `n` GPUs. Of a mixture of `E` experts, `k` for each token, `b` tokens touch `E·(1 − (1 − k/E)^b)`.
Weights of less than 16 bits have a context of 8 bits. Engines other than TensorRT-LLM, and Blackwell GPUs,
have a separate factor.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from spark_lsp.errors import ConfigError
from spark_lsp.simulate.table import Architecture, Gpu, GpuParameters, Table

T = TypeVar("T")

RESERVED = 0.1  # of the memory, for activations and the runtime
CONTEXT = 131_072


@dataclass(frozen=True, slots=True)
class GpuSetup:
    """One row of the measurements, or one machine of the planner."""

    gpu: Gpu
    count: int
    architecture: Architecture
    bytes_per_weight: float
    engine: str = "trtllm"


def touched_params(architecture: Architecture, users: float) -> float:
    """Return the number of parameters that a step for `users` reads."""
    total = architecture.total_params
    active = architecture.active_params
    experts = architecture.experts
    chosen = architecture.experts_active
    if experts <= 1:
        return total
    each = (total - active) / (experts - chosen)
    share = 1 - (1 - chosen / experts) ** users
    return active - chosen * each + each * experts * share


def kv_bytes(setup: GpuSetup) -> float:
    """Return the bytes of context memory per token."""
    return setup.architecture.kv_bytes_per_token * (0.5 if setup.bytes_per_weight < 2 else 1.0)


@dataclass(frozen=True, slots=True)
class Step:
    """The terms of `token_s` that depend on the number of users only: the planner needs them very often."""

    weights_s: float
    context_s: float  # for each token of one user's context
    compute_s: float
    fixed_s: float

    def token_s(self, context: float, prompt_share: float) -> float:
        """Return the seconds per token for each user."""
        memory = self.weights_s + self.context_s * context
        return max(memory, self.compute_s) + self.fixed_s + self.compute_s * prompt_share


def make_step(setup: GpuSetup, users: int, parameters: GpuParameters) -> Step:
    """Compute the terms for a number of users; see the module's text."""
    factor = _choose_factor(setup, parameters)
    bandwidth = setup.count * setup.gpu.bandwidth * parameters.bandwidth_share / factor
    flops = setup.count * setup.gpu.flops * parameters.flops_share / factor
    fixed = setup.architecture.layers * parameters.layer_us * 1e-6 + users * parameters.request_us * 1e-6
    return Step(
        touched_params(setup.architecture, users) * setup.bytes_per_weight / bandwidth,
        users * kv_bytes(setup) / bandwidth,
        2 * setup.architecture.active_params * users / flops,
        fixed * factor,
    )


def token_s(
    setup: GpuSetup, users: int, context: float, prompt_share: float, parameters: GpuParameters
) -> float:
    """Return the seconds per token for each of `users` with `context` tokens; see the module's text."""
    return make_step(setup, users, parameters).token_s(context, prompt_share)


def prefill_s(setup: GpuSetup, tokens: int, parameters: GpuParameters) -> float:
    """Return the seconds to read a prompt alone; indicative only."""
    work = 2 * setup.architecture.active_params * tokens
    return parameters.prompt_factor * work / (setup.count * setup.gpu.flops * parameters.flops_share)


def _choose_factor(setup: GpuSetup, parameters: GpuParameters) -> float:
    engine = 1.0 if setup.engine == "trtllm" else parameters.other_engines
    return engine * (parameters.blackwell if setup.gpu.name.startswith("b") else 1.0)


@dataclass(frozen=True, slots=True)
class GpuMachine:
    """GPUs for the planner."""

    name: str
    model: str
    setup: GpuSetup
    parameters: GpuParameters
    kv_tokens: int
    context_tokens: int
    cache_block_tokens: int = 16
    cache_s: float = 3600.0  # computed when the memory is first needed
    steps: dict[int, Step] = field(default_factory=dict[int, Step], compare=False, repr=False)

    @property
    def overhead_s(self) -> float:
        """Seconds that a prompt waits in addition to its reading time; a network is not included."""
        return self.parameters.first_steps * self.token_s(1, 2000)

    @property
    def most_users(self) -> int:
        """The number of requests that may run at once."""
        return int(self.parameters.most_users)

    @property
    def users_at_full_speed(self) -> int:
        """The number of users with 2,000 tokens of context before a token takes a tenth longer."""
        alone = self.token_s(1, 2000)
        users = 1
        while users < self.most_users and self.token_s(users + 1, 2000) <= 1.1 * alone:
            users += 1
        return users

    @property
    def error(self) -> float:
        """The relative error to report with each prediction."""
        return self.parameters.error_median

    @property
    def worst(self) -> float:
        """The largest observed error."""
        return self.parameters.error_worst

    @property
    def first_error(self) -> float:
        """The relative error to report with each time to the first token."""
        return self.parameters.ttft_error

    def token_s(self, users: int, context_tokens: float = 0.0, prompt_share: float = 0.0) -> float:
        """Seconds per token for each of `users`."""
        step = self.steps.get(users)
        if step is None:
            step = self.steps[users] = make_step(self.setup, users, self.parameters)
        return step.token_s(context_tokens, prompt_share)

    def prefill_s(self, tokens: int) -> float:
        """Seconds to read that many tokens of a prompt."""
        return prefill_s(self.setup, tokens, self.parameters)


def gpus(name: str, table: Table) -> GpuMachine:
    """Make the machine of a name such as `h100_sxm x8 llama70b`, parts also joined by `/`; weights of 8 bits.

    Raises `ConfigError` that names the unknown part.
    """
    parts = name.replace("/", " ").split()
    if len(parts) != 3 or not parts[1].removeprefix("x").isdigit() or not int(parts[1].removeprefix("x")):
        raise ConfigError(
            f"{name!r} is not a machine",
            "Nothing was simulated",
            "Name a wafer's profile, or GPUs as GPU/xCOUNT/MODEL, such as h100_sxm/x8/llama70b",
        )
    gpu = _find_known(table.gpus, "GPU", parts[0])
    architecture = _find_known(table.architectures, "model", parts[2])
    setup = GpuSetup(gpu, int(parts[1].removeprefix("x")), architecture, _find_weight_bytes(architecture))
    free = (
        setup.count * gpu.memory_bytes * (1 - RESERVED) - architecture.total_params * setup.bytes_per_weight
    )
    if free <= 0:
        raise ConfigError(f"{parts[1]} {gpu.name} cannot hold {architecture.name}", "Nothing was simulated")
    tokens = int(free / kv_bytes(setup))
    return GpuMachine(name, architecture.name, setup, table.gpu, tokens, min(tokens, CONTEXT))


def _find_weight_bytes(architecture: Architecture) -> float:
    return 0.5 if architecture.name == "gptoss" else 1.0  # that model is published in 4 bits only


def _find_known(known: Mapping[str, T], what: str, name: str) -> T:
    if name not in known:
        raise ConfigError(
            f"There is no {what} {name!r}", "Nothing was simulated", f"Choose from {', '.join(known)}"
        )
    return known[name]
