"""Runs the real command in its own process, against a local endpoint."""

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from layercheck.testing import LocalEcr

COMMAND = [sys.executable, "-m", "layercheck"]
# Root ignores permission bits; without these capabilities they apply to root too.
_CAPABILITIES = "-dac_override,-dac_read_search"
_COMMON_USER = (
    ("setpriv", "--inh-caps", _CAPABILITIES, "--bounding-set", _CAPABILITIES) if os.geteuid() == 0 else ()
)
SECRET = "MARKER/secret+key=" + "s" * 22
TOKEN = "MARKER-session-token-" + "t" * 40


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


Layercheck = Callable[..., Ended]


def digest(number: int) -> str:
    return "sha256:" + hashlib.sha256(str(number).encode()).hexdigest()


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The environment of a user with credentials, without the settings of this machine."""
    home = tmp_path / "home"
    home.mkdir()
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "AWS_ACCESS_KEY_ID": "AKIAMARKERMARKERMARK",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_SESSION_TOKEN": TOKEN,
        "AWS_REGION": "eu-west-1",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@pytest.fixture
def layercheck(environment: dict[str, str], tmp_path: Path) -> Layercheck:
    def run(
        *arguments: str | Path,
        stdin: bytes = b"",
        env: Mapping[str, str | None] | None = None,
        cwd: Path | None = None,
        as_common_user: bool = False,
    ) -> Ended:
        changed = environment | {key: value for key, value in (env or {}).items() if value is not None}
        for key, value in (env or {}).items():
            if value is None:
                changed.pop(key, None)
        done = subprocess.run(
            [*(_COMMON_USER if as_common_user else ()), *COMMAND, *map(str, arguments)],
            input=stdin,
            capture_output=True,
            env=changed,
            cwd=cwd or tmp_path,
            check=False,
        )
        ended = Ended(done.returncode, done.stdout.decode(), done.stderr.decode())
        # Every test also checks that no output holds a credential or a traceback.
        for secret in (SECRET, TOKEN):
            assert secret not in ended.out + ended.err
        assert "Traceback" not in ended.err
        return ended

    return run


@pytest.fixture
def local_ecr() -> Iterator[LocalEcr]:
    """An endpoint whose repository `app` holds digests 0 to 4, and 5 and 6 as archived ones."""
    with LocalEcr(
        {"app": [digest(number) for number in range(5)], "empty": ()}, region_name="eu-west-1"
    ) as ecr:
        ecr.put("app", [digest(5), digest(6)], availability="ARCHIVED")
        yield ecr


@pytest.fixture
def check(layercheck: Layercheck, local_ecr: LocalEcr) -> Layercheck:
    """`layercheck check` against `local_ecr`; the first argument is REPOSITORY."""

    def run(*arguments: str | Path, **settings: Any) -> Ended:
        return layercheck("check", *arguments, "--endpoint-url", local_ecr.endpoint_url, **settings)

    return run


@pytest.fixture
def digests(tmp_path: Path) -> Path:
    """Ten digests: five available, two archived, three unavailable."""
    path = tmp_path / "digests.txt"
    path.write_text("".join(f"{digest(number)}\n" for number in range(10)))
    return path
