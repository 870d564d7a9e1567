"""A source of credentials that fails is named, at the start and in mid-run; what it printed is not told."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import boto3
import botocore.credentials
import botocore.exceptions
import botocore.session
import pytest

import layercheck as lc
from dispatch.scripted_server import Asked, Reply, ScriptedServer, good
from fake_account import SECRET, TOKEN
from layercheck import shard
from layercheck.dispatch.transport.selection import NAMES
from layercheck.limits import Limits
from layercheck.retry import RetryPolicy

ROWS = ["sha256:" + f"{number:064x}" for number in range(0, 600, 2)]
ROLE = "arn:aws:iam::123456789012:role/reader"
CLIENTS = (*NAMES, "session", "client")
"""Who makes the client: layercheck for each transport, layercheck from a session, or the caller."""


def soon() -> str:
    """An expiry so near that botocore renews the credentials for each call, without a clock in the test."""
    return (datetime.now(UTC) + timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ")


def keys(**changed: object) -> str:
    return json.dumps(
        {
            "Version": 1,
            "AccessKeyId": "AKID",
            "SecretAccessKey": SECRET,
            "SessionToken": TOKEN,
            "Expiration": soon(),
        }
        | changed
    )


class Source:
    """Answers as STS and as a container's endpoint of credentials, until `works` is False."""

    def __init__(self) -> None:
        self.works = True
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = json.dumps(
                    {"AccessKeyId": "AKID", "SecretAccessKey": SECRET, "Token": TOKEN, "Expiration": soon()}
                )
                outer._send(self, body, "application/json")

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                body = (
                    '<R xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleWithWebIdentityResult>'
                    f"<Credentials><AccessKeyId>AKID</AccessKeyId><SecretAccessKey>{SECRET}</SecretAccessKey>"
                    f"<SessionToken>{TOKEN}</SessionToken><Expiration>{soon()}</Expiration></Credentials>"
                    f"<AssumedRoleUser><Arn>{ROLE}</Arn><AssumedRoleId>A:b</AssumedRoleId></AssumedRoleUser>"
                    "</AssumeRoleWithWebIdentityResult></R>"
                )
                outer._send(self, body, "text/xml")

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def _send(self, handler: BaseHTTPRequestHandler, body: str, kind: str) -> None:
        handler.send_response(200 if self.works else 403)
        handler.send_header("Content-Type", kind)
        sent = (
            body.encode()
            if self.works
            else b"<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>"
        )
        handler.send_header("Content-Length", str(len(sent)))
        handler.end_headers()
        handler.wfile.write(sent)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class Home:
    """A user's folder with a helper, a token and a configuration."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, source: Source) -> None:
        self.folder = folder
        self.source = source
        self.token = folder / "token"
        self.token.write_text(TOKEN)
        self.helper = folder / "helper"
        self._monkeypatch = monkeypatch

    def prints(self, text: str, *, code: int = 0) -> str:
        """A profile whose helper prints this text on both streams."""
        (self.folder / "out").write_text(text)
        self.helper.write_text(f"#!/bin/sh\ncat {self.folder}/out\ncat {self.folder}/out >&2\nexit {code}\n")
        self.helper.chmod(0o700)
        return f"credential_process = {self.helper}"

    def without_profile(self, token: str) -> str:
        """An empty profile beside a file with this token."""
        self.token.write_text(token)
        return ""

    def refused_by_sts(self) -> str:
        """A profile with a web identity that STS refuses."""
        self.source.works = False
        return WEB_IDENTITY.format(token=self.token)

    def configure(self, profile: str, **environment: str) -> None:
        config = self.folder / "config"
        config.write_text(f"[profile mine]\n{profile}\n")
        self._monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
        for name, value in environment.items():
            self._monkeypatch.setenv(name, value)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    for name in [name for name in os.environ if name.startswith("AWS_") or name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_PROFILE", "mine")
    with Source() as source:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", source.url)
        yield Home(tmp_path, monkeypatch, source)


def check(url: str, made_by: str, **settings: Any) -> lc.Report:
    options: dict[str, Any] = {"endpoint_url": url, "region_name": "us-east-1"}
    if made_by == "client":
        options = {"client": boto3.Session().client("ecr", **options)}
    elif made_by == "session":
        options["session"] = boto3.Session()
    else:
        options["transport"] = made_by
    with lc.Checker("team/app", max_in_flight=1, **options, **settings) as checker:
        return checker.check(ROWS)


def everything_said(error: BaseException, caplog: pytest.LogCaptureFixture) -> str:
    """The exception with all that is chained to it, its report, and layercheck's own log."""
    said = [*traceback.format_exception(error), *caplog.messages]
    each: BaseException | None = error
    while each is not None:
        said.append(repr((each, each.args, vars(each))))
        each = each.__cause__ or each.__context__
    report = getattr(error, "report", None)
    return "\n".join([*said, repr(report and report.errors)])


