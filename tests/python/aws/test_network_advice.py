"""When no answer of ECR comes, the message names the setting at fault, on every transport."""

from __future__ import annotations

import os
import socket
import socketserver
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

import layercheck as lc
from dispatch.scripted_server import Reply, ScriptedServer, fault
from layercheck.aws.classify import classify, exception_for
from layercheck.aws.network_advice import advice
from layercheck.aws.network_settings import NetworkSettings
from layercheck.cli.error_messages import explain
from layercheck.dispatch.transport.selection import NAMES, TransportName
from layercheck.limits import Limits
from layercheck.retry import RetryPolicy
from layercheck.testing import EvenDigests, LocalEcr

ROWS = ["sha256:" + "a0" * 32]
QUICK = Limits(retry=RetryPolicy(back_off_base_s=0.001), tick_s=0.02)
PAGE = b"<!DOCTYPE html><html><title>Blocked</title><body>Sign in here</body></html>"
NOT_OF_ECR = "this answer did not come from ECR"


class RawServer:
    """Sends the same bytes to whatever asks."""

    def __init__(
        self,
        status: str = "200 OK",
        body: bytes = PAGE,
        kind: str = "text/html",
        more: str = "",
        *,
        raw: bytes | None = None,
    ) -> None:
        head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{more}"
        answer = head.encode() + b"Connection: close\r\n\r\n" + body if raw is None else raw

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                length = 0
                if self.request.recv(1, socket.MSG_PEEK) == b"\x16":  # a handshake of TLS, which has no lines
                    self.wfile.write(answer)
                    return
                while (line := self.rfile.readline()) not in (b"", b"\r\n"):
                    name, _, value = line.partition(b":")
                    length = int(value) if name.lower() == b"content-length" else length
                self.rfile.read(length)
                self.wfile.write(answer)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            block_on_close = False

        self._server = Server(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self._server.server_address[1]}"
        self.url = f"http://{self.host}"

    def __enter__(self) -> RawServer:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.endswith("_CA_BUNDLE") or "ENDPOINT_URL" in name:
            monkeypatch.delenv(name)


