"""What dispatch itself costs for each call, as a count: no clock, so no other load on the machine matters."""

from __future__ import annotations

from studies import overhead


def test_dispatch_makes_few_interpreter_level_calls_for_each_call() -> None:
    counted = overhead.interpreter_calls()
    print(f"{counted:.1f} interpreter-level calls")  # noqa: T201 (`pytest -rP` shows it)
    # At some 0.1 us each, a tenth of what plain boto3's 2,500 take.
    assert 10 < counted <= 75
