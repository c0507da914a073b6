"""Which proxy the environment names for an address."""

import pytest

from spark_lsp.errors import ConfigError
from spark_lsp.proxies import proxy_for
from spark_lsp.tls import authorities, pip_environment, tls_context

P = "http://p:3128"


@pytest.mark.parametrize(
    ("url", "environment", "proxy"),
    [
        ("https://h.test/v1", {"HTTPS_PROXY": P}, P),
        ("https://h.test/v1", {"https_proxy": P, "HTTPS_PROXY": "http://other"}, P),
        ("https://h.test/v1", {"https_proxy": "", "HTTPS_PROXY": P}, None),
        ("https://h.test/v1", {"HTTP_PROXY": P}, None),
        ("http://h.test/v1", {"HTTP_PROXY": P}, P),
        ("wss://h.test/v1", {"HTTPS_PROXY": P}, P),
        ("ws://h.test/v1", {"http_proxy": P}, P),
        ("https://h.test/v1", {"ALL_PROXY": "p:3128"}, P),
        ("https://h.test", {"ALL_PROXY": "http://a", "HTTPS_PROXY": P}, P),
        ("https://h.test", {}, None),
        *(
            (url, {"ALL_PROXY": P}, None)
            for url in ("http://127.0.0.1:8000", "http://localhost:1", "http://[::1]:1", "http://a.localhost")
        ),
        ("ws+unix:/run/x.sock", {"ALL_PROXY": P}, None),
        *(
            ("https://gpu.h.test:8443/v1", {"HTTPS_PROXY": P, "NO_PROXY": listed}, None)
            for listed in ("h.test", ".h.test", "*.h.test", "*", "a, gpu.h.test ,b", "H.TEST", "h.test:8443")
        ),
        *(
            ("https://gpu.h.test:8443/v1", {"HTTPS_PROXY": P, "NO_PROXY": listed}, P)
            for listed in ("", "x.test", "pu.h.test", "h.test:443", "10.0.0.0/8", ",", ".")
        ),
        ("http://10.1.2.3:80", {"HTTP_PROXY": P, "NO_PROXY": "10.0.0.0/8"}, None),
        ("http://10.1.2.3:80", {"HTTP_PROXY": P, "no_proxy": "10.1.2.3"}, None),
        ("http://[fd00::1]:80", {"HTTP_PROXY": P, "no_proxy": "[fd00::1]"}, None),
        ("http://11.1.2.3:80", {"HTTP_PROXY": P, "NO_PROXY": "10.0.0.0/8"}, P),
    ],
)
def test_the_proxy_of_an_address(url: str, environment: dict[str, str], proxy: str | None):
    found = proxy_for(url, environment)
    assert (found.url if found else None) == proxy


@pytest.mark.parametrize(
    "value", ["socks5://p:1080", "http://", "http://p:99999", "ftp://p", "http://[", "//"]
)
def test_a_proxy_that_cannot_be_used_is_named_with_its_variable(value: str):
    with pytest.raises(ConfigError, match="HTTPS_PROXY"):
        proxy_for("https://h.test", {"HTTPS_PROXY": value})


def test_a_proxys_password_is_never_shown():
    found = proxy_for("https://h.test", {"HTTPS_PROXY": "http://me:secret@p:3128"})
    assert found
    assert found.shown == P
    assert "secret" not in repr(found)
    with pytest.raises(ConfigError) as caught:
        proxy_for("https://h.test", {"HTTPS_PROXY": "socks5://me:secret@p:1080"})
    assert "secret" not in str(caught.value)


def test_the_first_variable_decides_about_authorities():
    assert str(authorities({})) == "the operating system's trust store"
    assert authorities({"REQUESTS_CA_BUNDLE": "/a", "SSL_CERT_FILE": "/b"}).path == "/b"
    assert str(authorities({"CURL_CA_BUNDLE": "/a"})) == "/a (CURL_CA_BUNDLE)"
    assert pip_environment({"SSL_CERT_FILE": "/b"}) == {"PIP_CERT": "/b"}
    assert pip_environment({"SSL_CERT_FILE": "/b", "PIP_CERT": "/c"}) == pip_environment({}) == {}


@pytest.mark.parametrize("kind", ["missing", "empty", "no certificate", "empty folder"])
@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"])
def test_certificates_that_cannot_be_read_are_named(tmp_path, monkeypatch, kind: str, variable: str):
    path = tmp_path / "ca.pem"
    if kind in ("empty", "no certificate"):
        path.write_text("" if kind == "empty" else "hello\n")
    elif kind == "empty folder":
        path.mkdir()
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(variable, str(path))
    with pytest.raises(ConfigError, match=variable) as caught:
        tls_context()
    assert "doctor" in caught.value.remedy
