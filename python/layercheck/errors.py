"""Exceptions: misuse and dead ends only.

Bad rows and failed batches are data in the report. What is raised is a
`LayercheckError`, importable from the top level, and survives pickling (process
pools, Dask and Spark send exceptions between processes).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from layercheck.report import Report


def _rebuild(cls: type[LayercheckError], message: str, state: dict[str, Any]) -> LayercheckError:
    error = cls(message)
    error.__dict__.update(state)
    return error


class LayercheckError(Exception):
    """Base of everything layercheck raises on purpose.

    Attributes:
        report: What was known when the error was raised, or None if it was
            raised before any run started. It stays behind when the exception is
            pickled: a report can be gigabytes.
        response: botocore's parsed error response, for errors that come from
            the service; otherwise None.
        operation_name: The API operation that failed, or None.

    Examples:
        >>> import layercheck as lc
        >>> issubclass(lc.RepositoryNotFoundError, (lc.LayercheckError, LookupError))
        True
    """

    report: Report | None
    response: Mapping[str, Any] | None
    operation_name: str | None

    def __init__(
        self,
        message: str = "",
        *,
        report: Report | None = None,
        response: Mapping[str, Any] | None = None,
        operation_name: str | None = None,
    ) -> None:
        super().__init__(message)
        self.report = report
        self.response = response
        self.operation_name = operation_name

    def __str__(self) -> str:
        # OSError and KeyError relatives print their arguments in their own way; ours is the message.
        return str(self.args[0]) if self.args else ""

    def __reduce__(self) -> tuple[Any, ...]:
        state = {name: value for name, value in self.__dict__.items() if name != "report"}
        return _rebuild, (type(self), str(self), state)


class RepositoryNotFoundError(LayercheckError, LookupError):
    """The repository (or the registry) does not exist, or not in this account and region."""


class AccessDeniedError(LayercheckError, PermissionError):
    """The service refused these credentials the action `BatchCheckLayerAvailability`."""


class InvalidParameterError(LayercheckError, ValueError):
    """The service refused a parameter that no choice of digests would mend."""


class CredentialsError(LayercheckError):
    """No credentials, or credentials that are wrong, incomplete or expired."""


class EndpointError(LayercheckError, ConnectionError):
    """No endpoint could be reached at all: no region, no such host, connection refused, TLS."""


class RunCancelled(LayercheckError):  # noqa: N818 - a cancelled run is nobody's mistake
    """The run was cancelled; `report` holds every answer received before that."""


class JournalError(LayercheckError):
    """The journal does not fit this run, or cannot be read or written."""


class InvalidDigestError(LayercheckError, ValueError):
    """`Report.raise_for_failures`: some rows were rejected locally and never sent."""


class UnansweredError(LayercheckError):
    """`Report.raise_for_failures`: some digests have no answer, so the report is incomplete."""
