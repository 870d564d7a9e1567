"""Where a worker's boto3 session comes from: the worker's own chain, a profile, or a function by its name.

An engine pickles what a task needs, and cloudpickle takes a boto3 session with its keys and token inside.
They end in Spark's broadcast files, on the Dask scheduler or in Ray's store. So only names cross to a worker.
"""

from __future__ import annotations

import functools
import importlib
import re
import types
from typing import TYPE_CHECKING, Any

from layercheck.errors import CredentialsError, InvalidParameterError
from layercheck.redact import clean

if TYPE_CHECKING:
    from boto3 import Session

_NAME = r"[A-Za-z_]\w*"
_FUNCTION = re.compile(rf"{_NAME}(?:\.{_NAME})*:{_NAME}(?:\.{_NAME})*")
_HINT = (
    "pass a profile name, or a function of a module that makes the session in the worker, "
    'by name: "package.module:function"'
)
_LOOKED_AT = 1_000  # objects behind a function that are searched for one that holds credentials


def session_name(session: object) -> str | None:
    """Return what crosses to the workers: None, a profile name, or `"package.module:function"`.

    Args:
        session: None, such a text, or a function that a worker can import.

    Raises:
        TypeError: It is something else, or would be pickled with what it holds; the message says why.
        InvalidParameterError: The text is empty.
    """
    if session is None:
        return None
    if isinstance(session, str):
        if not session.strip():
            raise InvalidParameterError("session is empty; leave it out for the worker's own credentials")
        return str.__str__(session)
    held = _credential_kind(session)
    if held is not None:
        raise TypeError(
            f"session is {held}, and a distributed run would pickle its keys into the engine's files; {_HINT}"
        )
    inside = _holds_credentials(session)
    if inside is not None:
        raise TypeError(
            f"session is a {type(session).__name__} that holds {inside}, and a distributed run would pickle "
            f"its keys into the engine's files; {_HINT}"
        )
    if isinstance(session, types.FunctionType):
        return _importable(session)
    raise TypeError(f"session is a {type(session).__name__}; {_HINT}")


def is_function_name(session: str) -> bool:
    """Whether the text names a function and not a profile."""
    return _FUNCTION.fullmatch(session) is not None


def open_session(session: str | None, **of_target: str | None) -> Session | None:
    """Return the session that a function makes in this process; None if no function is named.

    Args:
        session: What `session_name` returned.
        of_target: Passed to the function as far as it has parameters of these names.

    Raises:
        CredentialsError: The function cannot be imported, failed, or returned no session. The message shows
            the type of its exception and not the text, which may hold a secret.
    """
    if session is None or not is_function_name(session):
        return None
    failed: CredentialsError | None = None
    made: Any = None
    try:
        function = _function(session)
        made = function(**_accepted(function, of_target))
    except (Exception, SystemExit) as error:  # noqa: BLE001 (the caller's own function)
        failed = CredentialsError(f"session {session!r} failed in the worker: {_shown(error)}")
    if failed is not None:
        raise failed  # outside of the handler, so that Python does not chain what the function raised
    if not callable(getattr(made, "client", None)) or not callable(getattr(made, "get_credentials", None)):
        raise CredentialsError(
            f"session {session!r} returned a {type(made).__name__}; expected a boto3.Session"
        )
    session_made: Session = made
    return session_made


def _function(name: str) -> Any:
    module, _, path = name.partition(":")
    found: Any = importlib.import_module(module)
    for part in path.split("."):
        found = getattr(found, part)
    return found


def _accepted(function: Any, given: dict[str, str | None]) -> dict[str, str | None]:
    import inspect

    parameters = inspect.signature(function).parameters
    if any(each.kind is each.VAR_KEYWORD for each in parameters.values()):
        return given
    return {name: value for name, value in given.items() if name in parameters}


def _shown(error: BaseException) -> str:
    kind = type(error).__name__
    if isinstance(error, ModuleNotFoundError | AttributeError) and error.name:
        return f"{kind} for {clean(error.name, 100)!r}; is the module installed on the workers?"
    response = getattr(error, "response", None)
    code = response.get("Error", {}).get("Code") if isinstance(response, dict) else None
    return f"{kind} ({clean(code, 100)})" if isinstance(code, str) else kind


def _importable(function: types.FunctionType) -> str:
    where = f"session is the function {function.__qualname__!r}"
    if function.__name__ == "<lambda>" or "<locals>" in function.__qualname__:
        raise TypeError(f"{where}, which has no name that a worker can import; {_HINT}")
    if function.__module__ in ("__main__", "__mp_main__", None):
        raise TypeError(
            f"{where} of the script or notebook itself, which a worker cannot import; put it into a module "
            "that the workers have"
        )
    name = f"{function.__module__}:{function.__qualname__}"
    try:
        found = _function(name)
    except (ImportError, AttributeError):
        found = None
    if found is not function:
        raise TypeError(f"{where}, which cannot be imported as {name!r}; {_HINT}")
    return name


def _holds_credentials(root: object) -> str | None:
    """Return what holds credentials behind a function, a method or a partial; None for nothing found."""
    seen: set[int] = set()
    pending = [root]
    while pending and len(seen) < _LOOKED_AT:
        found = pending.pop()
        if id(found) in seen:
            continue
        seen.add(id(found))
        kind = _credential_kind(found)
        if kind is not None:
            return kind
        pending.extend(_behind(found))
    return None


def _behind(found: object) -> list[object]:
    """What is pickled with an object: what a function closes over and its defaults, parts of containers."""
    if isinstance(found, types.FunctionType):
        cells = [cell.cell_contents for cell in found.__closure__ or () if _is_filled(cell)]
        names = found.__code__.co_names if found.__module__ in ("__main__", "__mp_main__") else ()
        used = [found.__globals__[name] for name in names if name in found.__globals__]
        return [*cells, *used, *(found.__defaults__ or ()), *(found.__kwdefaults__ or {}).values()]
    if isinstance(found, types.MethodType):
        return [found.__self__, found.__func__]
    if isinstance(found, functools.partial):
        return [found.func, *found.args, *found.keywords.values()]
    if isinstance(found, dict):
        return list(found.values())
    if isinstance(found, list | tuple | set | frozenset):
        return list(found)
    if isinstance(found, type | types.ModuleType | str | bytes | int | float):
        return []
    return list(vars(found).values()) if hasattr(found, "__dict__") else []


def _is_filled(cell: types.CellType) -> bool:
    try:
        cell.cell_contents  # noqa: B018 - an empty cell raises
    except ValueError:
        return False
    return True


def _credential_kind(found: object) -> str | None:
    """Name an object that holds credentials, by its methods, without importing boto3."""
    if isinstance(found, type | types.ModuleType | types.FunctionType | types.MethodType):
        return None
    kind = type(found)
    package = kind.__module__.partition(".")[0]
    if callable(getattr(kind, "get_frozen_credentials", None)) or (
        package in ("boto3", "botocore", "aiobotocore", "aioboto3") and "Credentials" in kind.__name__
    ):
        return "credentials of boto3"
    if callable(getattr(kind, "get_credentials", None)):
        return "a boto3 Session"
    if callable(getattr(kind, "batch_check_layer_availability", None)) or (
        hasattr(kind, "_make_api_call") and hasattr(found, "meta")
    ):
        return "a boto3 client"
    if package == "layercheck" and kind.__name__ in ("Checker", "ImageChecker", "Run", "ImageRun"):
        return f"a layercheck {kind.__name__}"
    if package == "boto3" and hasattr(found, "meta"):
        return "a boto3 resource"
    return None
