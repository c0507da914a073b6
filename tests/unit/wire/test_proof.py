"""Only who knows the token can answer a nonce, and only in its own role."""

import pytest

from spark_lsp.wire.proof import proof_of, proves


def test_who_knows_the_token_proves_it():
    assert proves("secret", "gateway", "n1", proof_of("secret", "gateway", "n1"))


@pytest.mark.parametrize(
    "given",
    [
        "",
        "é",
        proof_of("other", "gateway", "n1"),
        proof_of("secret", "client", "n1"),
        proof_of("secret", "gateway", "n2"),
    ],
)
def test_nothing_else_proves_it(given: str):
    assert not proves("secret", "gateway", "n1", given)


def test_it_is_the_published_hash():
    # This is HMAC-SHA256 of "client:n" under "k", by OpenSSL.
    assert proof_of("k", "client", "n") == "87ed2ab46e9bdce1684c75416368d19a0f2275b125daedffa8c29d97ab55d659"
