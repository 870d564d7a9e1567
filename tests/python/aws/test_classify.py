"""The class of each exception, and what its message may show."""

import pickle
from typing import Any

import botocore.exceptions as known
import pytest
from botocore.retries.standard import ThrottledRetryableChecker

import layercheck as lc
from fake_account import TOKEN
from layercheck.aws import error_codes
from layercheck.aws.classify import classify, exception_for


def service_error(code: str, message: str = "", status: int = 400) -> known.ClientError:
    response: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return known.ClientError(response, "BatchCheckLayerAvailability")


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("ThrottlingException", 400, "throttled"),
        ("ThrottleException", 400, "throttled"),
        ("TooManyRequestsException", 400, "throttled"),
        ("TooManyRequestsAtOnce", 400, "throttled"),
        ("RequestLimitExceeded", 503, "throttled"),
        ("429", 429, "throttled"),
        ("ServerException", 500, "transient"),
        ("InternalFailure", 500, "transient"),
        ("503", 503, "transient"),
        ("SomethingNew", 502, "transient"),
        ("SomethingNew", 400, "transient"),
        ("RequestTimeout", 400, "transient"),
        ("InvalidParameterException", 400, "batch"),
        ("ValidationException", 400, "batch"),
        ("SerializationException", 400, "batch"),
        ("413", 413, "batch"),
        ("RepositoryNotFoundException", 400, lc.RepositoryNotFoundError),
        ("RegistryNotFoundException", 400, lc.RepositoryNotFoundError),
        ("AccessDeniedException", 400, lc.AccessDeniedError),
        ("AccessDeniedException", 500, lc.AccessDeniedError),
        ("403", 403, lc.AccessDeniedError),
        ("UnrecognizedClientException", 400, lc.CredentialsError),
        ("InvalidSignatureException", 400, lc.CredentialsError),
        ("ExpiredTokenException", 400, lc.CredentialsError),
        ("MissingAuthenticationTokenException", 400, lc.CredentialsError),
        ("UnsupportedCommandException", 400, lc.InvalidParameterError),
        ("UnknownOperationException", 400, lc.EndpointError),
    ],
)
def test_each_code_of_the_service_has_one_class(code: str, status: int, kind: object) -> None:
    failure = classify(service_error(code, "why", status))
    assert failure.kind == kind if isinstance(kind, str) else failure.kind == "fatal"
    assert failure.connected
    if not isinstance(kind, str):
        assert failure.raises is kind


