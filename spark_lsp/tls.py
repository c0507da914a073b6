"""The trusted certificate authorities, for all our TLS connections.

A company's network often has its own authority. SSL_CERT_FILE and SSL_CERT_DIR name it to OpenSSL, and
REQUESTS_CA_BUNDLE and CURL_CA_BUNDLE to other programs: the first that is set decides, alone. Without them
we use the operating system's store, where administrators put such an authority.
"""

import functools
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from spark_lsp.errors import ConfigError

VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


@dataclass(frozen=True, slots=True)
class Authorities:
    """The source of the certificate authorities: a variable and its path, or the operating system."""

    variable: str = ""
    path: str = ""

    def __str__(self) -> str:
        return f"{self.path} ({self.variable})" if self.variable else "the operating system's trust store"


def authorities(environment: Mapping[str, str] = os.environ) -> Authorities:
    """Return the source of the certificate authorities."""
    for variable in VARIABLES:
        if path := environment.get(variable, "").strip():
            return Authorities(variable, path)
    return Authorities()


def tls_context() -> ssl.SSLContext:
    """Return the context for a TLS client. Raises `ConfigError` if the named authorities cannot be read."""
    return _context(authorities())


@functools.lru_cache(maxsize=4)  # reading a bundle takes tens of milliseconds
def _context(source: Authorities) -> ssl.SSLContext:
    if not source.variable:
        import truststore

        return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    path = Path(source.path).expanduser()
    try:
        if path.is_dir():
            if not any(path.iterdir()):
                raise OSError(None, "the directory is empty")
            return ssl.create_default_context(capath=str(path))
        return ssl.create_default_context(cafile=str(path))
    except (OSError, ValueError) as error:  # ssl.SSLError, for a file without certificates, is an OSError
        why = "it holds no certificate" if isinstance(error, ssl.SSLError) else error.args[-1]
        raise ConfigError(
            f"The certificates in {path} ({source.variable}) cannot be read: {why}",
            "No secure connection can be made",
            f"Set {source.variable} to a file of certificates in PEM format, or unset it; `spark-lsp doctor` "
            "shows the current choice",
        ) from error


def certificate_problem(error: ssl.SSLError) -> tuple[str, str]:
    """Return the reason for a TLS failure and the remedy, as the two ends of a message."""
    if not isinstance(error, ssl.SSLCertVerificationError):
        return (
            "its TLS connection failed",
            "Check the address, and whether a proxy must be used (HTTPS_PROXY)",
        )
    problem = error.verify_message or "it cannot be verified"
    remedy = (
        "If your company's network has its own certificate authority, set SSL_CERT_FILE to its certificates "
        "in PEM format, or add them to the operating system; `spark-lsp doctor` shows the current choice"
    )
    return f"its certificate is not accepted: {problem} (checked with {authorities()})", remedy


def pip_environment(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the variables that let pip trust the same authorities; pip does not read SSL_CERT_FILE."""
    source = authorities(environment)
    if not source.variable or environment.get("PIP_CERT"):
        return {}
    return {"PIP_CERT": str(Path(source.path).expanduser())}
