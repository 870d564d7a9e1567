"""`layercheck check` from end to end: verdicts, exit codes and formats."""

import csv
import io
import json
import subprocess
from pathlib import Path

import pyarrow.ipc
import pyarrow.parquet
import pytest

from layercheck.testing import Fault, LocalEcr

from .conftest import COMMAND, Layercheck, digest

EXPECTED = ["available"] * 5 + ["archived"] * 2 + ["unavailable"] * 3


@pytest.mark.parametrize(
    ("fail_on", "code"),
    [
        pytest.param([], 3, id="default"),
        pytest.param(["--fail-on", "none"], 0, id="none"),
        pytest.param(["--fail-on", "archived"], 3, id="occurs"),
        pytest.param(["--fail-on", "REFUSED, other"], 0, id="does-not-occur"),
        pytest.param(["--fail-on", "available"], 3, id="available"),
    ],
)
def test_the_exit_code_follows_fail_on(
    check: Layercheck, digests: Path, fail_on: list[str], code: int
) -> None:
    ended = check("app", digests, *fail_on)
    assert ended.code == code
    assert ended.err == ""


def test_all_available_is_code_0(check: Layercheck) -> None:
    ended = check("app", stdin=f"{digest(1)}\n".encode())
    assert ended.code == 0
    assert "1 call in" in ended.out


def test_the_summary_shows_counts_shares_and_calls(check: Layercheck, digests: Path) -> None:
    words = check("app", digests).out.split()
    for word, count, share in (
        ("available", "5", "50.0"),
        ("archived", "2", "20.0"),
        ("unavailable", "3", "30.0"),
    ):
        at = words.index(word)
        assert words[at + 1 : at + 5] == [count, count, share, "%"]
    assert "digests/s" in words


def test_bad_rows_are_shown_with_row_and_reason_and_without_control_characters(check: Layercheck) -> None:
    rows = [digest(1), "\x1b[2J\x1b]0;\u202eowned\x07" + digest(2), "", "latest", digest(1)[:40]]
    ended = check("app", stdin="\n".join(rows).encode())
    assert ended.code == 3
    for character in "\x1b\x07\u202e":
        assert character not in ended.out
    assert "\\x1b[2J" in ended.out
    assert "\\u202e" in ended.out
    assert "invalid rows by kind" in ended.out
    assert "is not hexadecimal" in ended.out


def test_what_the_service_refuses_is_shown_with_its_reason(
    check: Layercheck, local_ecr: LocalEcr, digests: Path
) -> None:
    local_ecr.set_faults([Fault("poison", digests=(digest(3),))])
    ended = check("app", digests)
    assert ended.code == 3
    assert "refused rows, 1 of 1" in ended.out
    assert digest(3) in ended.out
    assert "InvalidParameterException" in ended.out


def test_unknown_availability_words_are_shown(check: Layercheck, local_ecr: LocalEcr) -> None:
    local_ecr.set_faults([Fault("unknown_availability", share=1.0, word="MISLAID\x1b[31m")])
    ended = check("app", stdin=digest(1).encode())
    assert ended.code == 3
    assert "other rows, 1 of 1" in ended.out
    assert "MISLAID" in ended.out
    assert "\x1b" not in ended.out


def test_rows_stream_as_json_lines_with_the_summary_on_standard_error(
    check: Layercheck, digests: Path
) -> None:
    ended = check("app", digests, "-", "--format", "jsonl", stdin=b"junk\n")
    rows = [json.loads(line) for line in ended.out.splitlines()]
    assert [row["verdict"] for row in rows] == [*EXPECTED, "invalid"]
    assert [row["row"] for row in rows] == list(range(11))
    assert rows[10]["input"] == "junk"
    assert "unavailable" in ended.err


def test_quiet_still_writes_the_rows(check: Layercheck, digests: Path) -> None:
    ended = check("app", digests, "--format", "csv", "--quiet")
    assert [row["verdict"] for row in csv.DictReader(io.StringIO(ended.out))] == EXPECTED
    assert ended.err == ""
    silent = check("app", digests, "-q")
    assert (silent.code, silent.out, silent.err) == (3, "", "")


