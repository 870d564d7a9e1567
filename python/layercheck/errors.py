"""Exceptions: for misuse and for fatal errors of a run.

Bad rows and failed batches are data in the report. Each exception is a `LayercheckError`, importable from
the top level. Each can be pickled, because process pools, Dask and Spark send exceptions between processes.
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
    """Base of all exceptions that layercheck raises on purpose.

    Attributes:
        report: The answers known when the error was raised; None if no run had started. It is pickled with
            the error: some 50 bytes a digest.
        response: botocore's parsed error response, if the error comes from the service; otherwise None.
        operation_name: The API operation that failed, or None.
        advice: What to do, where the setting at fault is known: the last words of the message. Else empty.

    Examples:
        >>> import layercheck as lc
        >>> issubclass(lc.RepositoryNotFoundError, (lc.LayercheckError, LookupError))
        True
    """

    report: Report | None
    response: Mapping[str, Any] | None
    operation_name: str | None
    advice: str = ""

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
        # Subclasses of OSError and KeyError print their arguments in another form than the message alone.
        return str(self.args[0]) if self.args else ""

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), str(self), dict(self.__dict__))


class RepositoryNotFoundError(LayercheckError, LookupError):
    """The repository or registry does not exist in this account and region."""


class AccessDeniedError(LayercheckError, PermissionError):
    """The credentials do not allow the action `BatchCheckLayerAvailability`."""


class InvalidParameterError(LayercheckError, ValueError):
    """An argument is invalid, or the service refused a parameter that is not a digest."""


class CredentialsError(LayercheckError):
    """Credentials are missing, wrong, incomplete or expired."""


class EndpointError(LayercheckError, ConnectionError):
    """No endpoint can be reached: no region, unknown host, connection refused, or a TLS error."""


class RunCancelled(LayercheckError):  # noqa: N818 - a cancelled run is not an error
    """The run was cancelled; `report` holds every answer received before that."""


class JournalError(LayercheckError):
    """The journal belongs to another run, or cannot be read or written."""


class LayoutError(LayercheckError, ValueError):
    """A source is not a layout, an archive of images or a manifest, or it is broken or cut short."""


class ManifestStoreError(LayercheckError):
    """The file that keeps manifests cannot be read or written, or is not such a file."""


class PullTimeError(LayercheckError, PermissionError):
    """Reading images would renew their pull times, and `require_exclusion` forbids that."""


class IncompleteImagesError(LayercheckError):
    """Raised by `ImageReport.raise_for_failures`: parts of some images are missing, or cannot be read."""


class InvalidDigestError(LayercheckError, ValueError):
    """Raised by `Report.raise_for_failures`: some rows were rejected locally and never sent."""


class UnansweredError(LayercheckError):
    """Raised by `Report.raise_for_failures`: some digests have no answer, so the report is incomplete."""


class VerdictError(LayercheckError):
    """Raised by `Report.raise_for_failures(verdicts=...)`: digests have one of these verdicts."""


class PushBlockedError(LayercheckError):
    """Raised by `PushPlan.raise_for_failures`: ECR would refuse the push, or parts of it are nowhere."""