@pytest.fixture
def dead() -> str:
    """A host and port where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"


def failing(**options: Any) -> lc.EndpointError:
    options.setdefault("region_name", "us-east-1")
    with (
        lc.Checker("team/app", _limits=QUICK, **options) as checker,
        pytest.raises(lc.EndpointError) as caught,
    ):
        checker.check(ROWS)
    return caught.value


def in_the_command(error: lc.LayercheckError, **given: Any) -> str:
    keywords = ("registry_id", "region_name", "profile_name", "endpoint_url")
    return str(explain(error, dict.fromkeys(keywords) | {"public": False} | given))


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy"])
def test_a_proxy_that_is_down_is_named_by_its_setting(
    dead: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, f"http://{dead}")
    error = failing()
    assert "Connection refused" in str(error)
    assert str(error).endswith(f"check {name}; NO_PROXY lists the hosts that need no proxy")
    assert in_the_command(error) == str(error)


def test_a_proxy_of_a_config_is_named_as_such(dead: str) -> None:
    error = failing(config=Config(proxies={"https": f"http://{dead}"}))
    assert "check proxies of config" in str(error)


def test_a_proxy_of_plain_http_is_named_too(dead: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://{dead}")
    assert "check HTTP_PROXY" in str(failing(endpoint_url="http://ecr.invalid"))


@pytest.mark.parametrize(
    ("status", "user", "said"),
    [
        (
            "407 Proxy Authentication Required",
            "",
            "asks for a user name and password: write http://USER:PASSWORD@HOST:PORT in HTTPS_PROXY",
        ),
        (
            "407 Proxy Authentication Required",
            "me:hunter2@",
            "the proxy refuses the user name or password in HTTPS_PROXY",
        ),
        ("403 Forbidden", "", "the proxy of HTTPS_PROXY answered 403: have it allow the host"),
        ("502 Bad Gateway", "", "the proxy of HTTPS_PROXY answered 502: it does not reach the host"),
        ("503 Service Unavailable", "", "the proxy of HTTPS_PROXY answered 503: it does not reach the host"),
    ],
    ids=["407", "407-with-password", "403", "502", "503"],
)
def test_a_proxy_that_refuses_a_tunnel_is_quoted(
    status: str, user: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RawServer(status) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{user}{proxy.host}")
        error = failing()
    assert f"Tunnel connection failed: {status}" in str(error)
    assert said in str(error)
    assert "hunter2" not in str(error) + in_the_command(error)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("socks5://127.0.0.1:9", "botocore knows only HTTP proxies: write http://HOST:PORT in HTTPS_PROXY"),
        ("http://127.0.0.1:port", "write http://HOST:PORT in HTTPS_PROXY"),
    ],
    ids=["socks", "no number for a port"],
)
def test_a_proxy_that_cannot_be_one_says_how_to_write_it(
    value: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", value)
    assert said in str(failing())


def test_a_proxy_that_speaks_no_tls_names_the_scheme(monkeypatch: pytest.MonkeyPatch) -> None:
    with RawServer("400 Bad Request") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"https://{proxy.host}")
        assert "the proxy speaks no TLS: write http:// in HTTPS_PROXY" in str(failing())


@pytest.mark.parametrize("url", ["localhost:4566", "https://", "http://host name"])
def test_an_endpoint_that_is_not_a_url_is_named_by_its_setting(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(lc.InvalidParameterError, match="in endpoint_url") as caught:
        lc.check(ROWS, "team/app", endpoint_url=url, region_name="us-east-1")
    assert in_the_command(caught.value).endswith("write http:// or https://, and a host, in --endpoint-url")
    for name, public in (("AWS_ENDPOINT_URL_ECR", False), ("AWS_ENDPOINT_URL_ECR_PUBLIC", True)):
        monkeypatch.setenv(name, url)
        with pytest.raises(lc.InvalidParameterError, match=f"in {name}$"):
            lc.check(ROWS, "team/app", region_name="us-east-1", public=public)


@pytest.mark.parametrize("status", ["407 Proxy Authentication Required", "403 Forbidden", "502 Bad Gateway"])
def test_a_page_of_a_proxy_of_plain_http_names_the_proxy(
    status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RawServer(status) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        error = failing(endpoint_url="http://ecr.invalid")
    assert NOT_OF_ECR in str(error)
    assert "HTTP_PROXY" in str(error)


@pytest.mark.parametrize("transport", NAMES)
@pytest.mark.parametrize(
    "status",
    ["200 OK", "401 Unauthorized", "403 Forbidden", "404 Not Found", "503 Service Unavailable"],
)
def test_a_page_is_not_an_answer_of_ecr(transport: str, status: str) -> None:
    with RawServer(status) as server:
        error = failing(endpoint_url=server.url, transport=transport)
    assert NOT_OF_ECR in str(error)
    assert "sign in to the network, or have its filter allow the host, and check endpoint_url" in str(error)
    assert "Sign in here" not in str(error)
    assert "check --endpoint-url" in in_the_command(error, endpoint_url=server.url)


@pytest.mark.parametrize("transport", NAMES)
def test_a_service_without_the_operation_is_told_by_the_endpoint_and_not_by_a_filter(transport: str) -> None:
    with LocalEcr({"team/app": EvenDigests()}) as ecr:
        error = failing(endpoint_url=f"{ecr.endpoint_url}/v2", transport=transport)
    assert str(error).endswith("check the host and the path of endpoint_url: what answers there is not ECR")


@pytest.mark.parametrize("transport", NAMES)
@pytest.mark.parametrize("status", ["301 Moved Permanently", "302 Found", "307 Temporary Redirect"])
def test_a_redirect_is_not_an_answer_of_ecr_and_not_followed(transport: str, status: str) -> None:
    with ScriptedServer() as elsewhere:
        with RawServer(status, b"", more=f"Location: {elsewhere.url}/\r\n") as server:
            error = failing(endpoint_url=server.url, transport=transport)
        assert not elsewhere.asked
    assert NOT_OF_ECR in str(error)
    assert status[:3] in str(error)


def test_answers_before_a_page_are_kept() -> None:
    answers = iter(range(1000))

    def script(asked: Any) -> Reply:
        from dispatch.scripted_server import good

        return good(asked) if next(answers) < 2 else Reply(503, PAGE)

    rows = ["sha256:" + f"{number:064x}" for number in range(400)]
    with (
        ScriptedServer(script) as server,
        lc.Checker(
            "team/app", endpoint_url=server.url, region_name="us-east-1", max_in_flight=1, _limits=QUICK
        ) as checker,
    ):
        report = checker.check(rows)
    assert report.unique_counts["unanswered"] + report.unique_counts["not_checked"] == 200
    assert any(NOT_OF_ECR in each.message for each in report.errors)


@pytest.mark.parametrize("transport", NAMES)
def test_an_unknown_authority_names_the_bundle_to_set(
    transport: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LocalEcr({"team/app": EvenDigests()}, tls=True) as ecr, LocalEcr(tls=True) as other:
        error = failing(endpoint_url=ecr.endpoint_url, transport=transport)
        assert "CERTIFICATE_VERIFY_FAILED" in str(error)
        assert "name a file with its certificate in AWS_CA_BUNDLE" in str(error)
        assert "endpoint" not in in_the_command(error, endpoint_url=ecr.endpoint_url).partition("; ")[2]
        assert other.ca_bundle is not None
        monkeypatch.setenv("AWS_CA_BUNDLE", other.ca_bundle)
        error = failing(endpoint_url=ecr.endpoint_url, transport=transport)
        assert "an authority that is not in the file of AWS_CA_BUNDLE: add it there" in str(error)


@pytest.mark.parametrize("content", [None, "no certificate\n"], ids=["missing", "broken"])
@pytest.mark.parametrize("name", ["AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "ca_bundle of profile 'mine'"])
def test_a_bundle_that_cannot_be_used_is_named_by_its_setting(
    name: str, content: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = tmp_path / "bundle.pem"
    if content is not None:
        bundle.write_text(content)
    if name.isupper():
        monkeypatch.setenv(name, str(bundle))
    else:
        (tmp_path / "config").write_text(f"[profile mine]\nca_bundle = {bundle}\n")
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
        monkeypatch.setenv("AWS_PROFILE", "mine")
    with LocalEcr({"team/app": EvenDigests()}, tls=True) as ecr:
        error = failing(endpoint_url=ecr.endpoint_url)
    assert f"{name} names a file that is missing or holds no certificate" in str(error)


def test_an_empty_bundle_setting_is_not_blamed_on_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CA_BUNDLE", " ")
    with pytest.raises(lc.EndpointError, match="name a file in AWS_CA_BUNDLE"):
        lc.check(ROWS, "team/app", region_name="us-east-1")


@pytest.mark.parametrize("transport", NAMES)
def test_http_behind_https_and_the_other_way_round_name_the_scheme(transport: str) -> None:
    with LocalEcr({"team/app": EvenDigests()}) as ecr:
        url = ecr.endpoint_url.replace("http:", "https:")
        assert "speaks no TLS: write http:// in endpoint_url" in str(
            failing(endpoint_url=url, transport=transport)
        )
    # A server of TLS answers plain text with this alert.
    with RawServer(raw=b"\x15\x03\x01\x00\x02\x02\x46") as server:
        assert "if it speaks TLS, write https:// in endpoint_url" in str(
            failing(endpoint_url=server.url, transport=transport)
        )
    said = b"Client sent an HTTP request to an HTTPS server.\n"
    with RawServer("400 Bad Request", said, "text/plain") as server:
        assert "speaks TLS: write https:// in endpoint_url" in str(
            failing(endpoint_url=server.url, transport=transport)
        )


@pytest.fixture(params=["reset", "closed"])
def hangs_up(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a server that closes each connection when it has read a byte that is not of a handshake."""
    reset = struct.pack("ii", 1, 0)

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(1 if request.param == "reset" else 1 << 16)
            if request.param == "reset":
                self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
            self.request.close()

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.mark.parametrize("transport", NAMES)
def test_a_server_that_closes_plain_connections_without_an_answer_may_speak_tls(
    transport: str, hangs_up: str
) -> None:
    error = failing(endpoint_url=hangs_up, transport=transport)
    assert str(error).endswith("without an answer: if it speaks TLS, write https:// in endpoint_url")
    assert in_the_command(error).endswith("if it speaks TLS, write https:// in --endpoint-url")