@pytest.mark.parametrize("format_", ["parquet", "arrow"])
def test_binary_formats_go_through_a_pipe(
    local_ecr: LocalEcr, environment: dict[str, str], digests: Path, format_: str
) -> None:
    arguments = ["check", "app", str(digests), "--format", format_, "--endpoint-url", local_ecr.endpoint_url]
    done = subprocess.run([*COMMAND, *arguments], env=environment, capture_output=True, check=False)
    assert done.returncode == 3
    source = io.BytesIO(done.stdout)
    table = (
        pyarrow.parquet.read_table(source)
        if format_ == "parquet"
        else pyarrow.ipc.open_file(source).read_all()
    )
    assert table.column("verdict").to_pylist() == EXPECTED


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet", "arrow"])
def test_the_suffix_of_the_file_is_its_format(
    check: Layercheck, digests: Path, tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"report.{suffix}"
    ended = check("app", digests, "-o", path)
    assert ended.code == 3
    assert f"report: {path}" in ended.out
    if suffix == "parquet":
        verdicts = pyarrow.parquet.read_table(path).column("verdict").to_pylist()
    elif suffix == "arrow":
        with pyarrow.ipc.open_file(path) as file:
            verdicts = file.read_all().column("verdict").to_pylist()
    elif suffix == "csv":
        verdicts = [row["verdict"] for row in csv.DictReader(path.read_text().splitlines())]
    else:
        verdicts = [json.loads(line)["verdict"] for line in path.read_text().splitlines()]
    assert verdicts == EXPECTED
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["digests.txt", "home", path.name]


def test_format_wins_over_the_suffix_and_links_keep_pointing(
    check: Layercheck, digests: Path, tmp_path: Path
) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.write_text("old")
    link.symlink_to(real)
    check("app", digests, "-o", link, "--format", "csv")
    assert link.is_symlink()
    assert real.read_text().startswith("row,digest,verdict")


def test_an_empty_input_is_an_error_unless_it_is_allowed(check: Layercheck, tmp_path: Path) -> None:
    empty, report = tmp_path / "empty", tmp_path / "report.jsonl"
    empty.touch()
    ended = check("app", empty, "-o", report, "--journal", tmp_path / "run.journal")
    assert ended.code == 1
    assert "no digests in the input" in ended.err
    assert not report.exists()
    assert not (tmp_path / "run.journal").exists()
    ended = check("app", empty, "-o", report, "--allow-empty")
    assert ended.code == 0
    assert report.read_text() == ""


def test_an_input_without_one_digest_has_its_hint_beside_the_report(
    check: Layercheck, local_ecr: LocalEcr, tmp_path: Path
) -> None:
    path = tmp_path / "quoted"
    path.write_text("".join(f'"{digest(number)}",\n' for number in range(20)))
    ended = check("app", path, "--quiet", "--format", "csv")
    assert ended.code == 3
    assert ended.err.count("jq -r") == 1
    assert ended.out.count(",invalid,") == 20
    assert local_ecr.counters.calls == 0


@pytest.mark.parametrize(("missing", "present"), [(10, 0), (10, 1), (9, 0)])
def test_only_if_everything_is_unavailable_the_likely_reasons_are_said(
    check: Layercheck, missing: int, present: int
) -> None:
    rows = [digest(number) for number in [*range(100, 100 + missing), *range(present)]]
    stdin = "\n".join([*rows, "latest"]).encode()
    ended = check("app", stdin=stdin)
    assert ended.code == 3
    told = (missing, present) == (10, 0)
    assert ("every digest is unavailable: they may be digests of manifests" in ended.err) == told
    assert "every digest" not in check("app", "--quiet", stdin=stdin).err


def test_a_binary_input_is_all_invalid_with_a_note(
    check: Layercheck, local_ecr: LocalEcr, tmp_path: Path
) -> None:
    path = tmp_path / "program"
    path.write_bytes(b"\x7fELF\x00\x01\n\x1b[31m\xff\xfe\n" * 100)
    ended = check("app", path)
    assert ended.code == 3
    assert "looks binary" in ended.err
    assert "\x1b" not in ended.out + ended.err
    assert local_ecr.counters.calls == 0


def test_dry_run_asks_nothing_and_needs_no_credentials(
    layercheck: Layercheck, local_ecr: LocalEcr, digests: Path
) -> None:
    no_credentials = dict.fromkeys(
        [
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_SESSION_TOKEN",
            "AWS_REGION",
            "AWS_DEFAULT_REGION",
        ]
    )
    ended = layercheck(
        "check",
        "app",
        digests,
        "--dry-run",
        "--format",
        "jsonl",
        "--endpoint-url",
        local_ecr.endpoint_url,
        env=no_credentials,
    )
    assert ended.code == 0
    assert json.loads(ended.out)["calls"] == 1
    assert "dry run" in ended.err
    assert local_ecr.counters.requests == 0


@pytest.mark.parametrize(
    ("reference", "place"),
    [
        (
            "123456789012.dkr.ecr.eu-isoe-west-1.cloud.adc-e.uk/team/app",
            "team/app, registry 123456789012, region eu-isoe-west-1",
        ),
        (
            "ecr.aws/arn:aws:ecr:eu-west-1:123456789012:repository/team/app",
            "team/app, registry 123456789012, region eu-west-1",
        ),
        ("gallery.ecr.aws/abcd1234/team/app", "team/app of ECR Public, registry abcd1234"),
        ("OCI://Public.ECR.aws/abcd1234/team/app/", "team/app of ECR Public, registry abcd1234"),
        ("team/app", "team/app"),
    ],
    ids=["isoe", "arn-behind-a-host", "gallery", "capitals", "name"],
)
def test_a_dry_run_says_which_repository_a_reference_names(
    layercheck: Layercheck, digests: Path, reference: str, place: str
) -> None:
    ended = layercheck("check", reference, digests, "--dry-run")
    assert ended.code == 0
    assert f"dry run: nothing is sent to {place}\n" in ended.err


def test_incomplete_is_code_4_with_the_command_to_run_again(
    check: Layercheck, local_ecr: LocalEcr, digests: Path, tmp_path: Path
) -> None:
    local_ecr.set_faults([Fault("omit", share=0.2)])
    ended = check("app", digests, "-o", tmp_path / "a b.csv")
    assert ended.code == 4
    assert "unanswered" in ended.out
    said, command = ended.err.splitlines()
    assert said.endswith(" of 10 rows have no answer; to ask again:")
    assert f"layercheck check app {digests} -o '{tmp_path}/a b.csv'" in command
    assert "unanswered" in (tmp_path / "a b.csv").read_text()


def test_after_the_timeout_the_answers_so_far_are_shown_with_code_4(
    check: Layercheck, local_ecr: LocalEcr, tmp_path: Path
) -> None:
    path = tmp_path / "many.txt"
    path.write_text("".join(f"{digest(number)}\n" for number in range(1000)))
    local_ecr.set_faults([Fault("latency", ms=600_000, calls=(4, None))])
    ended = check("app", path, "--timeout", "0.5", "--fail-on", "none")
    assert ended.code == 4
    assert "the time of --timeout is up: 700 of 1,000 rows have no answer; to ask again:\n" in ended.err
    assert check("app", path, "--timeout", "0").code == 2


def test_a_service_that_stops_answering_is_code_4(
    check: Layercheck, local_ecr: LocalEcr, tmp_path: Path
) -> None:
    path = tmp_path / "many.txt"
    # More batches than may wait for a retry, so that some stay unasked however late the last answers come.
    path.write_text("".join(f"{digest(number)}\n" for number in range(40_000)))
    local_ecr.set_faults([Fault("server_error", calls=(31, None))])
    ended = check("app", path, "--rate", "max", "--fail-on", "none")
    assert ended.code == 4
    assert "the service stopped answering: " in ended.err
    assert "to ask again:\n" in ended.err


def test_a_fatal_error_in_mid_run_keeps_the_answers_so_far(
    check: Layercheck, local_ecr: LocalEcr, tmp_path: Path
) -> None:
    local_ecr.set_faults([Fault("expired_token", calls=(2, None))])
    path = tmp_path / "report.csv"
    rows = "".join(f"{digest(number)}\n" for number in range(30)).encode()
    ended = check("app", "--batch-size", "5", "--max-in-flight", "1", "-o", path, stdin=rows)
    assert ended.code == 1
    assert "ExpiredToken" in ended.err
    assert ended.err.count("\n") == 1
    verdicts = [row["verdict"] for row in csv.DictReader(path.read_text().splitlines())]
    assert verdicts[:5] == ["available"] * 5
    assert set(verdicts[5:]) <= {"not_checked", "unanswered"}


def test_a_uri_gives_registry_and_region_and_its_tag_is_ignored(
    check: Layercheck, local_ecr: LocalEcr, digests: Path
) -> None:
    ended = check(
        "123456789012.dkr.ecr.eu-west-1.amazonaws.com/app:v1", digests, env={"AWS_REGION": "us-east-1"}
    )
    assert ended.code == 3
    assert "':v1' behind the name is ignored" in ended.err
    assert local_ecr.calls[0].registry_id == "123456789012"
    assert "eu-west-1" in ended.out


def test_public_asks_the_public_service(layercheck: Layercheck, digests: Path) -> None:
    with LocalEcr({"app": [digest(1)]}) as ecr:
        ended = layercheck(
            "check", "app", digests, "--public", "--region", "us-east-1", "--endpoint-url", ecr.endpoint_url
        )
        assert ended.code == 3
        assert ecr.calls[0].service == "ecr-public"


def test_rate_and_in_flight_reach_the_service(check: Layercheck, local_ecr: LocalEcr) -> None:
    rows = "".join(f"{digest(number)}\n" for number in range(60)).encode()
    assert check("app", "--batch-size", "10", "--max-in-flight", "1", "--rate", "max", stdin=rows).code == 3
    assert local_ecr.counters.max_in_flight == 1
    assert local_ecr.counters.calls == 6