WEB_IDENTITY = f"role_arn = {ROLE}\nweb_identity_token_file = {{token}}"

AT_THE_START: dict[str, tuple[Callable[[Home], tuple[str, dict[str, str]]], tuple[str, ...]]] = {
    "helper missing": (
        lambda home: ("credential_process = /nonexistent/helper", {}),
        ("credential_process of profile 'mine'", "cannot be started", "/nonexistent/helper"),
    ),
    "helper a folder": (
        lambda home: (f"credential_process = {home.folder}", {}),
        ("credential_process of profile 'mine'", "cannot be started", "Permission denied"),
    ),
    "helper with half a pair of quotation marks": (
        lambda home: (f"credential_process = '{home.helper}", {}),
        ("credential_process of profile 'mine'", "a quotation mark or a backslash without its partner"),
    ),
    "helper with a backslash at its end": (
        lambda home: (f"credential_process = {home.helper} \\", {}),
        ("credential_process of profile 'mine'", "a quotation mark or a backslash without its partner"),
    ),
    "helper prints no JSON": (
        lambda home: (home.prints(f"Please log in with {SECRET}"), {}),
        ("credential_process of profile 'mine'", "did not print a JSON object"),
    ),
    "helper prints bytes that are no text": (
        lambda home: ("credential_process = printf '\\377'", {}),
        ("credential_process of profile 'mine'",),
    ),
    "helper prints a list": (
        lambda home: (home.prints(json.dumps([SECRET])), {}),
        ("credential_process of profile 'mine'", "did not print a JSON object"),
    ),
    "helper prints no key": (
        lambda home: (home.prints(json.dumps({"Version": 1, "SecretAccessKey": SECRET})), {}),
        ("credential_process of profile 'mine'", "lacks Version 1, AccessKeyId"),
    ),
    "helper prints a bad date": (
        lambda home: (home.prints(keys(Expiration=f"tomorrow {SECRET}")), {}),
        ("credential_process of profile 'mine'", "Expiration that is not a date"),
    ),
    "helper prints a number for a date": (
        lambda home: (home.prints(keys(Expiration=17)), {}),
        ("credential_process of profile 'mine'", "Expiration that is not a date"),
    ),
    "helper fails and tells a secret": (
        lambda home: (home.prints(f"cannot use {SECRET}\n", code=3), {}),
        ("credential_process of profile 'mine'", "exit code 3", "is not shown"),
    ),
    "host not supported": (
        lambda home: ("", {"AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://192.0.2.1/c"}),
        ("the container's credentials", "Unsupported host", "check AWS_CONTAINER_CREDENTIALS_FULL_URI"),
    ),
    "pod token missing": (
        lambda home: (
            "",
            {
                "AWS_CONTAINER_CREDENTIALS_FULL_URI": home.source.url,
                "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "/nonexistent/token",
            },
        ),
        ("the container's credentials", "No such file", "/nonexistent/token"),
    ),
    "pod token with a line end": (
        lambda home: (
            home.without_profile(f"{TOKEN}\n"),
            {
                "AWS_CONTAINER_CREDENTIALS_FULL_URI": home.source.url,
                "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(home.token),
            },
        ),
        ("the container's credentials", "has a line end in it"),
    ),
    "keys incomplete in the environment": (
        lambda home: ("region = us-east-1", {"AWS_ACCESS_KEY_ID": "AKID"}),
        ("the environment", "AWS_SECRET_ACCESS_KEY"),
    ),
    "keys incomplete in the profile": (
        lambda home: ("aws_access_key_id = AKID", {}),
        ("of profile 'mine'", "aws_secret_access_key"),
    ),
    "configuration broken": (
        lambda home: ("][", {}),
        ("ConfigParseError", "config", "mend that file"),
    ),
    "metadata timeout not a number": (
        lambda home: ("metadata_service_timeout = soon", {}),
        ("the configuration of credentials", "profile 'mine'"),
    ),
}


