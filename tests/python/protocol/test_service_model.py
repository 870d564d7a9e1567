"""Compares what layercheck assumes about the service with the model in the installed botocore.

An unknown word, field or error in a newer botocore fails a test here, so that layercheck supports it before
users receive it.
"""

from __future__ import annotations

from typing import Any

import botocore.session
import pytest
from botocore.exceptions import ClientError
from botocore.model import OperationModel, ServiceModel, StringShape

import layercheck as lc
import reference as ref
from layercheck import _core
from layercheck.aws.classify import classify
from layercheck.dispatch.transport import AskedRepository, Batch, PlainTransport

SERVICES = ["ecr", "ecr-public"]
HEX = "ab01" * 16
PLAN = lc.plan(["sha256:" + HEX])

# Availability words and their verdicts; ARCHIVED came in November 2025, to private registries only.
WORDS = {"AVAILABLE": "available", "UNAVAILABLE": "unavailable", "ARCHIVED": "archived"}
FAILURE_CODES = {"MissingLayerDigest": "unavailable", "InvalidLayerDigest": "refused"}
# Errors of the model: what a run does about each, and the exception if the error is fatal.
ERRORS: dict[str, tuple[str, type[BaseException] | None]] = {
    "InvalidParameterException": ("batch", None),
    "RepositoryNotFoundException": ("fatal", lc.RepositoryNotFoundError),
    "RegistryNotFoundException": ("fatal", lc.RepositoryNotFoundError),
    "ServerException": ("transient", None),
    "UnsupportedCommandException": ("fatal", lc.InvalidParameterError),
}


@pytest.fixture(params=SERVICES, scope="module")
def operation(request: pytest.FixtureRequest) -> OperationModel:
    session = botocore.session.get_session()
    service: ServiceModel = session.get_service_model(request.param)
    return service.operation_model("BatchCheckLayerAvailability")


def shape_of(operation: OperationModel, *path: str) -> Any:
    """The shape at a path through members and lists of the answer."""
    shape: Any = operation.output_shape
    for name in path:
        shape = shape.members[name]
        if shape.type_name == "list":
            shape = shape.member
    return shape


def states_of(answer: dict[str, Any]) -> ref.State:
    plan = lc.plan(["sha256:" + HEX])
    ledger = _core.Ledger(plan)
    ledger.merge(0, 1, answer)
    (line,) = ledger.columns().table(unique=True).lines(0, 1)
    return ref.State(line["verdict"], line["code"], line["reason"], line["size"], line["media_type"])


def test_a_call_holds_as_many_digests_as_the_model_allows(operation: OperationModel) -> None:
    shape: Any = operation.input_shape
    limits = shape.members["layerDigests"].metadata
    assert (limits["min"], limits["max"]) == (1, _core.MAX_BATCH)
    # A canonical digest is 71 characters.
    assert shape.members["layerDigests"].member.metadata["max"] >= 71


def test_the_request_has_the_fields_of_the_model(operation: OperationModel) -> None:
    shape: Any = operation.input_shape
    sent: dict[str, Any] = {}

    class Client:
        meta = None

        def batch_check_layer_availability(self, **kwargs: Any) -> Any:
            sent.update(kwargs)
            return {"layers": [], "failures": []}

    PlainTransport(Client())(Batch(PLAN, 0, 1, AskedRepository("app", "123456789012")))
    assert set(sent) == set(shape.members)
    PlainTransport(Client())(Batch(PLAN, 0, 1, AskedRepository("app")))
    assert set(shape.required_members) == {"repositoryName", "layerDigests"}


def test_the_answer_has_the_fields_that_are_read_and_no_others(operation: OperationModel) -> None:
    shape: Any = operation.output_shape
    assert set(shape.members) == {"layers", "failures"}
    layer = shape_of(operation, "layers").members
    assert {name: member.type_name for name, member in layer.items()} == {
        "layerDigest": "string",
        "layerAvailability": "string",
        "layerSize": "long",
        "mediaType": "string",
    }
    failure = shape_of(operation, "failures").members
    assert {name: member.type_name for name, member in failure.items()} == {
        "layerDigest": "string",
        "failureCode": "string",
        "failureReason": "string",
    }


def test_every_field_of_the_model_reaches_the_report(operation: OperationModel) -> None:
    layer = dict.fromkeys(shape_of(operation, "layers").members, "ARCHIVED")
    layer |= {"layerDigest": "sha256:" + HEX}
    size_of: dict[str, Any] = {**layer, "layerSize": 2**40, "mediaType": "some/type"}
    assert states_of({"layers": [size_of]}) == ref.State("archived", size=2**40, media_type="some/type")
    failure = dict.fromkeys(shape_of(operation, "failures").members, "said")
    failure |= {"layerDigest": "sha256:" + HEX}
    assert states_of({"failures": [failure]}) == ref.State("refused", code="said", reason="said")


def test_every_availability_of_the_model_has_a_verdict(operation: OperationModel) -> None:
    shape: StringShape = shape_of(operation, "layers", "layerAvailability")
    assert set(shape.enum) <= set(WORDS)
    assert {"AVAILABLE", "UNAVAILABLE"} <= set(shape.enum)
    for word in shape.enum:
        entry = {"layerDigest": "sha256:" + HEX, "layerAvailability": word}
        assert states_of({"layers": [entry]}).verdict == WORDS[word]


def test_every_failure_code_of_the_model_has_a_verdict(operation: OperationModel) -> None:
    shape: StringShape = shape_of(operation, "failures", "failureCode")
    assert set(shape.enum) == set(FAILURE_CODES)
    for code in shape.enum:
        entry = {"layerDigest": "sha256:" + HEX, "failureCode": code}
        state = states_of({"failures": [entry]})
        assert (state.verdict, state.code) == (FAILURE_CODES[code], code)


def test_every_error_of_the_model_is_classified_by_name(operation: OperationModel) -> None:
    modelled = {shape.name for shape in operation.error_shapes}
    assert modelled <= set(ERRORS)
    assert {"InvalidParameterException", "RepositoryNotFoundException", "ServerException"} <= modelled
    for name in modelled:
        # ServerException comes with HTTP 500; its name alone must be enough.
        response: Any = {"Error": {"Code": name, "Message": "m"}, "ResponseMetadata": {"HTTPStatusCode": 400}}
        failure = classify(ClientError(response, operation.name))
        kind, raises = ERRORS[name]
        assert (failure.kind, failure.code) == (kind, name)
        if raises is not None:
            assert failure.raises is raises


def test_names_and_registries_have_the_known_lengths(operation: OperationModel) -> None:
    shape: Any = operation.input_shape
    name, registry = shape.members["repositoryName"].metadata, shape.members["registryId"].metadata
    if operation.service_model.service_name == "ecr":
        assert (name["min"], name["max"]) == (2, 256)
        assert registry["pattern"] == "[0-9]{12}"
    else:
        assert (name["min"], name["max"]) == (2, 205)
        assert (registry["min"], registry["max"]) == (2, 50)


def test_the_operation_has_the_name_in_the_errors(operation: OperationModel) -> None:
    assert operation.name == "BatchCheckLayerAvailability"
    assert operation.metadata["protocol"] == "json"
    assert operation.metadata["jsonVersion"] == "1.1"
