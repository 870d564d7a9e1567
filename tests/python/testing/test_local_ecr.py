"""LocalEcr through boto3: both services, repositories, limits, counters."""

from __future__ import annotations

import doctest
import gc
import hashlib
import json
import multiprocessing
import pickle
import threading
import typing
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError

from layercheck._core import LocalEcrServer
from layercheck.testing import (
    EvenDigests,
    Fault,
    FractionOfDigests,
    Layer,
    LocalEcr,
    OciLayout,
    Throttle,
    faults,
    local_ecr,
)

ONCE = Config(retries={"total_max_attempts": 1, "mode": "standard"})
BOTH = pytest.mark.parametrize("public", [False, True], ids=["ecr", "ecr-public"])


def digest(number: int) -> str:
    return f"sha256:{number:064x}"


def ask(client: Any, digests: list[str], name: str = "app", **more: Any) -> dict[str, Any]:
    answer: dict[str, Any] = client.batch_check_layer_availability(
        repositoryName=name, layerDigests=digests, **more
    )
    return answer


def words(answer: dict[str, Any]) -> list[tuple[str, str]]:
    return [(layer["layerDigest"], layer["layerAvailability"]) for layer in answer["layers"]]


@pytest.fixture
def ecr() -> Iterator[LocalEcr]:
    with LocalEcr({"app": [digest(1)]}) as ecr:
        yield ecr


@BOTH
def test_digests_are_available_or_not(ecr: LocalEcr, public: bool) -> None:
    answer = ask(ecr.client(public=public), [digest(1), digest(2)])
    assert answer["failures"] == []
    there, absent = answer["layers"]
    assert there == {
        "layerDigest": digest(1),
        "layerAvailability": "AVAILABLE",
        "layerSize": 1,
        "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
    }
    assert absent == {"layerDigest": digest(2), "layerAvailability": "UNAVAILABLE"}
    assert len(answer["ResponseMetadata"]["RequestId"]) == 36
    assert ecr.calls[0].service == ("ecr-public" if public else "ecr")


def test_a_mapping_gives_size_media_type_and_availability() -> None:
    layers = {
        digest(1): Layer(size=2**40, media_type="a/b"),
        digest(2): Layer(availability="ARCHIVED", size=0),
        digest(3): Layer(availability="UNAVAILABLE"),
        digest(4): 7,
    }
    with LocalEcr({"app": layers}) as ecr:
        private = ask(ecr.client(), list(layers))["layers"]
        public = ask(ecr.client(public=True), list(layers))["layers"]
    assert [layer["layerAvailability"] for layer in private] == [
        "AVAILABLE",
        "ARCHIVED",
        "UNAVAILABLE",
        "AVAILABLE",
    ]
    assert (private[0]["layerSize"], private[0]["mediaType"]) == (2**40, "a/b")
    assert private[3]["layerSize"] == 7
    assert public[1] == {"layerDigest": digest(2), "layerAvailability": "UNAVAILABLE"}


def test_ill_formed_digests_are_failures() -> None:
    with LocalEcr(["app"]) as ecr:
        answer = ask(ecr.client(), ["", "x", digest(10).upper()])
    assert [(failure["layerDigest"], failure["failureCode"]) for failure in answer["failures"]] == [
        ("", "MissingLayerDigest"),
        ("x", "InvalidLayerDigest"),
        (digest(10).upper(), "InvalidLayerDigest"),
    ]


def test_absent_digests_are_failures_on_request() -> None:
    with LocalEcr(["app"], absent_as_failure=True) as ecr:
        answer = ask(ecr.client(), [digest(1)])
    assert answer["layers"] == []
    assert answer["failures"][0]["failureCode"] == "MissingLayerDigest"


@BOTH
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"name": "other"}, "RepositoryNotFoundException"),
        ({"name": "Bad Name"}, "InvalidParameterException"),
        ({"digests": [digest(number) for number in range(101)]}, "InvalidParameterException"),
        ({"digests": ["x" * 1001]}, "InvalidParameterException"),
        ({"registryId": "1" * 51}, "InvalidParameterException"),
    ],
    ids=["no repository", "bad name", "101 digests", "1001 characters", "bad registry id"],
)
def test_whole_calls_are_refused_with_modelled_exceptions(
    ecr: LocalEcr, public: bool, arguments: dict[str, Any], code: str
) -> None:
    client = ecr.client(public=public)
    with pytest.raises(getattr(client.exceptions, code)) as caught:
        ask(client, **{"digests": [digest(1)], **arguments})
    assert caught.value.response["Error"]["Code"] == code
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_the_id_of_another_registry_is_refused(ecr: LocalEcr) -> None:
    with pytest.raises(ClientError, match="'app' does not exist in the registry with id '210987654321'"):
        ask(ecr.client(), [digest(1)], registryId="210987654321")
    public = ecr.client(public=True)
    with pytest.raises(public.exceptions.RegistryNotFoundException):
        ask(public, [digest(1)], registryId="somebody")
    assert ask(ecr.client(), [digest(1)], registryId=ecr.account_id)["layers"]


