"""Exceptions: one base class, builtin base classes, and pickling."""

from __future__ import annotations

import pytest

import layercheck as lc

CLASSES = [
    (lc.RepositoryNotFoundError, LookupError),
    (lc.AccessDeniedError, PermissionError),
    (lc.InvalidParameterError, ValueError),
    (lc.CredentialsError, Exception),
    (lc.EndpointError, ConnectionError),
    (lc.RunCancelled, Exception),
    (lc.JournalError, Exception),
    (lc.InvalidDigestError, ValueError),
    (lc.UnansweredError, Exception),
    (lc.VerdictError, Exception),
    (lc.PushBlockedError, Exception),
]


@pytest.mark.parametrize(("cls", "builtin"), CLASSES, ids=lambda cls: cls.__name__)
def test_every_error_has_the_base_class_and_a_builtin(
    cls: type[lc.LayercheckError], builtin: type[Exception]
) -> None:
    assert issubclass(cls, lc.LayercheckError)
    assert issubclass(cls, builtin)
