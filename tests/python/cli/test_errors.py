"""Failures: one line that says what to do, exit code 1, and nothing on standard output."""

import socket
import subprocess
from pathlib import Path

import pytest

from layercheck.testing import Fault, LocalEcr

from .conftest import COMMAND, Ended, Layercheck, digest


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
    no_credentials = dict.fromkeys(["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"])
    says(check("app", digests, env=no_credentials), "NoCredentials", "aws configure", "--profile")


def test_a_profile_that_does_not_exist(check: Layercheck, digests: Path) -> None:
    says(check("app", digests, "--profile", "nope"), "nope", "aws configure list-profiles")


def test_no_region(check: Layercheck, digests: Path) -> None:
    nowhere = dict.fromkeys(["AWS_REGION", "AWS_DEFAULT_REGION"])
    says(check("app", digests, env=nowhere), "--region")


def test_credentials_of_another_region(check: Layercheck, digests: Path) -> None:
    ended = check("app", digests, "--region", "us-west-2")
    says(ended, "Credential should be scoped", "the credentials are right", "check --region")


def test_a_helper_that_is_missing_is_not_taken_for_an_input(
    check: Layercheck, digests: Path, tmp_path: Path
) -> None:
    (tmp_path / "config").write_text("[profile mine]\ncredential_process = /nonexistent/helper\n")
    settings = {"AWS_CONFIG_FILE": str(tmp_path / "config")}
    ended = check("app", digests, "--profile", "mine", env=settings)
    says(ended, "credential_process of profile 'mine'", "/nonexistent/helper", "run the helper by hand")
    says(check("app", "nothing.txt", "--profile", "mine", env=settings), "nothing.txt")


def test_a_token_that_is_missing_is_not_asked_for_again_for_ever(
    check: Layercheck, digests: Path, tmp_path: Path
) -> None:
    role = "role_arn = arn:aws:iam::123456789012:role/r\nweb_identity_token_file = /nonexistent/token\n"
    (tmp_path / "config").write_text(f"[profile mine]\n{role}")
    ended = check("app", digests, "--profile", "mine", env={"AWS_CONFIG_FILE": str(tmp_path / "config")})
    says(
        ended, "the web identity token", "/nonexistent/token", "profile 'mine'", "AWS_WEB_IDENTITY_TOKEN_FILE"
    )


def test_a_region_that_does_not_exist(layercheck: Layercheck, digests: Path) -> None:
    says(layercheck("check", "app", digests, "--region", "eu-nowhere-9"), "eu-nowhere-9", "--region")


def test_a_region_with_an_invalid_name(check: Layercheck, digests: Path) -> None:
    says(check("app", digests, "--region", "not a region"), "check --region, AWS_REGION")


def test_a_region_without_ecr_public(layercheck: Layercheck, digests: Path) -> None:
    says(layercheck("check", "app", digests, "--public", "--region", "eu-west-1"), "us-east-1", "--region")


def test_an_endpoint_that_is_down(layercheck: Layercheck, digests: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    says(layercheck("check", "app", digests, "--endpoint-url", url), url, "check --endpoint-url")


@pytest.mark.parametrize(
    ("output", "said"),
    [
        pytest.param("no/such/folder/report.csv", "does not exist; make it first", id="no-folder"),
        pytest.param("home", "is a directory", id="directory"),
        pytest.param("/dev/null", "not a file", id="device"),
        pytest.param("/dev/stdout", "use -o - for standard output", id="standard-output"),
        pytest.param("/dev/fd/1", "use -o - for standard output", id="descriptor"),
        pytest.param("digests.txt", "would be overwritten", id="input"),
        pytest.param("/proc/report.csv", "cannot write in", id="unwritable"),
    ],
)
def test_an_output_that_cannot_be_written_is_reported_before_any_call(
    check: Layercheck, local_ecr: LocalEcr, digests: Path, output: str, said: str
) -> None:
    says(check("app", digests, "-o", output, "--format", "csv"), said)
    assert local_ecr.counters.requests == 0
    assert len(digests.read_text().splitlines()) == 10


def test_a_folder_without_permission(check: Layercheck, local_ecr: LocalEcr, tmp_path: Path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    says(
        check("app", "-o", folder / "report.csv", as_common_user=True), "cannot write in", "permission denied"
    )
    assert local_ecr.counters.requests == 0


def test_a_full_standard_output_is_reported(
    environment: dict[str, str], local_ecr: LocalEcr, digests: Path
) -> None:
    for extra in ([], ["--format", "jsonl", "-q"], ["--format", "parquet", "-q"]):
        arguments = ["check", "app", str(digests), "--endpoint-url", local_ecr.endpoint_url, *extra]
        with Path("/dev/full").open("wb") as full:
            done = subprocess.run(
                [*COMMAND, *arguments], env=environment, stdout=full, stderr=subprocess.PIPE, check=False
            )
        assert done.returncode == 1
        assert b"no space left" in done.stderr.lower()
        assert done.stderr.count(b"\n") == 1


def test_parquet_without_pyarrow_is_reported_before_any_call(
    check: Layercheck, local_ecr: LocalEcr, digests: Path, tmp_path: Path
) -> None:
    # An interpreter without pyarrow, as after a plain `pip install layercheck`.
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['pyarrow'] = None\n")
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