def test_credentials_of_another_region_are_refused(ecr: LocalEcr) -> None:
    with pytest.raises(ClientError, match="InvalidSignatureException") as caught:
        ask(ecr.client(region_name="eu-west-1", config=ONCE), [digest(1)])
    assert "eu-west-1" in str(caught.value)
    with LocalEcr(["app"], region_name=None) as anywhere:
        assert ask(anywhere.client(region_name="eu-west-1"), [digest(1)])["layers"]


def test_unsigned_calls_are_refused(ecr: LocalEcr) -> None:
    from botocore import UNSIGNED

    with pytest.raises(ClientError, match="MissingAuthenticationToken"):
        ask(ecr.client(config=ONCE.merge(Config(signature_version=UNSIGNED))), [digest(1)])


def test_other_operations_are_unknown(ecr: LocalEcr) -> None:
    with pytest.raises(ClientError, match="UnknownOperationException"):
        ecr.client(config=ONCE).describe_registry()


def test_rules_hold_digests_without_storing_them() -> None:
    asked = [digest(number) for number in range(100)]
    with LocalEcr({"even": EvenDigests(), "some": FractionOfDigests(0.5, seed=7)}) as ecr:
        assert [word == "AVAILABLE" for _, word in words(ask(ecr.client(), asked, "even"))] == [
            True,
            False,
        ] * 50
        said = words(ask(ecr.client(), asked, "some"))
        assert [word for _, word in said] == ecr.availabilities(asked, "some")
        assert 30 < ecr.availabilities(asked, "some").count("AVAILABLE") < 70
        ecr.set_rule("even", None)
        assert not ecr.available(digest(0), "even")
        with pytest.raises(ValueError, match="fraction"):
            ecr.set_rule("even", "fraction", fraction=2)
        with pytest.raises(ValueError, match='"even" or "fraction"'):
            ecr.set_rule("even", typing.cast("Any", "odd"))


def test_contents_can_change_while_the_server_runs(ecr: LocalEcr) -> None:
    client = ecr.client()
    assert ecr.put("app", [digest(2), bytes.fromhex(f"{3:064x}")], availability="ARCHIVED", size=5) == 2
    assert ask(client, [digest(3)])["layers"][0]["layerSize"] == 5
    assert ecr.remove("app", [digest(2), digest(9)]) == 1
    assert ecr.availabilities([digest(1), digest(2), digest(3)]) == ["AVAILABLE", "UNAVAILABLE", "ARCHIVED"]
    ecr.add_repository("new/one")
    assert ecr.repositories == ["app", "new/one"]
    assert ecr.delete("app")
    assert not ecr.delete("app")
    with pytest.raises(ClientError, match="RepositoryNotFound"):
        ask(client, [digest(1)])


def test_availability_needs_a_repository(ecr: LocalEcr) -> None:
    assert ecr.available(digest(1))
    with pytest.raises(LookupError, match="repository 'other' does not exist"):
        ecr.available(digest(1), "other")
    ecr.add_repository("second")
    with pytest.raises(LookupError, match="give repository_name: the server has 2 repositories"):
        ecr.available(digest(1))


def _layout(folder: Path) -> tuple[str, str]:
    def blob(content: bytes, media_type: str) -> dict[str, Any]:
        name = hashlib.sha256(content).hexdigest()
        (folder / "blobs" / "sha256" / name).write_bytes(content)
        return {"mediaType": media_type, "digest": f"sha256:{name}", "size": len(content)}

    (folder / "blobs" / "sha256").mkdir(parents=True)
    layer = blob(b"layer", "application/vnd.oci.image.layer.v1.tar")
    config = blob(b"{}", "application/vnd.oci.image.config.v1+json")
    absent = {"mediaType": "x/y", "digest": digest(5), "size": 9}
    manifest = blob(
        json.dumps({"config": config, "layers": [layer, absent]}).encode(),
        "application/vnd.oci.image.manifest.v1+json",
    )
    (folder / "index.json").write_text(json.dumps({"manifests": [manifest]}))
    return layer["digest"], manifest["digest"]


