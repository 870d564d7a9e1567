"""The messages on the page about failures are those that the command writes."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from docs.pages import ROOT
from layercheck.cli.main import main
from layercheck.testing import Fault, LocalEcr

PAGE = (ROOT / "docs" / "troubleshooting.md").read_text()
HELD = "sha256:" + "a0" * 32


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A file with one digest; credentials, and nothing of the machine's own."""
    for name in [name for name in os.environ if name.startswith("AWS_") or name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, os.devnull)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    (tmp_path / "digests.txt").write_text(f"{HELD}\n")
    return str(tmp_path / "digests.txt")


KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}


@pytest.mark.parametrize(
    ("message", "options", "environment", "faults"),
    [
        pytest.param("looked in your own registry", ("--region", "us-east-1"), KEYS, (), id="no repository"),
        pytest.param(
            "allow the action ecr:BatchCheckLayerAvailability on the repository",
            (),
            KEYS,
            (Fault("access_denied"),),
            id="denied",
        ),
        pytest.param(
            "NoCredentialsError: Unable to locate credentials",
            (),
            {"AWS_DEFAULT_REGION": "us-east-1"},
            (),
            id="no credentials",
        ),
        pytest.param("ProfileNotFound", ("--profile", "nobody"), KEYS, (), id="no profile"),
        pytest.param("ExpiredTokenException", (), KEYS, (Fault("expired_token"),), id="expired"),
        pytest.param(
            "the session token has a line end in it, which no HTTP header can hold",
            (),
            {**KEYS, "AWS_SESSION_TOKEN": "token\n"},
            (),
            id="token with a line end",
        ),
        pytest.param(
            "InvalidSignatureException",
            (),
            KEYS,
            (Fault("error", code="InvalidSignatureException"),),
            id="wrong signature",
        ),
        pytest.param(
            "the credentials are right and the region is not",
            ("--region", "eu-west-1"),
            KEYS,
            (),
            id="wrong region",
        ),
        pytest.param(
            "this answer did not come from ECR, but from a proxy, filter or gateway on the way",
            (),
            KEYS,
            (Fault("html"),),
            id="page",
        ),
        pytest.param(
            "the web identity token: No such file or directory",
            (),
            {
                "AWS_DEFAULT_REGION": "us-east-1",
                "AWS_WEB_IDENTITY_TOKEN_FILE": "/nonexistent/token",
                "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/reader",
            },
            (),
            id="no token",
        ),
        pytest.param(
            "the container's credentials",
            (),
            {
                "AWS_DEFAULT_REGION": "us-east-1",
                "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://192.0.2.1/",
            },
            (),
            id="host not allowed",
        ),
        pytest.param(
            "the source of credentials cannot be reached, and ECR was not asked",
            (),
            {
                "AWS_DEFAULT_REGION": "us-east-1",
                "AWS_WEB_IDENTITY_TOKEN_FILE": __file__,
                "AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/reader",
                "AWS_ENDPOINT_URL_STS": "http://127.0.0.1:9",
            },
            (),
            id="no STS",
        ),
        pytest.param(
            "check HTTP_PROXY; NO_PROXY lists the hosts that need no proxy",
            (),
            {**KEYS, "HTTP_PROXY": "http://127.0.0.1:9", "NO_PROXY": ""},
            (),
            id="no proxy",
        ),
    ],
)
def test_the_command_says_what_is_on_the_page(
    message: str,
    options: Sequence[str],
    environment: Mapping[str, str],
    faults: Sequence[Fault],
    rows: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    repository = "app" if message != "looked in your own registry" else "nothing"
    with LocalEcr({"app": [HELD]}, faults=faults) as ecr:
        assert main(["check", repository, rows, "--endpoint-url", ecr.endpoint_url, *options]) == 1
    assert message in capfd.readouterr().err
    assert message in PAGE


def test_without_a_region_the_command_says_what_is_on_the_page(
    rows: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", "app", rows]) == 1
    _, code, rest = capfd.readouterr().err.partition("NoRegionError")
    assert f"`{code}{rest.strip()}`" in PAGE
    assert code


def test_an_unknown_authority_is_named_as_on_the_page(
    rows: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    with LocalEcr({"app": [HELD]}, tls=True) as ecr:
        assert main(["check", "app", rows, "--endpoint-url", ecr.endpoint_url]) == 1
    assert "CERTIFICATE_VERIFY_FAILED" in capfd.readouterr().err
    assert "CERTIFICATE_VERIFY_FAILED" in PAGE


@pytest.mark.parametrize(
    ("message", "script"),
    [
        ("credential_process of profile 'mine': the helper cannot be started", "/nonexistent/helper"),
        ("the helper did not print a JSON object", "echo please log in"),
        ("the helper ended with exit code 3", "sh -c 'exit 3'"),
    ],
    ids=["missing", "login", "fails"],
)
def test_a_helper_that_fails_is_named_as_on_the_page(
    message: str,
    script: str,
    rows: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "config").write_text(f"[profile mine]\nregion = us-east-1\ncredential_process = {script}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    assert main(["check", "app", rows, "--profile", "mine"]) == 1
    assert message in capfd.readouterr().err
    assert message in PAGE


def test_tls_and_plain_http_are_told_apart_as_on_the_page(
    rows: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    messages = {
        "that server speaks no TLS: write http:// in --endpoint-url": (False, "https"),
        "that server does not speak HTTP: if it speaks TLS, write https:// in --endpoint-url": (True, "http"),
    }
    for message, (tls, scheme) in messages.items():
        with LocalEcr({"app": [HELD]}, tls=tls) as ecr:
            url = f"{scheme}://{ecr.endpoint_url.partition('://')[2]}"
            assert main(["check", "app", rows, "--endpoint-url", url]) == 1
        assert message in capfd.readouterr().err
        assert message in PAGE


def test_the_other_messages_about_the_network_are_those_of_the_package() -> None:
    """Those that need a proxy, a broken bundle or no network; `aws/test_network_advice.py` raises them."""
    source = (ROOT / "python" / "layercheck" / "aws" / "network_advice.py").read_text()
    for message in (
        "name a file with its certificate in AWS_CA_BUNDLE",
        "names a file that is missing or holds no certificate",
        "the proxy asks for a user name and password",
        "the proxy refuses the user name or password in",
        "raise the limit of open files (ulimit -n), or lower",
        "AWS_REGION says",
        "botocore knows no region",
    ):
        assert message in source
        assert message in PAGE


def test_the_messages_about_journals_are_those_of_the_package() -> None:
    table = PAGE.partition("## A journal is refused")[2].partition("\n## ")[0]
    messages = [
        line.split("`")[1].removesuffix(" ...") for line in table.splitlines() if line.startswith("| `")
    ]
    sources = "".join(path.read_text() for path in (ROOT / "python" / "layercheck" / "journal").glob("*.py"))
    assert len(messages) == 11
    missing = [each for each in messages if each.partition(" process")[0] not in sources]
    assert missing == []