@pytest.mark.parametrize(("broken", "said"), AT_THE_START.values(), ids=AT_THE_START)
@pytest.mark.parametrize("made_by", ["native", "session"])
def test_a_source_that_fails_when_the_client_is_made_is_named(
    home: Home,
    made_by: str,
    broken: Callable[[Home], tuple[str, dict[str, str]]],
    said: tuple[str, ...],
    caplog: pytest.LogCaptureFixture,
) -> None:
    profile, environment = broken(home)
    home.configure(profile, **environment)
    if made_by == "session" and profile == "][":
        pytest.skip("boto3 reads the configuration when the caller makes the session")
    with ScriptedServer() as server, pytest.raises(lc.CredentialsError) as caught:
        check(server.url, made_by)
    for words in said:
        assert words in str(caught.value)
    assert SECRET not in everything_said(caught.value, caplog)
    assert TOKEN not in everything_said(caught.value, caplog)
    assert not server.asked


AT_THE_FIRST_CALL: dict[str, tuple[Callable[[Home], str], tuple[str, ...]]] = {
    "web identity token missing": (
        lambda home: WEB_IDENTITY.format(token="/nonexistent/token"),
        ("the web identity token", "No such file or directory: /nonexistent/token", "AWS_WEB_IDENTITY_TOKEN"),
    ),
    "web identity token a folder": (
        lambda home: WEB_IDENTITY.format(token=home.folder),
        ("the web identity token", "Is a directory"),
    ),
    "web identity token refused by STS": (
        lambda home: home.refused_by_sts(),
        ("AccessDenied: the web identity token", "AssumeRoleWithWebIdentity"),
    ),
    "SSO token missing": (
        lambda home: (
            "sso_start_url = https://example.awsapps.com/start\nsso_region = us-east-1\n"
            "sso_account_id = 123456789012\nsso_role_name = reader"
        ),
        ("the SSO session", "aws sso login"),
    ),
    "helper prints expired keys": (
        lambda home: home.prints(keys(Expiration="2020-01-01T00:00:00Z")),
        ("credential_process", "still expired"),
    ),
    "helper prints a date without a time zone": (
        lambda home: home.prints(keys(Expiration="2020-01-01T00:00:00")),
        ("credential_process", "not a date with a time zone"),
    ),
}


@pytest.mark.parametrize(("broken", "said"), AT_THE_FIRST_CALL.values(), ids=AT_THE_FIRST_CALL)
@pytest.mark.parametrize("made_by", CLIENTS)
def test_a_source_that_fails_at_the_first_signature_is_named(
    home: Home,
    made_by: str,
    broken: Callable[[Home], str],
    said: tuple[str, ...],
    caplog: pytest.LogCaptureFixture,
) -> None:
    home.configure(broken(home))
    with ScriptedServer() as server, pytest.raises(lc.CredentialsError) as caught:
        check(server.url, made_by)
    for words in said:
        assert words in str(caught.value)
    assert (
        made_by == "client" or "profile 'mine'" in str(caught.value) or "--profile mine" in str(caught.value)
    )
    assert SECRET not in everything_said(caught.value, caplog)
    assert not server.asked


@pytest.mark.parametrize("made_by", CLIENTS)
def test_no_credentials_at_all_names_the_profile_and_what_was_not_asked(home: Home, made_by: str) -> None:
    home.configure("region = us-east-1")
    with ScriptedServer() as server, pytest.raises(lc.CredentialsError, match="Unable to locate") as caught:
        check(server.url, made_by)
    assert made_by == "client" or "(profile 'mine')" in str(caught.value)
    assert "AWS_EC2_METADATA_DISABLED is set, so no role of an instance was asked for" in str(caught.value)


