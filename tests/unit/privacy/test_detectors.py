"""What counts as a secret, and what does not."""

import itertools

import pytest

from spark_lsp.privacy.detectors import find_secrets, find_suspects, may_hold_secret
from spark_lsp.privacy.redaction import redact_secrets

SECRETS = [
    ('password = "hunter2secret"', "hunter2secret"),
    ('key = "AKIAIOSFODNN7EXAMPLE"', "AKIAIOSFODNN7EXAMPLE"),
    (
        "AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    ),
    ('x = "ghp_abcdefghijklmnopqrstuvwxyz0123456789"', "ghp_abcdefghijklmnopqrstuvwxyz0123456789"),
    ('url = "postgres://bob:s3cr3tpw@db/x"', "s3cr3tpw"),
    (
        "api: sk-proj-abcdefghijklmnopqrstT3BlbkFJabcdefghijklmnopqrst",
        "sk-proj-abcdefghijklmnopqrstT3BlbkFJabcdefghijklmnopqrst",
    ),
    (
        "MIIEpAIBAAKCAQEA0Z3VS5JJcds3xfn/ygWyF8PbnGy0AHB7MaDJZC9qYw2sXcEl",
        "MIIEpAIBAAKCAQEA0Z3VS5JJcds3xfn/ygWyF8PbnGy0AHB7MaDJZC9qYw2sXcEl",
    ),
    (
        'h = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"',
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    ),
]
HARMLESS = [
    'password = os.environ["PASSWORD"]',
    'password = "${PASSWORD}"',
    'password = "<your password>"',
    "self.password = password",
    "token = get_token()",
    "def check(password: str) -> bool:",
    'alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"',
    '"workDoneProgressCreateRequestHandler"',
    "from spark_lsp.session.suggestions import Suggestion",
    'message = "the quick brown fox jumps over the lazy dog"',
]


@pytest.mark.parametrize(("line", "secret"), SECRETS)
def test_a_secret_is_found_whole(line: str, secret: str) -> None:
    assert secret not in redact_secrets(line)
    start = line.index(secret)
    assert any(first <= start and start + len(secret) <= last for first, last in find_secrets(line))


@pytest.mark.parametrize("line", HARMLESS)
def test_code_is_left_alone(line: str) -> None:
    assert find_secrets(line) == []


def test_configuration_needs_no_quotes() -> None:
    assert redact_secrets("password: hunter2", "yaml") == "password: *******"
    assert redact_secrets("password: hunter2", "python") == "password: hunter2"


@pytest.mark.parametrize("line", [line for line, _ in SECRETS])
def test_no_line_with_a_secret_is_passed_over(line: str) -> None:
    assert may_hold_secret(line)
    assert find_suspects(f"# before\n{line}\n# after\n")


def test_letters_that_grow_in_lower_case_do_not_shift_anything() -> None:
    text = "İ" * 300 + '\npassword = "hunter2secret"\n'
    assert redact_secrets(text) == "İ" * 300 + '\npassword = "*************"\n'


def test_spans_are_disjoint_and_ordered() -> None:
    line = 'password = "AKIAIOSFODNN7EXAMPLE" # ghp_abcdefghijklmnopqrstuvwxyz0123456789'
    spans = find_secrets(line)
    assert spans == sorted(spans)
    assert all(one[1] < other[0] for one, other in itertools.pairwise(spans))
