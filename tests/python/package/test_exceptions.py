"""Exceptions: one base class, builtin base classes, and pickling."""

from __future__ import annotations

import pickle

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
]


@pytest.mark.parametrize(("cls", "builtin"), CLASSES, ids=lambda cls: cls.__name__)
def test_every_error_has_the_base_class_and_a_builtin(
    cls: type[lc.LayercheckError], builtin: type[Exception]
) -> None:
    assert issubclass(cls, lc.LayercheckError)
    assert issubclass(cls, builtin)


@pytest.mark.parametrize("cls", [cls for cls, _ in CLASSES], ids=lambda cls: cls.__name__)
def test_an_error_survives_pickling_without_its_report(cls: type[lc.LayercheckError]) -> None:
    response = {"Error": {"Code": "X"}}
    error = cls("what, where, what to do", response=response, operation_name="Op")
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - bytes of this test
    assert type(again) is cls
    assert (str(again), again.response, again.operation_name) == (str(error), response, "Op")
    assert again.report is None
