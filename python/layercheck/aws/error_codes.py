"""Error codes and exception names, by what they mean for a run."""

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
"""Slow down: botocore's own list (`botocore.retries.standard.ThrottledRetryableChecker`, compared in a test),
and `ThrottleException`, the name on ECR's troubleshooting page that botocore does not know
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
"""The service's own fault, for now."""

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
"""A parameter the service will not take; with several digests, one of them may be at fault."""

NOT_FOUND = frozenset(
    (
        "RegistryNotFoundException",
        "RepositoryNotFoundException",
    )
)
"""No such repository or registry."""

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
"""Known credentials that may not do this."""

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
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
        "TokenRefreshRequired",
        "UnrecognizedClient",
        "UnrecognizedClientException",
    )
)
"""Credentials that are missing, wrong or expired."""

EXPIRED = frozenset(
    (
        "ExpiredToken",
        "ExpiredTokenException",
        "RequestExpired",
        "TokenRefreshRequired",
    )
)
"""Of these, what new credentials mend; botocore fetches them when the next request is signed."""

UNSUPPORTED = frozenset(("UnsupportedCommandException",))
"""ECR Public, where a region does not have the operation."""

WRONG_ENDPOINT = frozenset(("InvalidAction", "UnknownOperation", "UnknownOperationException"))
"""Whatever answers there, it is not ECR."""

# botocore's exceptions go by name, because some exist only in newer or older releases than the one installed.

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
"""Of these, what may be a hiccup of the place where new credentials come from."""

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
"""botocore knows no endpoint to send to."""

PARAMETER_EXCEPTIONS = (
    "ParamValidationError",
    "UnknownClientMethodError",
    "ValidationError",
)
"""botocore's validation refuses the arguments."""
