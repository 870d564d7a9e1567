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
        pytest.param("InvalidSignatureException", ("--region", "eu-west-1"), KEYS, (), id="wrong region"),
        pytest.param(
            "ProxyConnectionError",
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


def test_the_messages_about_journals_are_those_of_the_package() -> None:
    table = PAGE.partition("## A journal is refused")[2].partition("\n## ")[0]
    messages = [
        line.split("`")[1].removesuffix(" ...") for line in table.splitlines() if line.startswith("| `")
    ]
    sources = "".join(path.read_text() for path in (ROOT / "python" / "layercheck" / "journal").glob("*.py"))
    assert len(messages) == 10
    missing = [each for each in messages if each.partition(" process")[0] not in sources]
    assert missing == []
