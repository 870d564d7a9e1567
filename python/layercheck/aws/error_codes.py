"""Error codes and exception names, grouped by what they mean for a run."""

from __future__ import annotations

THROTTLED = frozenset(
    (
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottleException",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
    )
)
"""The request was throttled: botocore's list (`botocore.retries.standard.ThrottledRetryableChecker`,
compared in a test), and `ThrottleException` from ECR's troubleshooting page, which botocore does not know
(https://docs.aws.amazon.com/AmazonECR/latest/userguide/common-errors.html)."""

TRANSIENT = frozenset(
    (
        "InternalError",
        "InternalFailure",
        "InternalServerError",
        "InternalServerException",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServerException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
    )
)
"""The service failed, and a retry may succeed."""

BATCH = frozenset(
    (
        "InvalidParameter",
        "InvalidParameterException",
        "InvalidParameterValue",
        "InvalidParameterValueException",
        "RequestEntityTooLargeException",
        "SerializationException",
        "ValidationError",
        "ValidationException",
    )
)
"""The service refuses a parameter; with several digests, one of them may be the cause."""

NOT_FOUND = frozenset(
    (
        "RegistryNotFoundException",
        "RepositoryNotFoundException",
    )
)
"""The repository or registry does not exist."""

DENIED = frozenset(
    (
        "AccessDenied",
        "AccessDeniedException",
        "NotAuthorized",
        "NotAuthorizedException",
        "OptInRequired",
        "UnauthorizedOperation",
    )
)
"""The credentials are valid and do not allow the action."""

CREDENTIAL = frozenset(
    (
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "IncompleteSignatureException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "InvalidToken",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "RequestExpired",
        "RequestInTheFuture",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
        "TokenRefreshRequired",
        "UnrecognizedClient",
        "UnrecognizedClientException",
    )
)
"""The credentials are missing, wrong or expired."""

EXPIRED = frozenset(
    (
        "ExpiredToken",
        "ExpiredTokenException",
        "RequestExpired",
        "TokenRefreshRequired",
    )
)
"""The codes of expired credentials; botocore fetches new ones when it signs the next request."""

CLOCK = frozenset(("RequestExpired", "RequestInTheFuture", "RequestTimeTooSkewed"))
"""The request was signed at a time that is too far from the service's."""

CLOCK_PERHAPS = frozenset(
    (
        "AuthFailure",
        "IncompleteSignature",
        "IncompleteSignatureException",
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
    )
)
"""The same, if the message or the service's clock says so. The AWS SDK for JavaScript corrects its clock for
most of these codes (https://github.com/smithy-lang/smithy-typescript, `service-error-classification`)."""

UNSUPPORTED = frozenset(("UnsupportedCommandException",))
"""ECR Public does not have the operation in this region."""

WRONG_ENDPOINT = frozenset(("InvalidAction", "UnknownOperation", "UnknownOperationException"))
"""The server that answered is not ECR."""

# botocore's exceptions are listed by name, because some exist only in other releases than the installed one.

CREDENTIAL_EXCEPTIONS = (
    "ConfigNotFound",
    "ConfigParseError",
    "CredentialRetrievalError",
    "InvalidConfigError",
    "LoginError",
    "MetadataRetrievalError",
    "MissingDependencyException",
    "NoAuthTokenError",
    "NoCredentialsError",
    "PartialCredentialsError",
    "ProfileNotFound",
    "RefreshWithMFAUnsupportedError",
    "SSOError",
    "TokenRetrievalError",
    "UnknownCredentialError",
    "UnknownSignatureVersionError",
    "UnknownTokenProviderError",
    "UnsupportedSignatureVersionError",
)
"""botocore found no usable credentials."""

RENEWAL_EXCEPTIONS = (
    "CredentialRetrievalError",
    "MetadataRetrievalError",
)
"""The exceptions that may be a short failure of the source of new credentials."""

ENDPOINT_EXCEPTIONS = (
    "BaseEndpointResolverError",
    "EndpointProviderError",
    "EndpointVariantError",
    "InvalidEndpointConfigurationError",
    "InvalidHostLabelError",
    "InvalidProxiesConfigError",
    "InvalidRegionError",
    "NoRegionError",
    "UnknownEndpointError",
    "UnknownRegionError",
)
"""botocore cannot determine an endpoint."""

PARAMETER_EXCEPTIONS = (
    "ParamValidationError",
    "UnknownClientMethodError",
    "ValidationError",
)
"""botocore's validation refused the arguments."""
