"""Arguments of a run, as Python or numpy has them, made plain before a worker gets them."""

from __future__ import annotations

import operator
from numbers import Integral, Real


def real_number(value: object) -> float | None:
    """Return a real number as a float; None if it is not one. A bool is not a number."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    try:
        return float(value)
    except OverflowError:
        return float("inf")


def whole_number(value: object) -> int | None:
    """Return a whole number as an int; None if it is not one. A bool is not a number."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        return None
    return operator.index(value)


def plain_text(name: str, value: object) -> str | None:
    """Return a text as it is, or None. A subclass of str would be pickled with whatever it holds.

    Raises:
        TypeError: The value is neither text nor None.
    """
    if value is None:
        return None
    if not isinstance(value, str):
        raise TypeError(f"{name} is a {kind_of(value)}; expected a str")
    return str.__str__(value)


def check_flag(name: str, value: object) -> None:
    """Refuse what is not a bool: the text "false" would count as true.

    Raises:
        TypeError: The value is not a bool.
    """
    if not isinstance(value, bool):
        raise TypeError(f"{name} is a {kind_of(value)}; expected True or False")


def kind_of(value: object) -> str:
    """Return what a value is, with its library: "pandas DataFrame", "int"."""
    kind = type(value)
    library = kind.__module__.partition(".")[0]
    return kind.__name__ if library in ("builtins", "__main__") else f"{library} {kind.__name__}"
