"""`layercheck serve` and `layercheck demo`, as a new user runs them."""

import json
import signal
import subprocess
from collections import Counter
from functools import partial
from pathlib import Path

import boto3
import pyarrow.parquet
import pytest

from layercheck.cli.sample_data import expected_verdict, write_sample
from layercheck.planning import plan
from layercheck.verdict import Verdict
from made_manifests import OCI_MANIFEST, digest_of, image

from .conftest import COMMAND, SECRET, Layercheck, digest


def test_what_serve_prints_works_when_pasted(environment: dict[str, str], tmp_path: Path) -> None:
    held = tmp_path / "held.txt"
    held.write_text(f"{digest(1)}\n{digest(2).upper()}\n")
    command = [
        *COMMAND,
        "serve",
        "--repository",
        f"team/app={held}",
        "--repository",
        "rule",
        "--latency-ms",
        "1",
    ]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        url = process.stdout.readline().strip()
        told = [process.stderr.readline() for _ in range(7)]
        assert told[0] == f"team/app holds 2 digests of {held}\n"
        assert told[1] == "rule holds every digest that ends in an even hex digit\n"
        pasted = next(line for line in told if "layercheck check" in line).strip()
        assert url in pasted
        # The shell gets the line unchanged except for the name of the command, and an empty environment.
        pasted = pasted.replace("layercheck check", f"{COMMAND[0]} -m layercheck check") + " --format jsonl"
        bare = {key: value for key, value in environment.items() if not key.startswith("AWS_")}
        done = subprocess.run(["bash", "-c", pasted], env=bare, capture_output=True, check=False)
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        assert [row["verdict"] for row in rows] == ["available", "available"]
        piped = pasted.replace("team/app", "rule").replace(str(held), "")
        done = subprocess.run(
            ["bash", "-c", f"printf 'sha256:%064d\\n' 1 2 3 | {piped}"],
            env=bare,
            capture_output=True,
            check=False,
        )
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        assert [row["verdict"] for row in rows] == ["unavailable", "available", "unavailable"]
        process.send_signal(signal.SIGINT)
        _, rest = process.communicate()
    assert process.returncode == 0
    assert "2 calls for 5 digests" in rest
    assert SECRET not in "".join(told) + rest


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--throttle", "fast"], 2, "200:400"),
        (["--repository", "Bad Name"], 2, "Bad Name"),
        (["--repository", "app=missing.txt"], 1, "no such file"),
        (["--oci-layout", "."], 1, "index.json"),
        (["--fraction", "2"], 2, "--fraction"),
    ],
)
def test_a_failure_of_serve_is_one_line(
    layercheck: Layercheck, arguments: list[str], code: int, said: str
) -> None:
    ended = layercheck("serve", *arguments)
    assert (ended.code, ended.out) == (code, "")
    assert said in ended.err
    assert ended.err.count("\n") == 1


