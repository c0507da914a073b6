"""Makes a model of two layers in the form of Hugging Face: `python tiny_model.py FOLDER TEXT CONTEXT`.

Its weights are for whoever loads it to make up; its tokenizer is trained on the file TEXT. It is run by the
Python of vLLM's environment, which has the libraries, and imports nothing of ours.
"""

import sys

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers  # pyright: ignore[reportMissingImports]
from transformers import LlamaConfig, PreTrainedTokenizerFast  # pyright: ignore[reportMissingImports]

SPECIAL = ["<unk>", "<s>", "</s>", "<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"]
WORDS = 512


def main(folder: str, text: str, context: str) -> None:
    tokenizer = Tokenizer(models.BPE(unk_token=SPECIAL[0]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=WORDS, special_tokens=SPECIAL, initial_alphabet=alphabet)
    tokenizer.train([text], trainer)
    names = {"unk_token": SPECIAL[0], "bos_token": SPECIAL[1], "eos_token": SPECIAL[2]}
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names)
    fast.chat_template = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}assistant: "
    fast.save_pretrained(folder)
    LlamaConfig(
        architectures=["LlamaForCausalLM"],
        vocab_size=WORDS,
        hidden_size=128,
        intermediate_size=256,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=int(context),
        dtype="float32",
        bos_token_id=1,
        eos_token_id=2,
    ).save_pretrained(folder)


if __name__ == "__main__":
    main(*sys.argv[1:])