def test_an_oci_layout_seeds_configs_and_layers_and_no_manifests(tmp_path: Path) -> None:
    layer, manifest = _layout(tmp_path)
    with LocalEcr({"all": tmp_path, "some": OciLayout(tmp_path, existing_only=True)}) as ecr:
        assert ecr.put_oci_layout("all", str(tmp_path)) == 3
        said = ask(ecr.client(), [layer, manifest, digest(5)], "all")["layers"]
        assert [entry["layerAvailability"] for entry in said] == ["AVAILABLE", "UNAVAILABLE", "AVAILABLE"]
        assert (said[0]["layerSize"], said[0]["mediaType"]) == (5, "application/vnd.oci.image.layer.v1.tar")
        assert not ecr.available(digest(5), "some")


def test_a_folder_that_is_not_a_layout_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"not an OCI image layout: it has no index\.json"):
        LocalEcr({"app": tmp_path})
    (tmp_path / "index.json").write_text("{")
    with pytest.raises(ValueError, match=r"index\.json: not a manifest or an index: it ends early"):
        LocalEcr({"app": tmp_path})
    (tmp_path / "index.json").write_text(
        json.dumps({"manifests": [{"mediaType": "", "digest": digest(1), "size": 1}]})
    )
    with pytest.raises(FileNotFoundError, match=digest(1)[7:]):
        LocalEcr({"app": tmp_path})


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"account_id": "1"}, ValueError, "account_id"),
        ({"throttle": (-1, 1)}, ValueError, "throttle"),
        ({"throttle": Throttle(1, 1, status=200)}, ValueError, "status"),
        ({"latency_ms": -1}, ValueError, "latency"),
        ({"faults": [Fault("omit", share=2)]}, ValueError, "share"),
        ({"faults": [Fault("shuffle", calls=(3, 1))]}, ValueError, "calls"),
        ({"faults": [Fault("poison")]}, ValueError, "digests"),
        ({"repositories": {"Not A Name": []}}, ValueError, "Not A Name"),
        ({"repositories": {"app": ["sha256:12"]}}, ValueError, "64 lower-case"),
        ({"repositories": {"app": digest(1)}}, TypeError, "iterable"),
        ({"repositories": {"app": [7]}}, TypeError, "int"),
        (
            {"repositories": {"app": {digest(1): Layer(availability=typing.cast("Any", "GONE"))}}},
            ValueError,
            "GONE",
        ),
        ({"repositories": "app"}, TypeError, "one name"),
    ],
)
def test_invalid_arguments_are_refused(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        LocalEcr(**arguments)


def test_a_taken_port_is_an_os_error(ecr: LocalEcr) -> None:
    with pytest.raises(OSError, match="could not listen"):
        LocalEcr(port=ecr.port)


def test_closing_ends_the_server_and_keeps_the_counters(ecr: LocalEcr) -> None:
    client = ecr.client(config=ONCE)
    ask(client, [digest(1)])
    ecr.close()
    ecr.close()
    assert ecr.closed
    assert "closed" in repr(ecr)
    with pytest.raises(EndpointConnectionError):
        ask(client, [digest(1)])
    assert (ecr.counters.calls, ecr.calls[0].digests, ecr.available(digest(1))) == (1, [digest(1)], True)


def test_dropping_it_ends_the_server() -> None:
    ecr = LocalEcr(["app"])
    client = ecr.client(config=ONCE)
    ask(client, [digest(1)])
    del ecr
    gc.collect()
    with pytest.raises(EndpointConnectionError):
        ask(client, [digest(1)])


def test_counters_and_calls_record_the_requests(ecr: LocalEcr) -> None:
    client = ecr.client(config=Config(user_agent_extra="my-test/1"))
    ask(client, [digest(1), digest(2), ""])
    counters = ecr.counters
    assert (counters.calls, counters.requests, counters.connections, counters.answered) == (1, 1, 1, 1)
    assert (counters.digests, counters.available, counters.unavailable, counters.failed) == (3, 1, 1, 1)
    assert set(counters.faults) == set(LocalEcrServer.fault_kinds())
    (call,) = ecr.calls
    assert (call.number, call.service, call.repository_name, call.registry_id) == (1, "ecr", "app", None)
    assert (call.digests, call.outcome, call.faults) == ([digest(1), digest(2), ""], "answered", [])
    assert call.user_agent is not None
    assert "my-test/1" in call.user_agent
    ecr.reset()
    assert (ecr.counters.calls, ecr.calls) == (0, [])
    ask(client, [digest(1)])
    assert ecr.calls[0].number == 2


def test_the_log_keeps_the_last_calls() -> None:
    with LocalEcr(["app"], log_calls=2) as ecr:
        client = ecr.client()
        for number in range(5):
            ask(client, [digest(number)])
        assert [call.digests for call in ecr.calls] == [[digest(3)], [digest(4)]]


def test_the_bucket_throttles_and_is_counted() -> None:
    with LocalEcr(["app"], throttle=(0, 2)) as ecr:
        client = ecr.client(config=ONCE)
        ask(client, [digest(1)])
        ask(client, [digest(1)])
        with pytest.raises(ClientError, match=r"ThrottlingException.*Rate exceeded"):
            ask(client, [digest(1)])
        assert ecr.counters.throttled == 1
        assert [call.outcome for call in ecr.calls] == ["answered", "answered", "ThrottlingException"]
        ecr.set_throttle(Throttle(0, 1, code="TooManyRequestsException", status=429))
        ask(client, [digest(1)])
        with pytest.raises(ClientError, match="TooManyRequestsException") as caught:
            ask(client, [digest(1)])
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429
        ecr.set_throttle(None)
        ask(client, [digest(1)])


def test_it_answers_while_python_holds_the_interpreter_lock(ecr: LocalEcr) -> None:
    # Sixteen threads of boto3 share the lock; the server does not need it.
    client = ecr.client(config=Config(max_pool_connections=16))
    errors: list[BaseException] = []
    barrier = threading.Barrier(16)
    ecr.set_latency(50)

    def work() -> None:
        try:
            barrier.wait()
            ask(client, [digest(1)])
        except BaseException as error:  # noqa: BLE001 (reported below)
            errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert ecr.counters.calls == 16
    assert ecr.counters.max_in_flight > 1


def _close_in_child(ecr: LocalEcr) -> None:
    ecr.close()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_child_can_close_its_copy_while_the_parent_goes_on(ecr: LocalEcr) -> None:
    child = multiprocessing.get_context("fork").Process(target=_close_in_child, args=(ecr,))
    child.start()
    child.join()
    assert child.exitcode == 0
    assert ask(ecr.client(), [digest(1)])["layers"]


def test_no_credential_is_kept(ecr: LocalEcr) -> None:
    client = ecr.client(
        aws_access_key_id="AKIDMARKER", aws_secret_access_key="MARKER", aws_session_token="MARKER"
    )
    ask(client, [digest(1)])
    assert "MARKER" not in repr((ecr, ecr.calls, ecr.counters))


def test_settings_are_values() -> None:
    fault = Fault("omit", probability=0.5, share=0.2, calls=(1, 5))
    assert pickle.loads(pickle.dumps(fault)) == fault  # noqa: S301 (bytes made here)
    assert repr(fault) == "Fault('omit', probability=0.5, calls=(1, 5), share=0.2)"
    assert {Throttle(1, 2), Throttle(1, 2)} == {Throttle(1, 2)}


def test_a_setting_of_another_kind_of_fault_is_a_mistake() -> None:
    with pytest.raises(
        ValueError, match="fault 'shuffle' does not take share, a setting of contradict, converted"
    ):
        Fault("shuffle", share=0.5)
    with pytest.raises(TypeError, match="tuple of digests"):
        Fault("poison", digests=typing.cast("Any", digest(1)))


def test_the_table_of_faults_is_complete() -> None:
    assert faults.Fault.__doc__ is not None
    lines = [line.strip() for line in faults.Fault.__doc__.splitlines() if line.strip().startswith("|")]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]
    kinds = [kind.strip("`") for kind, *_ in rows]
    assert kinds == LocalEcrServer.fault_kinds()
    for kind, (_, where, what, settings) in zip(kinds, rows, strict=True):
        assert where in ("before", "in place", "in the answer", "on the wire")
        assert what
        named = set(settings.replace("`", "").replace(",", " ").split())
        assert named == {name for name, known in faults._SETTINGS.items() if kind in known}


def test_the_kinds_of_fault_are_those_of_the_server() -> None:
    assert list(typing.get_args(faults.FaultKind)) == LocalEcrServer.fault_kinds()
    with (
        LocalEcr() as ecr,
        pytest.raises(ValueError, match='unknown kind of fault "nonsense"; the kinds are latency'),
    ):
        ecr.set_faults([Fault(typing.cast("Any", "nonsense"))])


@pytest.mark.parametrize("module", [faults, local_ecr], ids=lambda module: module.__name__)
def test_examples_run(module: ModuleType) -> None:
    result = doctest.testmod(module)
    assert result.attempted > 2
    assert result.failed == 0