IN_MID_RUN: dict[str, tuple[Callable[[Home], Any], Callable[[Home], Any], tuple[str, ...]]] = {
    "helper removed": (
        lambda home: home.configure(home.prints(keys())),
        lambda home: home.helper.unlink(missing_ok=True),
        ("credential_process", "cannot be started"),
    ),
    "helper prints a login page": (
        lambda home: home.configure(home.prints(keys())),
        lambda home: home.prints(f"log in with {SECRET}"),
        ("credential_process", "did not print a JSON object"),
    ),
    "helper fails": (
        lambda home: home.configure(home.prints(keys())),
        lambda home: home.prints(f"cannot use {SECRET}", code=255),
        ("credential_process", "exit code 255"),
    ),
    "web identity token removed": (
        lambda home: home.configure(WEB_IDENTITY.format(token=home.token)),
        lambda home: home.token.unlink(missing_ok=True),
        ("the web identity token", "No such file"),
    ),
    "pod token removed": (
        lambda home: home.configure(
            "",
            AWS_CONTAINER_CREDENTIALS_FULL_URI=home.source.url,
            AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=str(home.token),
        ),
        lambda home: home.token.unlink(missing_ok=True),
        ("the container's credentials", "No such file"),
    ),
    "container endpoint refuses": (
        lambda home: home.configure("", AWS_CONTAINER_CREDENTIALS_FULL_URI=home.source.url),
        lambda home: setattr(home.source, "works", False),
        ("the container's credentials", "403"),
    ),
}


