"""An independent witness: the package against moto, and moto's answers against LocalEcr's.

moto is a server that others wrote from AWS's documentation. Layers are really
uploaded to it, through the push operations. Where it is more lenient than the
service (as far as that is known), the test says so and asserts the difference, so
that no reader mistakes moto's choice for ECR's.
"""

from __future__ import annotations

import gzip
import hashlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

import layercheck as lc
from layercheck.testing import Layer, LocalEcr

ACCOUNT, OTHER_ACCOUNT = "123456789012", "999999999999"
REPOSITORY = "team/app"
# moto gives every layer this media type, whatever was pushed.
MOTO_MEDIA_TYPE = "application/vnd.docker.image.rootfs.diff.tar.gzip"

# Gzipped bytes as a push would send them; the last is longer than one read from a socket.
BLOBS = [gzip.compress(text * 200, mtime=0) for text in (b"config", b"base layer", b"app layer")]
BLOBS.append(b"".join(hashlib.sha256(bytes([n % 256, n // 256])).digest() for n in range(10_000)))


def digest_of(blob: bytes) -> str:
    return "sha256:" + hashlib.sha256(blob).hexdigest()


HELD = [digest_of(blob) for blob in BLOBS]
ABSENT = [digest_of(b"absent %d" % number) for number in range(3)]

# In its own process: importing moto hooks into every botocore client of the process that does.
_SERVER = """
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""


def session() -> boto3.Session:
    return boto3.Session(
        aws_access_key_id="testing", aws_secret_access_key="testing", region_name="us-east-1"
    )


def client_of(endpoint_url: str, service: Any = "ecr") -> Any:
    once = Config(retries={"total_max_attempts": 1, "mode": "standard"})
    client: Any = session().client(service, endpoint_url=endpoint_url, config=once)
    return client


def push(client: Any, blob: bytes) -> None:
    """Upload one layer by the three calls of a push, in parts where it is long enough for two."""
    upload_id = client.initiate_layer_upload(repositoryName=REPOSITORY)["uploadId"]
    half = len(blob) // 2
    for first, last in [(0, half - 1), (half, len(blob) - 1)]:
        answer = client.upload_layer_part(
            repositoryName=REPOSITORY,
            uploadId=upload_id,
            partFirstByte=first,
            partLastByte=last,
            layerPartBlob=blob[first : last + 1],
        )
        assert answer["lastByteReceived"] == last
    done = client.complete_layer_upload(
        repositoryName=REPOSITORY, uploadId=upload_id, layerDigests=[digest_of(blob)]
    )
    assert done["layerDigest"] == digest_of(blob)


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    """Endpoint of a moto server whose repository holds the layers, pushed one by one."""
    process = subprocess.Popen(
        [sys.executable, "-c", _SERVER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        try:
            endpoint_url = f"http://127.0.0.1:{int(process.stdout.readline())}"
            client = client_of(endpoint_url)
            client.create_repository(repositoryName=REPOSITORY)
            for blob in BLOBS:
                push(client, blob)
            yield endpoint_url
        finally:
            process.stdin.close()  # the end of its standard input ends the server


@pytest.fixture(scope="module")
def local() -> Iterator[str]:
    """Endpoint of a LocalEcr that holds the same layers."""
    layers = {digest_of(blob): Layer(size=len(blob), media_type=MOTO_MEDIA_TYPE) for blob in BLOBS}
    with LocalEcr({REPOSITORY: layers}, account_id=ACCOUNT) as server:
        yield server.endpoint_url


@dataclass(frozen=True)
class Line:
    """What the report says of one row."""

    verdict: str
    size: int | None = None
    media_type: str | None = None
    code: str | None = None
    reason: str | None = None


def check(endpoint_url: str, rows: list[Any], **more: Any) -> lc.Report:
    return lc.check(rows, REPOSITORY, session=session(), endpoint_url=endpoint_url, **more)


def lines_of(report: lc.Report) -> list[Line]:
    return [
        Line(line["verdict"], line["size"], line["media_type"], line["code"], line["reason"])
        for line in report.to_arrow().to_pylist()
    ]


def test_uploaded_layers_are_available_at_both_with_the_same_size(moto: str, local: str) -> None:
    truth = [Line("available", len(blob), MOTO_MEDIA_TYPE) for blob in BLOBS]
    assert lines_of(check(moto, HELD)) == truth
    assert lines_of(check(local, HELD)) == truth


def test_missing_layers_are_unavailable_at_both_though_each_says_it_in_its_own_way(
    moto: str, local: str
) -> None:
    at_moto, at_local = check(moto, ABSENT), check(local, ABSENT)
    assert at_moto.counts == at_local.counts
    assert at_local.counts["unavailable"] == len(ABSENT)
    # "MissingLayerDigest" is moto's choice. What has been seen of the service itself is a layer whose
    # availability is UNAVAILABLE, and that is what LocalEcr answers.
    for line, digest in zip(lines_of(at_moto), ABSENT, strict=True):
        reason = f"Layer digest '{digest}' could not be found"
        assert line == Line("unavailable", code="MissingLayerDigest", reason=reason)
    assert lines_of(at_local) == [Line("unavailable")] * len(ABSENT)


def test_local_ecr_can_say_missing_as_moto_does(moto: str) -> None:
    with LocalEcr({REPOSITORY: HELD}, account_id=ACCOUNT, absent_as_failure=True) as server:
        at_local = lines_of(check(server.endpoint_url, ABSENT))
    at_moto = lines_of(check(moto, ABSENT))
    assert [(line.verdict, line.code) for line in at_local] == [(line.verdict, line.code) for line in at_moto]


def test_a_mixed_plan_of_several_calls_agrees_row_by_row(moto: str, local: str) -> None:
    fillers = [digest_of(b"filler %d" % number) for number in range(450)]
    rows: list[Any] = []
    for number, filler in enumerate(fillers):
        rows += [filler, HELD[number % len(HELD)].upper(), ABSENT[number % len(ABSENT)][7:]]
        rows += [f"junk {number}"] if number % 50 == 0 else []
    at_moto, at_local = check(moto, rows), check(local, rows)
    assert at_moto.verdicts.tolist() == at_local.verdicts.tolist()
    assert at_moto.stats.calls == at_local.stats.calls == 5
    assert at_local.counts["available"] == len(fillers)
    assert at_local.counts["unavailable"] == 2 * len(fillers)
    assert at_local.counts["invalid"] == 9


def test_malformed_rows_stay_here_and_are_asked_of_neither(moto: str) -> None:
    malformed = ["", "latest", HELD[0][:-1], HELD[0] + "0", "sha512:" + "0" * 128, None, "sha256-" + "a" * 64]
    with LocalEcr({REPOSITORY: HELD}, account_id=ACCOUNT) as server:
        at_local = check(server.endpoint_url, [*malformed, HELD[0]])
        (call,) = server.calls
        assert call.digests == [HELD[0]]
    at_moto = check(moto, [*malformed, HELD[0]])
    assert at_moto.verdicts.tolist() == at_local.verdicts.tolist()
    assert at_moto.counts["invalid"] == len(malformed)
    assert at_moto.counts["available"] == 1
    # moto would have refused them one by one: none of its refusals may show.
    assert at_moto.counts["refused"] == 0


@pytest.mark.parametrize("where", ["moto", "local"])
def test_an_unknown_repository_is_a_fatal_error_that_says_so(
    where: str, request: pytest.FixtureRequest
) -> None:
    endpoint_url: str = request.getfixturevalue(where)
    with pytest.raises(lc.RepositoryNotFoundError, match="nowhere") as raised:
        lc.check(HELD, "nowhere", session=session(), endpoint_url=endpoint_url)
    assert raised.value.response is not None
    assert raised.value.response["Error"]["Code"] == "RepositoryNotFoundException"
    assert raised.value.operation_name == "BatchCheckLayerAvailability"
    assert raised.value.report is not None
    assert raised.value.report.counts["available"] == 0
    assert sum(raised.value.report.counts.values()) == len(HELD)
    assert not raised.value.report.complete


@pytest.mark.parametrize("where", ["moto", "local"])
def test_the_same_repository_in_another_account_is_not_found(
    where: str, request: pytest.FixtureRequest
) -> None:
    endpoint_url: str = request.getfixturevalue(where)
    with pytest.raises(lc.RepositoryNotFoundError, match=OTHER_ACCOUNT) as raised:
        check(endpoint_url, HELD, registry_id=OTHER_ACCOUNT)
    assert raised.value.response is not None
    assert raised.value.response["Error"]["Code"] == "RepositoryNotFoundException"


@pytest.mark.parametrize("where", ["moto", "local"])
def test_the_right_account_by_name_is_the_same_registry(where: str, request: pytest.FixtureRequest) -> None:
    report = check(request.getfixturevalue(where), [*HELD, *ABSENT], registry_id=ACCOUNT)
    assert [line.verdict for line in lines_of(report)] == ["available"] * 4 + ["unavailable"] * 3


# Below, boto3 asks both directly: what moto lets pass and LocalEcr does not, because the service does not.


def raw(endpoint_url: str, digests: list[str], **more: Any) -> Any:
    """The parsed answer, or the error code."""
    asked = {"repositoryName": REPOSITORY, "layerDigests": digests, **more}
    try:
        return client_of(endpoint_url).batch_check_layer_availability(**asked)
    except ClientError as error:
        return error.response["Error"]["Code"]


def entries(answer: Any) -> list[tuple[str, str]]:
    layers = [(layer["layerDigest"], layer["layerAvailability"]) for layer in answer["layers"]]
    return layers + [(failure["layerDigest"], failure["failureCode"]) for failure in answer["failures"]]


def test_only_local_ecr_keeps_the_limit_of_100_digests(moto: str, local: str) -> None:
    digests = [digest_of(b"filler %d" % number) for number in range(101)]
    assert len(entries(raw(moto, digests))) == 101  # moto's leniency: the model says 100
    assert raw(local, digests) == "InvalidParameterException"
    assert len(entries(raw(moto, digests[:100]))) == len(entries(raw(local, digests[:100]))) == 100


def test_only_local_ecr_keeps_the_patterns_of_names(moto: str, local: str) -> None:
    # moto's leniency: it looks the name up without reading it, so nothing is ever a bad name.
    assert raw(moto, HELD, repositoryName="Not A Name") == "RepositoryNotFoundException"
    assert raw(local, HELD, repositoryName="Not A Name") == "InvalidParameterException"
    assert raw(moto, HELD, registryId="12") == "RepositoryNotFoundException"
    assert raw(local, HELD, registryId="12") == "InvalidParameterException"


def test_both_refuse_a_malformed_digest_by_itself_and_answer_the_rest(moto: str, local: str) -> None:
    malformed = [HELD[0].upper(), HELD[0][7:], "sha512:" + "0" * 128]
    wanted = [(HELD[1], "AVAILABLE"), *[(digest, "InvalidLayerDigest") for digest in malformed]]
    assert entries(raw(moto, [HELD[1], *malformed])) == wanted
    assert entries(raw(local, [HELD[1], *malformed])) == wanted


def test_an_empty_digest_is_invalid_to_moto_and_missing_to_local_ecr(moto: str, local: str) -> None:
    # What the service says is not known. The request shape allows length 0 and the model has a code
    # MissingLayerDigest, which LocalEcr reads as "no digest given".
    assert entries(raw(moto, [""])) == [("", "InvalidLayerDigest")]
    assert entries(raw(local, [""])) == [("", "MissingLayerDigest")]


def test_only_local_ecr_knows_ecr_public(moto: str, local: str) -> None:
    def asked(endpoint_url: str) -> Any:
        client = client_of(endpoint_url, "ecr-public")
        return client.batch_check_layer_availability(repositoryName=REPOSITORY, layerDigests=HELD)

    with pytest.raises(ClientError) as raised:
        asked(moto)
    assert raised.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
    assert entries(asked(local)) == [(digest, "AVAILABLE") for digest in HELD]
    report = check(local, [*HELD, *ABSENT], public=True)
    assert [line.verdict for line in lines_of(report)] == ["available"] * 4 + ["unavailable"] * 3