@pytest.mark.parametrize("transport", NAMES)
@pytest.mark.parametrize(
    "name", ["AWS_ENDPOINT_URL_ECR", "AWS_ENDPOINT_URL", "endpoint_url of profile 'mine'"]
)
def test_an_endpoint_that_is_down_is_named_by_its_setting(
    dead: str, transport: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name.isupper():
        monkeypatch.setenv(name, f"http://{dead}")
    else:
        (tmp_path / "config").write_text(f"[profile mine]\nendpoint_url = http://{dead}\n")
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
        monkeypatch.setenv("AWS_PROFILE", "mine")
    error = failing(transport=transport)
    assert "refused" in str(error)
    assert str(error).endswith(f"check {name}, and that a server listens there")
    assert "--endpoint-url" not in in_the_command(error)


def test_an_endpoint_of_the_callers_client_is_named_as_the_clients(dead: str) -> None:
    client = boto3.client("ecr", endpoint_url=f"http://{dead}", region_name="us-east-1")
    error = failing(client=client, region_name=None)
    assert str(error).endswith("check the endpoint_url of client, and that a server listens there")


@pytest.mark.parametrize("transport", NAMES)
def test_a_misspelt_region_is_told_from_a_network_without_dns(
    transport: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(host: str, *_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    error = failing(region_name="eu-wets-1", transport=transport)
    assert str(error).endswith("botocore knows no region 'eu-wets-1': check region_name")
    assert in_the_command(error).endswith("check --region")


@pytest.mark.parametrize(
    "reason", ["[Errno -2] Name or service not known", "failed to lookup address information"]
)
def test_a_known_region_whose_host_is_not_found_is_a_matter_of_the_network(reason: str) -> None:
    from botocore.exceptions import EndpointConnectionError

    failure = classify(EndpointConnectionError(endpoint_url="https://x", error=reason))
    said = advice(failure, NetworkSettings(region="eu-west-1"))
    assert said.startswith("the host's name was not found: check the network and its DNS server")
    assert "endpoint_url" not in said


@pytest.mark.parametrize("reason", ["[Errno 24] Too many open files", "Too many open files (os error 24)"])
def test_open_files_that_run_out_name_the_limit(reason: str) -> None:
    from botocore.exceptions import EndpointConnectionError

    failure = classify(EndpointConnectionError(endpoint_url="https://x", error=reason))
    error = exception_for(failure, failure.summary, advice(failure, NetworkSettings(endpoint="endpoint_url")))
    assert in_the_command(error).endswith(
        "raise the limit of open files (ulimit -n), or lower --max-in-flight"
    )


@pytest.fixture
def region_of_another() -> Iterator[ScriptedServer]:
    message = "Credential should be scoped to a valid region."
    with ScriptedServer(lambda _: fault("InvalidSignatureException", message)) as server:
        yield server


@pytest.mark.parametrize("transport", NAMES)
def test_a_wrong_region_is_not_blamed_on_the_credentials(
    transport: TransportName, region_of_another: ScriptedServer
) -> None:
    with pytest.raises(lc.CredentialsError) as caught:
        lc.check(ROWS, "team/app", endpoint_url=region_of_another.url, transport=transport)
    assert str(caught.value).endswith("the credentials are right and the region is not: check region_name")
    assert in_the_command(caught.value).endswith("the region is not: check --region")


@pytest.mark.parametrize("transport", NAMES)
def test_a_source_of_credentials_that_is_down_is_not_blamed_on_ecr(
    transport: TransportName, dead: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text("t" * 20)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/reader")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", f"http://{dead}")
    limits = Limits(retry=RetryPolicy(back_off_base_s=0.001, renewal_attempts=2), tick_s=0.02)
    with (
        ScriptedServer() as server,
        lc.Checker("team/app", endpoint_url=server.url, transport=transport, _limits=limits) as checker,
        pytest.raises(lc.CredentialsError) as caught,
    ):
        checker.check(ROWS)
    assert "the web identity token" in str(caught.value)
    assert str(caught.value).endswith(
        "the source of credentials cannot be reached, and ECR was not asked: check AWS_ENDPOINT_URL_STS, "
        "and that a server listens there"
    )
