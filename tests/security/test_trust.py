"""A server without a trusted certificate gets no request, whatever the environment says, and is not retried."""

from __future__ import annotations

import inspect
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import trustme
from typer.testing import CliRunner

from allium_market_data import AsyncMarketData, MarketData, RetryPolicy
from allium_market_data.cli import main as cli
from allium_market_data.client import tls
from allium_market_data.errors import CertificateError, ConnectionFailedError, UsageError
from support.serving import MARKET, SECRET, http

from .leaks import renderings, search
from .servers import rows

SPAN: dict[str, Any] = {"interval": "1h", "start": "2026-05-01", "end": "2026-05-01T04:00Z"}
RETRYING = RetryPolicy(attempts=6, first_pause=0, longest_pause=0, jitter=0)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)

AUTHORITY = trustme.CA()
STRANGER = trustme.CA()
GOOD = AUTHORITY.issue_cert("localhost", "127.0.0.1")
BAD: dict[str, tuple[trustme.LeafCert | trustme.CA, str]] = {
    "of an unknown authority": (
        STRANGER.issue_cert("localhost", "127.0.0.1"),
        "unable to get local issuer certificate",
    ),
    "signed by itself": (STRANGER, "self-signed certificate"),
    "for another name": (AUTHORITY.issue_cert("api.allium.so"), "IP address mismatch, certificate is not valid for"),
    "out of date": (
        AUTHORITY.issue_cert("127.0.0.1", not_before=LONG_AGO, not_after=LONG_AGO + timedelta(days=1)),
        "certificate has expired",
    ),
    "not yet in force": (
        AUTHORITY.issue_cert("127.0.0.1", not_before=datetime.now(UTC) + timedelta(days=9)),
        "certificate is not yet valid",
    ),
}


class Secure:
    """A TLS server on this machine that counts connections and records requests."""

    def __init__(self, certificate: trustme.LeafCert | trustme.CA) -> None:
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        if isinstance(certificate, trustme.LeafCert):
            certificate.configure_cert(self.context)
        else:
            pem = certificate.private_key_pem.bytes() + certificate.cert_pem.bytes()
            with trustme.Blob(pem).tempfile() as file:
                self.context.load_cert_chain(file)
        self.connections = 0
        self.heads: list[bytes] = []

    @contextmanager
    def served(self) -> Iterator[str]:
        """Serve until the end of the block; yields the base URL."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            thread = threading.Thread(target=self._accept, args=(listener,), daemon=True)
            thread.start()
            yield f"https://127.0.0.1:{listener.getsockname()[1]}"
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            thread.join()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                plain, _ = listener.accept()
            except OSError:
                return
            self.connections += 1
            with plain, suppress(OSError), self.context.wrap_socket(plain, server_side=True) as connection:
                head = connection.recv(65_536)
                self.heads.append(head)
                connection.sendall(http(rows(head)))


def fetch_rows(base_url: str) -> int:
    with MarketData(SECRET, base_url, retry=RETRYING) as client:
        return len(client.open_interest(MARKET, **SPAN))


@pytest.fixture
def trusted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The certificate authority of these tests, named in SSL_CERT_FILE."""
    file = tmp_path / "authority.pem"
    AUTHORITY.cert_pem.write_to_path(str(file))
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    return file


def test_certificate_of_a_named_authority_is_trusted(trusted: Path) -> None:
    server = Secure(GOOD)
    with server.served() as url:
        assert fetch_rows(url) == 4
        assert fetch_rows(url.replace("127.0.0.1", "localhost")) == 4
    assert all(SECRET.encode() in head for head in server.heads)


