"""The cost of dispatch per request, as a count of function calls, which does not depend on other load."""

from __future__ import annotations

from studies import overhead


def test_dispatch_makes_few_interpreter_level_calls_per_request() -> None:
    counted = overhead.interpreter_calls()
    print(f"{counted:.1f} interpreter-level calls")  # noqa: T201 (`pytest -rP` shows it)
    # At about 0.1 us each, a tenth of the time of plain boto3's 2,500 calls.
    assert 10 < counted <= 67
