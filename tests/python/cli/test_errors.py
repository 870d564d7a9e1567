"""What goes wrong is said in one line, with what to do; exit code 1; nothing on standard output."""

import os
import socket
from pathlib import Path

import pytest

from layercheck.testing import Fault, LocalEcr

from .conftest import Ended, Layercheck, digest


def says(ended: Ended, *words: str) -> None:
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith("layercheck: ")
    assert ended.err.count("\n") == 1
    for word in words:
        assert word in ended.err


def test_a_repository_that_does_not_exist(check: Layercheck, digests: Path) -> None:
    says(check("nowhere", digests), "nowhere", "RepositoryNotFound", "eu-west-1", "--registry-id", "--region")


def test_access_denied_names_the_action(check: Layercheck, local_ecr: LocalEcr, digests: Path) -> None:
    local_ecr.set_faults([Fault("access_denied")])
    says(check("app", digests), "AccessDenied", "ecr:BatchCheckLayerAvailability")


def test_expired_credentials(check: Layercheck, local_ecr: LocalEcr, digests: Path) -> None:
    local_ecr.set_faults([Fault("expired_token")])
    says(check("app", digests), "ExpiredToken", "aws sso login", "--profile")


def test_no_credentials(check: Layercheck, digests: Path) -> None:
    nobody = dict.fromkeys(["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"])
    says(check("app", digests, env=nobody), "NoCredentials", "aws configure", "--profile")


def test_a_profile_that_does_not_exist(check: Layercheck, digests: Path) -> None:
    says(check("app", digests, "--profile", "nope"), "nope", "aws configure list-profiles")


def test_no_region(check: Layercheck, digests: Path) -> None:
    nowhere = dict.fromkeys(["AWS_REGION", "AWS_DEFAULT_REGION"])
    says(check("app", digests, env=nowhere), "--region")


def test_credentials_of_another_region(check: Layercheck, digests: Path) -> None:
    says(check("app", digests, "--region", "us-west-2"), "eu-west-1")


def test_a_region_that_does_not_exist(layercheck: Layercheck, digests: Path) -> None:
    says(layercheck("check", "app", digests, "--region", "eu-nowhere-9"), "eu-nowhere-9", "--region")


def test_a_region_that_is_no_region(check: Layercheck, digests: Path) -> None:
    says(check("app", digests, "--region", "not a region"), "--region")


def test_a_region_without_ecr_public(layercheck: Layercheck, digests: Path) -> None:
    says(layercheck("check", "app", digests, "--public", "--region", "eu-west-1"), "us-east-1", "--region")


def test_an_account_id_that_is_none(check: Layercheck, digests: Path) -> None:
    says(check("app", digests, "--registry-id", "12"), "12 digits", "--registry-id")


def test_an_endpoint_that_is_down(layercheck: Layercheck, digests: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    says(layercheck("check", "app", digests, "--endpoint-url", url), url, "check --endpoint-url")


@pytest.mark.parametrize(
    ("output", "said"),
    [
        pytest.param("no/such/folder/report.csv", "there is no folder", id="no-folder"),
        pytest.param("home", "is a directory", id="directory"),
        pytest.param("/dev/null", "not a file", id="device"),
        pytest.param("digests.txt", "would be overwritten", id="input"),
        pytest.param("/proc/report.csv", "cannot write in", id="unwritable"),
    ],
)
def test_an_output_that_cannot_be_written_is_said_before_anything_is_asked(
    check: Layercheck, local_ecr: LocalEcr, digests: Path, output: str, said: str
) -> None:
    says(check("app", digests, "-o", output, "--format", "csv"), said)
    assert local_ecr.counters.requests == 0
    assert len(digests.read_text().splitlines()) == 10


def test_an_unwritable_folder(layercheck: Layercheck, tmp_path: Path) -> None:
    # As somebody else, if the tests run as root, who may write anywhere.
    user = 65534 if os.geteuid() == 0 else None
    folder = Path("/usr") if user is None else tmp_path.parent
    ended = layercheck("check", "app", "-o", folder / "report.csv", user=user)
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.count("\n") == 1


def test_a_full_disk_is_said_and_the_summary_still_shown(check: Layercheck, digests: Path) -> None:
    # A file in /dev/full's manner needs a full file system; standard output can be sent there instead.
    import subprocess

    from .conftest import COMMAND

    arguments = ["plan", str(digests), "--format", "jsonl"]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([*COMMAND, *arguments], stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 1
    assert b"no space left" in done.stderr.lower()
    assert done.stderr.count(b"\n") == 1


def test_parquet_without_pyarrow_is_said_before_anything_is_asked(
    check: Layercheck, local_ecr: LocalEcr, digests: Path, tmp_path: Path
) -> None:
    # An interpreter that finds no pyarrow, as after a plain `pip install layercheck`.
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "class Hidden:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] == 'pyarrow':\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Hidden())\n"
    )
    ended = check("app", digests, "-o", "report.parquet", env={"PYTHONPATH": str(tmp_path)})
    says(ended, "pyarrow", "pip install 'layercheck[parquet]'")
    assert local_ecr.counters.requests == 0


def test_html_in_place_of_answers_is_an_endpoint_error(
    check: Layercheck, local_ecr: LocalEcr, digests: Path
) -> None:
    local_ecr.set_faults([Fault("html")])
    ended = check("app", digests)
    assert ended.code in {1, 4}
    assert digest(1) not in ended.err