@pytest.mark.parametrize(("begin", "breaks", "said"), IN_MID_RUN.values(), ids=IN_MID_RUN)
@pytest.mark.parametrize("made_by", CLIENTS)
def test_a_source_that_fails_in_mid_run_is_named_and_the_answers_are_kept(
    home: Home,
    made_by: str,
    begin: Callable[[Home], Any],
    breaks: Callable[[Home], Any],
    said: tuple[str, ...],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # botocore itself asks the container's endpoint three times with a pause between.
    monkeypatch.setattr("botocore.utils.ContainerMetadataFetcher.SLEEP_TIME", 0)
    begin(home)

    def answered(asked: Asked) -> Reply:
        breaks(home)
        return good(asked)

    with ScriptedServer(answered) as server, pytest.raises(lc.CredentialsError) as caught:
        check(server.url, made_by, _limits=Limits(tick_s=0.02, retry=RetryPolicy(renewal_attempts=2)))
    for words in said:
        assert words in str(caught.value)
    report: Any = caught.value.report
    assert len(server.asked) == 1
    assert report.unique_counts["available"] == 100
    assert SECRET not in everything_said(caught.value, caplog)


def _renewed_by_own_code() -> boto3.Session:
    """A session whose keys come from a function that raises with a secret in its text."""

    def renew() -> dict[str, str]:
        raise ValueError(f"the vault does not take the ticket {SECRET}")

    core: Any = botocore.session.Session()
    core._credentials = botocore.credentials.DeferredRefreshableCredentials(renew, "own")
    return boto3.Session(botocore_session=core, region_name="us-east-1")


def _found_by_own_provider() -> boto3.Session:
    """A session with a provider that raises as those of botocore do, with a secret in its text."""

    class Vault(botocore.credentials.CredentialProvider):
        METHOD = "vault"

        def load(self) -> Any:
            raise botocore.exceptions.CredentialRetrievalError(provider="vault", error_msg=f"ticket {SECRET}")

    core = botocore.session.Session()
    core.get_component("credential_provider").insert_before("env", Vault())
    return boto3.Session(botocore_session=core, region_name="us-east-1")


def _with_own_credentials() -> boto3.Session:
    """A session whose credentials are of a class that raises with a secret in its text."""

    class Vault(botocore.credentials.Credentials):
        def get_frozen_credentials(self) -> Any:
            raise ValueError(f"ticket {SECRET}")

    core: Any = botocore.session.Session()
    core._credentials = Vault("AKIDEXAMPLE", SECRET)
    return boto3.Session(botocore_session=core, region_name="us-east-1")


def _with_own_search() -> boto3.Session:
    """A session that looks for credentials in a way of its own, which raises with a secret in its text."""

    class Vault(botocore.session.Session):
        def get_credentials(self) -> Any:
            raise ValueError(f"ticket {SECRET}")

    return boto3.Session(botocore_session=Vault(), region_name="us-east-1")


def test_a_renewal_with_the_token_in_the_place_of_the_date_does_not_tell_the_token() -> None:
    def renew() -> dict[str, str]:
        return {"access_key": "AKID", "secret_key": SECRET, "token": soon(), "expiry_time": TOKEN}

    core: Any = botocore.session.Session()
    core._credentials = botocore.credentials.DeferredRefreshableCredentials(renew, "own")
    session = boto3.Session(botocore_session=core, region_name="us-east-1")
    with ScriptedServer() as server, pytest.raises(lc.CredentialsError) as caught:
        lc.check(ROWS, "team/app", session=session, endpoint_url=server.url)
    assert "its expiry_time is not a date with a time zone" in str(caught.value)
    assert TOKEN not in str(caught.value)


def test_a_tracer_that_wraps_calls_hides_no_words_of_botocore(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.configure(f"credential_process = {home.helper}-that-is-not-there")
    wrapped: dict[str, Any] = {
        "__name__": "sentry_sdk.integrations.stdlib",
        "begin": subprocess.Popen.__init__,
    }
    exec("def begin_traced(*given, **named):\n    return begin(*given, **named)", wrapped)  # noqa: S102
    monkeypatch.setattr(subprocess.Popen, "__init__", wrapped["begin_traced"])
    with ScriptedServer() as server, pytest.raises(lc.CredentialsError, match="the helper cannot be started"):
        check(server.url, "native")


@pytest.mark.parametrize(
    "session_of", [_renewed_by_own_code, _found_by_own_provider, _with_own_credentials, _with_own_search]
)
@pytest.mark.parametrize("transport", NAMES)
def test_a_provider_of_the_user_s_own_is_named_by_its_place_and_its_text_is_not_told(
    session_of: Callable[[], boto3.Session], transport: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with ScriptedServer() as server, pytest.raises(lc.CredentialsError) as caught:
        lc.check(ROWS, "team/app", session=session_of(), endpoint_url=server.url, transport=transport)
    assert "in test_credential_sources.py, line " in str(caught.value)
    assert SECRET not in everything_said(caught.value, caplog)
    assert not server.asked


@pytest.mark.parametrize(
    "name", ["_renewed_by_own_code", "_found_by_own_provider", "_with_own_credentials", "_with_own_search"]
)
def test_no_text_of_a_provider_of_the_user_s_own_comes_from_a_worker(name: str) -> None:
    with ScriptedServer() as server:
        settings = shard.Settings("team/app", session=f"{__name__}:{name}", endpoint_url=server.url)
        seen = shard.look(settings).to_json()
    assert "in test_credential_sources.py, line " in seen
    assert SECRET not in seen


def test_a_source_that_fails_once_is_asked_again(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.utils.ContainerMetadataFetcher.SLEEP_TIME", 0)
    home.configure("", AWS_CONTAINER_CREDENTIALS_FULL_URI=home.source.url)
    fetched = 0
    original = home.source._send

    def first_renewal_fails(*arguments: Any) -> None:
        nonlocal fetched
        fetched += 1
        home.source.works = not 2 < fetched < 6
        original(*arguments)

    monkeypatch.setattr(home.source, "_send", first_renewal_fails)
    with ScriptedServer() as server:
        assert check(server.url, "native").complete
    assert fetched > 6


def test_an_input_that_is_missing_is_not_blamed_on_credentials(home: Home) -> None:
    home.configure(home.prints(keys()))

    def rows() -> Iterator[str]:
        raise FileNotFoundError(2, "No such file or directory", "digests.txt")
        yield ""

    with (
        ScriptedServer() as server,
        lc.Checker("team/app", endpoint_url=server.url, region_name="us-east-1") as checker,
        pytest.raises(FileNotFoundError, match="digests"),
    ):
        checker.check(rows())
