"""All faults of `LocalEcr` at once, through the public API. `test_fault_matrix` tests each fault alone."""

from __future__ import annotations

from typing import Any, get_args

import layercheck as lc
from fake_account import digests
from layercheck.limits import Limits
from layercheck.retry import RetryPolicy
from layercheck.testing import EvenDigests, Fault, FaultKind, LocalEcr, Throttle

QUICK = Limits(
    retry=RetryPolicy(attempts=12, back_off_base_s=0.001, back_off_cap_s=0.02),
    tick_s=0.02,
    body_deadline_s=0.3,
    call_deadline_s=5,
)
ROWS = digests(4000)
FATAL = {"access_denied", "expired_token", "expired_key", "repository_deleted"}
LASTING = {"omit", "contradict", "unknown_availability", "unknown_failure", "poison"}
"""Faults in an answer that is valid JSON. They change verdicts, because such an answer is not asked again."""


def fault(kind: FaultKind, probability: float) -> Fault:
    settings: dict[FaultKind, dict[str, Any]] = {
        "latency": {"ms": 20.0, "jitter_ms": 20.0},
        "error": {"code": "SomethingNewException"},
        "padding": {"bytes": 3_000_000},
    }
    return Fault(kind, probability=probability, **settings.get(kind, {}))


def assert_true(report: lc.Report, ecr: LocalEcr) -> None:
    assert sum(report.counts.values()) == report.rows == len(ROWS)
    assert all(ecr.available(digest, "team/app") for digest in report.digests("available"))
    assert not any(ecr.available(digest, "team/app") for digest in report.digests("unavailable"))


def test_all_transient_faults_together_lose_no_verdict() -> None:
    kinds: list[FaultKind] = sorted(set(get_args(FaultKind)) - FATAL - LASTING - {"slow", "endless"})
    # Together they hit a third of all calls. Twelve hits in a row on one batch are practically impossible.
    faults = [fault(kind, 0.02) for kind in kinds]
    throttle = Throttle(rate=400, burst=20)
    with LocalEcr({"team/app": EvenDigests()}, faults=faults, throttle=throttle, seed=11) as ecr:
        with lc.Checker(
            "team/app", session=ecr.session(), endpoint_url=ecr.endpoint_url, rate="max", _limits=QUICK
        ) as checker:
            report = checker.check(ROWS)
        assert_true(report, ecr)
    assert report.complete
    assert report.stats.retries > 0


def test_the_pacer_settles_at_the_rate_that_the_service_allows() -> None:
    rows = digests(20_000)
    with (
        LocalEcr({"team/app": EvenDigests()}, throttle=Throttle(rate=100, burst=10)) as ecr,
        lc.Checker("team/app", session=ecr.session(), endpoint_url=ecr.endpoint_url) as checker,
    ):
        report = checker.check(rows)
        assert checker.rate is not None
        assert checker.rate < 500
    assert report.complete
    # The pacer answers throttles by slowing down.
    assert report.stats.throttles < report.stats.calls * 2