@pytest.mark.parametrize("name", BAD)
def test_bad_certificate_is_an_error_before_anything_is_sent(name: str, trusted: Path) -> None:
    certificate, message = BAD[name]
    server = Secure(certificate)
    with server.served() as url, pytest.raises(CertificateError, match=message) as caught:
        fetch_rows(url)
    assert isinstance(caught.value, ConnectionFailedError)
    assert str(caught.value).startswith(f"the certificate of {url} is not trusted: ")
    assert (caught.value.market_id, caught.value.status) == (MARKET, None)
    assert (server.connections, server.heads) == (1, [])
    frames = caught.value.__traceback__.tb_next.tb_next  # type: ignore[union-attr]
    assert search(renderings(caught.value.with_traceback(frames))) == []


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"PYTHONHTTPSVERIFY": "0"},
        {"CURL_CA_BUNDLE": ""},
        {"REQUESTS_CA_BUNDLE": "", "CURL_CA_BUNDLE": ""},
        {"REQUESTS_CA_BUNDLE": "BUNDLE", "CURL_CA_BUNDLE": "BUNDLE"},
        {"SSL_CERT_FILE": ""},
        {"SSL_CERT_DIR": ""},
        {"SSL_CERT_FILE": "", "SSL_CERT_DIR": ""},
        {"NODE_TLS_REJECT_UNAUTHORIZED": "0", "GIT_SSL_NO_VERIFY": "1", "SSL_NO_VERIFY": "1", "HTTPX_VERIFY": "0"},
    ],
)
def test_environment_cannot_disable_verification(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bundle = tmp_path / "authority.pem"
    AUTHORITY.cert_pem.write_to_path(str(bundle))
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value.replace("BUNDLE", str(bundle)))
    server = Secure(GOOD)  # valid, but issued by an authority that is not named
    with server.served() as url, pytest.raises(CertificateError, match="unable to get local issuer certificate"):
        fetch_rows(url)
    assert (server.connections, server.heads) == (1, [])


def test_python_hooks_cannot_disable_verification(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssl, "_create_default_https_context", ssl._create_unverified_context)
    server = Secure(GOOD)
    with server.served() as url, pytest.raises(CertificateError):
        fetch_rows(url)
    assert server.heads == []


def test_no_argument_disables_verification() -> None:
    for client in (MarketData, AsyncMarketData):
        names = set(inspect.signature(client).parameters)
        assert names == {"api_key", "base_url", "timeout", "max_concurrency", "max_rate", "retry", "allow_insecure"}
    context = tls.context()
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_allow_insecure_concerns_plain_http_only() -> None:
    server = Secure(GOOD)
    with (
        server.served() as url,
        pytest.raises(CertificateError),
        MarketData(SECRET, url, allow_insecure=True) as client,
    ):
        client.open_interest(MARKET, **SPAN)
    assert server.heads == []


def test_authorities_can_be_a_folder(trusted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "")
    monkeypatch.setenv("SSL_CERT_DIR", str(trusted.parent))
    server = Secure(GOOD)
    with (
        server.served() as url,
        pytest.raises(CertificateError),
    ):  # OpenSSL looks for hashed file names, and this folder has none
        fetch_rows(url)


@pytest.mark.parametrize(
    ("name", "content"), [("SSL_CERT_FILE", None), ("SSL_CERT_FILE", "no certificate"), ("SSL_CERT_DIR", None)]
)
def test_unreadable_authorities_are_an_error_before_the_first_request(
    name: str, content: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for variable in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(variable, raising=False)
    path = tmp_path / "authorities"
    if content is not None:
        path.write_text(content)
    monkeypatch.setenv(name, str(path))
    server = Secure(GOOD)
    with server.served() as url, pytest.raises(UsageError, match=f"{name} .*{path}"):
        fetch_rows(url)
    assert server.connections == 0


def test_command_reports_a_bad_certificate_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Secure(GOOD)
    words = ["open-interest", MARKET, "--interval", "1h", "--start", "2026-05-01", "--end", "2026-05-02"]
    with server.served() as url:
        result = CliRunner().invoke(cli.app, [*words, "--base-url", url], env={"ALLIUM_API_KEY": SECRET})
    assert (result.exit_code, result.stdout, len(result.stderr.splitlines())) == (1, "", 1)
    assert result.stderr.startswith(f"allium-md: the certificate of {url} is not trusted: ")
    assert server.connections == 1