def test_the_demo_ignores_the_users_settings_and_every_row_is_right(
    layercheck: Layercheck, tmp_path: Path
) -> None:
    (tmp_path / "home/.aws").mkdir()
    (tmp_path / "home/.aws/config").write_text("not a configuration file")
    ended = layercheck(
        "demo",
        *("--digests", "20000", "--latency-ms", "0"),
        env={
            "AWS_ACCESS_KEY_ID": None,
            "AWS_SECRET_ACCESS_KEY": None,
            "AWS_PROFILE": "nope",
            "HTTP_PROXY": "http://127.0.0.1:1",
            "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        },
    )
    assert ended.code == 0, ended.err
    assert "all 20,000 verdicts are right" in ended.out
    report = tmp_path / "layercheck-demo/report.parquet"
    assert str(report) in ended.out
    verdicts = Counter(pyarrow.parquet.read_table(report).column("verdict").to_pylist())
    assert sum(verdicts.values()) == 20_000
    assert set(verdicts) == {"available", "unavailable", "archived", "invalid"}


def test_the_sample_file_matches_its_description_and_is_reproducible(tmp_path: Path) -> None:
    sample = write_sample(tmp_path / "a", 5000)
    again = write_sample(tmp_path / "b", 5000)
    assert sample.path.read_bytes() == again.path.read_bytes()
    offline = plan(sample.path)
    assert (offline.rows, offline.unique) == (5000, sample.unique)
    assert offline.invalid == sample.expected.count(Verdict.INVALID)
    assert min(offline.spellings.values()) > 0
    kinds = {kind for kind, rows in offline.reject_counts.items() if rows}
    assert kinds == {"wrong_length", "not_hexadecimal", "unsupported_algorithm", "tag_like"}


def test_the_expected_verdict_follows_the_last_digit_or_the_prefix() -> None:
    assert expected_verdict("a" * 63 + "2") is Verdict.AVAILABLE
    assert expected_verdict("a" * 63 + "f") is Verdict.UNAVAILABLE
    assert expected_verdict("00" + "a" * 61 + "f") is Verdict.ARCHIVED


def test_what_serve_prints_with_tls_works_when_pasted(environment: dict[str, str]) -> None:
    command = [*COMMAND, "serve", "--tls"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        url, ca_bundle = (process.stdout.readline().strip() for _ in range(2))
        assert url.startswith("https://127.0.0.1:")
        told = [process.stderr.readline().strip() for _ in range(7)]
        exported = told.index(f"export AWS_CA_BUNDLE={ca_bundle}")
        pasted = told[exported + 1].replace("layercheck check", f"{COMMAND[0]} -m layercheck check")
        bare = {key: value for key, value in environment.items() if not key.startswith("AWS_")}
        run = partial(subprocess.run, env=bare, capture_output=True, text=True, check=False)
        done = run(["bash", "-c", f"{told[exported]}\n{pasted} --format jsonl"])
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        assert Counter(row["verdict"] for row in rows) == {"available": 2, "unavailable": 2}
        # Without the line, the client does not trust the authority, and sends no request.
        refused = run(["bash", "-c", f"{pasted} --format jsonl"])
        assert refused.returncode == 1
        assert "certificate verify failed" in refused.stderr
        process.send_signal(signal.SIGINT)
        _, rest = process.communicate()
    assert process.returncode == 0
    assert rest.strip().startswith("1 calls")
    assert not Path(ca_bundle).exists()


def test_serve_shows_the_images_of_a_layout(environment: dict[str, str], tmp_path: Path) -> None:
    manifest = image("base", "one")
    layout = tmp_path / "layout"
    blobs = layout / "blobs" / "sha256"
    blobs.mkdir(parents=True)
    for content in (manifest, "config of base one", "base", "one"):
        (blobs / digest_of(content)[7:]).write_text(content)
    descriptor = {
        "mediaType": OCI_MANIFEST,
        "digest": digest_of(manifest),
        "size": len(manifest),
        "annotations": {"org.opencontainers.image.ref.name": "v1"},
    }
    (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [descriptor]}))
    (layout / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    command = [*COMMAND, "serve", "--oci-layout", f"team/app={layout}"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        url = process.stdout.readline().strip()
        told = process.stderr.readline()
        assert told == f"team/app holds 3 configs and layers of {layout}, and 1 image\n"
        client = boto3.client(
            "ecr",
            endpoint_url=url,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key=SECRET,
        )
        (detail,) = client.describe_images(repositoryName="team/app")["imageDetails"]
        assert (detail["imageDigest"], detail["imageTags"]) == (digest_of(manifest), ["v1"])
        (found,) = client.batch_get_image(repositoryName="team/app", imageIds=[{"imageTag": "v1"}])["images"]
        assert found["imageManifest"] == manifest
        example = next(line for line in process.stderr if "AWS_ACCESS_KEY_ID" in line)
        assert f"layercheck images team/app --region us-east-1 --endpoint-url {url}" in example
        process.send_signal(signal.SIGINT)
        _, rest = process.communicate()
    assert process.returncode == 0
    assert "2 calls for 0 digests, 1 manifests read, 0 throttled" in rest