@pytest.mark.parametrize(
    ("error", "kind", "connected"),
    [
        (known.EndpointConnectionError(endpoint_url="http://x"), "transient", False),
        (known.ConnectTimeoutError(endpoint_url="http://x"), "transient", False),
        (known.SSLError(endpoint_url="http://x", error=OSError("no")), "transient", False),
        (known.ProxyConnectionError(proxy_url="http://x"), "transient", False),
        (known.ReadTimeoutError(endpoint_url="http://x"), "transient", True),
        (known.ConnectionClosedError(endpoint_url="http://x"), "transient", True),
        (known.HTTPClientError(error="x"), "transient", True),
        (RecursionError("too deep"), "transient", True),
        (KeyError("layers"), "transient", True),
        (MemoryError(), "transient", True),
        (known.NoCredentialsError(), lc.CredentialsError, False),
        (known.PartialCredentialsError(provider="env", cred_var="x"), lc.CredentialsError, False),
        (known.CredentialRetrievalError(provider="sso", error_msg="x"), lc.CredentialsError, False),
        (known.UnauthorizedSSOTokenError(), lc.CredentialsError, False),
        (known.SSOTokenLoadError(error_msg="x"), lc.CredentialsError, False),
        (known.TokenRetrievalError(provider="sso", error_msg="x"), lc.CredentialsError, False),
        (known.ProfileNotFound(profile="x"), lc.CredentialsError, False),
        (known.NoRegionError(), lc.EndpointError, False),
        (known.ParamValidationError(report="x"), lc.InvalidParameterError, False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_each_exception_without_an_answer_has_one_class(
    error: BaseException, kind: object, connected: bool
) -> None:
    failure = classify(error)
    assert failure.connected is connected
    if isinstance(kind, str):
        assert failure.kind == kind
    else:
        assert (failure.kind, failure.raises) == ("fatal", kind)


def test_every_throttling_code_of_botocore_is_known() -> None:
    botocores = vars(ThrottledRetryableChecker)["_THROTTLED_ERROR_CODES"]
    assert set(botocores) <= error_codes.THROTTLED


def test_no_code_is_in_two_classes() -> None:
    tables = [
        error_codes.THROTTLED,
        error_codes.TRANSIENT,
        error_codes.BATCH,
        error_codes.NOT_FOUND,
        error_codes.DENIED,
        error_codes.CREDENTIAL,
        error_codes.UNSUPPORTED,
        error_codes.WRONG_ENDPOINT,
    ]
    assert sum(map(len, tables)) == len(frozenset().union(*tables))


@pytest.mark.parametrize("response", [{}, {"Error": {}}, {"Error": {"Code": 7}, "ResponseMetadata": {}}])
def test_an_error_without_the_usual_fields_is_transient(response: Any) -> None:
    error = known.ClientError(response, "BatchCheckLayerAvailability")
    assert classify(error).kind == "transient"


def test_a_message_is_one_short_printable_line() -> None:
    failure = classify(service_error("X\x1b[2J" + "y" * 500, "a\r\n\x1b]0;t\x07b\u202ec" + "d" * 10_000_000))
    assert failure.message.isprintable()
    assert failure.code.isprintable()
    assert len(failure.message) <= 500
    assert len(failure.code) <= 100
    assert failure.message.startswith("a ]0;t b c")


CANONICAL = (
    "The request signature we calculated does not match. The Canonical String for this request should have "
    f"been\n'POST\n/\n\nhost:x\nx-amz-security-token:{TOKEN}\n'"
)


@pytest.mark.parametrize(
    "message",
    [
        CANONICAL,
        f"X-Amz-Security-Token: {TOKEN}",
        f'{{"x-amz-security-token": "{TOKEN}"}}',
        f"Authorization: AWS4-HMAC-SHA256 Credential={TOKEN}, Signature={TOKEN}",
        f"http://user:{TOKEN}@proxy:3128/ refused",
        "x" * 450 + f" x-amz-security-token:{TOKEN}",
    ],
)
def test_secrets_of_a_signed_request_are_hidden_in_message_chain_and_response(message: str) -> None:
    failure = classify(service_error("InvalidSignatureException", message, 403))
    error = exception_for(failure, failure.summary)
    assert TOKEN not in failure.summary
    assert TOKEN not in str(error.__cause__)
    assert TOKEN not in repr(error.response)
    assert failure.raises is lc.CredentialsError


def test_an_ordinary_message_keeps_its_exception() -> None:
    cause = service_error("AccessDeniedException", "User: arn:aws:iam::1:user/x is not authorized")
    failure = classify(cause)
    assert failure.cause is cause
    assert failure.message == "User: arn:aws:iam::1:user/x is not authorized"


def test_a_fatal_error_survives_pickling_with_its_response() -> None:
    error = exception_for(classify(service_error("RepositoryNotFoundException", "no")), "gone")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301
    assert type(again) is lc.RepositoryNotFoundError
    assert again.response is not None
    assert again.response["Error"]["Code"] == "RepositoryNotFoundException"
    assert again.operation_name == "BatchCheckLayerAvailability"
    assert str(again) == "gone"


def test_a_cause_with_a_secret_is_replaced_and_its_chain_dropped() -> None:
    error = known.EndpointConnectionError(endpoint_url="https://me:MARKER@host/")
    cause = classify(error).cause
    assert isinstance(cause, known.EndpointConnectionError)
    assert str(cause) == 'Could not connect to the endpoint URL: "https://***@host/"'
    assert "MARKER" not in repr(vars(cause))

    class Own(known.BotoCoreError):
        fmt = "an unhandled exception: {error}"

        def __init__(self, quoted: str) -> None:
            super().__init__(error=quoted)

    own = Own(f"Invalid header value b'{TOKEN}\\n'")
    own.__cause__ = ValueError(TOKEN)
    cause = classify(own).cause
    assert "Invalid header value ***" in str(cause)
    assert TOKEN not in str(cause)
    assert cause.__cause__ is cause.__context__ is None

    harmless = known.EndpointConnectionError(endpoint_url="https://host/")
    assert classify(harmless).cause is harmless
