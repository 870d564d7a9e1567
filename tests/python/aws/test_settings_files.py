"""A settings file that the environment names and that is not there is named with the failure it leads to."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

import layercheck as lc

ROWS = ["sha256:" + "a0" * 32]
FILES = ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No source of credentials but files, which are empty."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in FILES:
        (tmp_path / name).touch()
        monkeypatch.setenv(name, str(tmp_path / name))
    return tmp_path


def said(profile: str | None = None, region: str | None = "us-east-1") -> str:
    with contextlib.ExitStack() as stack:
        caught = stack.enter_context(pytest.raises(lc.LayercheckError))
        checker = lc.Checker(
            "app", region_name=region, endpoint_url="http://127.0.0.1:9", profile_name=profile
        )
        stack.enter_context(checker)
        checker.check(ROWS)
    return str(caught.value)


@pytest.mark.parametrize("profile", [None, "mine"], ids=["no credentials", "no such profile"])
@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(
    monkeypatch: pytest.MonkeyPatch, no_keys: Path, name: str, profile: str | None
) -> None:
    missing = str(no_keys / "moved" / "settings")
    monkeypatch.setenv(name, missing)
    message = said(profile)
    assert f"{name} names {missing!r}, and no such file is there" in message
    assert message.count("no such file") == 1
    assert "\n" not in message


def test_both_missing_files_are_named(monkeypatch: pytest.MonkeyPatch, no_keys: Path) -> None:
    for name in FILES:
        monkeypatch.setenv(name, "~/nowhere\x1b/settings")
    message = said()
    assert all(f"{name} names" in message for name in FILES)
    assert "\x1b" not in message


def test_a_missing_file_is_named_where_no_region_is_found(
    monkeypatch: pytest.MonkeyPatch, no_keys: Path
) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    assert "no such file" not in said(region=None)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(no_keys / "moved"))
    assert "AWS_CONFIG_FILE names" in said(region=None)


@pytest.mark.parametrize("profile", [None, "mine"])
def test_files_that_are_there_are_not_blamed(profile: str | None) -> None:
    assert "AWS_CONFIG_FILE" not in said(profile)
