"""The fault matrix: every fault x every transport, each report compared row by row with the server's log.

The server logs the digests and the faults of every call, so the expected rows are computed from what really
happened. With one call in flight and no back-off, the calls of a run have one fixed order. Then all
transports must give the same report, with the same rows, codes, reasons and errors.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal, get_args

import pytest
from botocore.loaders import create_loader

import layercheck as lc
from fake_account import digests
from layercheck.dispatch.transport.selection import NAMES, TransportName
from layercheck.limits import Limits
from layercheck.retry import RetryPolicy
from layercheck.testing import Call, EvenDigests, Fault, FaultKind, LocalEcr, Throttle
from layercheck.testing.faults import IMAGE_FAULTS

Scene = Literal["in_order", "at_once", "tls"]
"""One call in flight; eight calls in flight; one call in flight, over TLS."""

QUICK = Limits(
    retry=RetryPolicy(attempts=12, back_off_base_s=0.0, back_off_cap_s=0.0),
    tick_s=0.02,
    body_deadline_s=0.3,
    call_deadline_s=10,
)
DIGESTS = digests(200)
ROWS = [*DIGESTS, "sha256:short", *DIGESTS[:20], ""]
"""Includes duplicates and invalid rows, which no fault may change."""
BATCH = 10
HIT = (4, 9)
"""The calls that fail: fewer in a row than the attempts of a batch, with answers before and after."""
LOADER = create_loader()
"""Shared by all sessions here, because reading the service model is most of the cost of a client."""
POISON = tuple(DIGESTS[5::40])


@dataclass(frozen=True)
class Case:
    """A fault, and its effect on a report.

    Attributes:
        fault: The fault.
        marks: The verdict of each digest in an answer with the fault; None if the fault changes no verdict.
        raises: The exception that ends the run.
        wire: The fault changes bytes on the connection, so it is tried over TLS too.
        name: Tells cases of one kind apart.
    """

    fault: Fault
    marks: str | None = None
    raises: type[lc.LayercheckError] | None = None
    wire: bool = False
    name: str = ""

    def __str__(self) -> str:
        return f"{self.fault.kind}{self.name and '-'}{self.name}"


def hit(kind: FaultKind, **settings: Any) -> Fault:
    return Fault(kind, **{"calls": HIT, **settings})


CASES = [
    Case(hit("latency", ms=2.0, jitter_ms=5.0)),
    Case(hit("throttle")),
    Case(hit("throttle", code="ThrottleException"), name="ThrottleException"),
    Case(hit("throttle", code="TooManyRequestsException", status=429), name="TooManyRequestsException"),
    Case(hit("throttle", code="", status=429), name="429"),
    Case(hit("server_error")),
    Case(hit("service_unavailable")),
    Case(hit("error_page")),
    Case(hit("error_page", status=503), name="503"),
    Case(hit("access_denied"), raises=lc.AccessDeniedError),
    Case(hit("expired_token"), raises=lc.CredentialsError),
    Case(hit("expired_key", uses=3), raises=lc.CredentialsError),
    Case(hit("repository_deleted"), raises=lc.RepositoryNotFoundError),
    Case(hit("error", code="SomethingNewException")),
    Case(hit("disconnect"), wire=True),
    Case(hit("reset"), wire=True),
    Case(hit("garbage"), wire=True),
    Case(hit("html")),
    Case(hit("empty"), wire=True),
    Case(hit("wrong_types")),
    Case(Fault("poison", digests=POISON)),
    Case(hit("shuffle")),
    Case(hit("omit", share=1.0)),  # an answer that names none of its digests is asked for again
    Case(hit("repeat", share=1.0)),
    Case(hit("contradict", share=1.0), marks="unanswered"),
    Case(hit("foreign", share=1.0)),
    Case(hit("upper_case", share=1.0)),
    Case(hit("unknown_availability", share=1.0), marks="other"),
    Case(hit("unknown_failure", share=1.0), marks="refused"),
    Case(hit("truncate"), wire=True),
    Case(hit("cut"), wire=True),
    Case(hit("cut_head"), wire=True),
    Case(hit("reset_head"), wire=True),
    Case(hit("reset_body"), wire=True),
    Case(hit("unfinished"), wire=True),
    Case(hit("slow", calls=(4, 5)), wire=True),
    Case(hit("slow_head", bytes_per_ms=20), wire=True),
    Case(hit("padding", bytes=3_000_000), wire=True),
    Case(hit("endless"), wire=True),
    Case(hit("twice"), wire=True),
    Case(hit("informational"), wire=True),
    Case(hit("informational", status=100), wire=True, name="100"),
    Case(hit("chunked"), wire=True),
    Case(hit("http_1_0"), wire=True),
    Case(hit("close"), wire=True),
    Case(hit("idle_close"), wire=True),
]
SCENES = [(case, scene) for scene in get_args(Scene) for case in CASES if scene != "tls" or case.wire]


@dataclass(frozen=True)
class Outcome:
    """The result of a run, and the server's log of it."""

    report: lc.Report
    error: lc.LayercheckError | None
    calls: list[Call]
    counted: int
    endpoint_url: str

    def shown(self) -> Any:
        """The parts of the report that must not depend on the transport."""
        rows = self.report.to_arrow().to_pylist()
        errors = [(each.start, each.stop, each.kind, each.code, each.attempts) for each in self.report.errors]
        error = self.error and (type(self.error), str(self.error))
        return repr((rows, errors, error)).replace(self.endpoint_url, "the server")


@cache
def outcome(case: Case, scene: Scene, transport: TransportName) -> Outcome:
    with LocalEcr({"team/app": EvenDigests()}, faults=[case.fault], seed=5, tls=scene == "tls") as ecr:
        session: Any = ecr.session()
        session._session.register_component("data_loader", LOADER)
        with lc.Checker(
            "team/app",
            session=session,
            endpoint_url=ecr.endpoint_url,
            rate="max",
            transport=transport,
            max_in_flight=8 if scene == "at_once" else 1,
            _limits=QUICK,
        ) as checker:
            run = checker.submit(lc.plan(ROWS, batch_size=BATCH))
            error = run.exception()
            assert error is None or isinstance(error, lc.LayercheckError)
            report = run.report()
        assert report.stats.transport == transport
        return Outcome(report, error, ecr.calls, ecr.counters.faults[case.fault.kind], ecr.endpoint_url)


def expected(case: Case, calls: list[Call]) -> list[str]:
    """The expected verdict of each row, by the server's log."""
    said: dict[str, str] = {}
    for call in calls:
        met = case.fault.kind in call.faults
        if call.outcome != "answered" or (met and case.fault.kind == "omit"):
            if case.raises and met:
                # The call that ended the run. A digest that was never asked is not in any call.
                said |= dict.fromkeys(call.digests, "unanswered")
            continue
        for digest in call.digests:
            truth = "available" if digest[-1] in "02468ace" else "unavailable"
            said[digest] = case.marks if met and case.marks else truth
    if case.fault.kind == "poison":
        said |= dict.fromkeys(POISON, "refused")
    return [said.get(row, "not_checked") if row in DIGESTS else "invalid" for row in ROWS]


@pytest.mark.parametrize("transport", NAMES)
@pytest.mark.parametrize(("case", "scene"), SCENES, ids=[f"{case}-{scene}" for case, scene in SCENES])
def test_every_row_of_a_report_matches_the_log_of_the_server(
    case: Case, scene: Scene, transport: TransportName
) -> None:
    got = outcome(case, scene, transport)
    assert got.counted == sum(case.fault.kind in call.faults for call in got.calls) > 0
    rows = [lc.Verdict(code).name.lower() for code in got.report.verdicts]
    assert rows == expected(case, got.calls)
    assert sum(got.report.counts.values()) == got.report.rows == len(ROWS)
    assert (type(got.error) if got.error else None) is case.raises
    assert got.report.complete == (case.raises is None and "unanswered" not in rows)
    if scene != "at_once":
        assert got.shown() == outcome(case, scene, "plain").shown()


@pytest.mark.parametrize("transport", NAMES)
@pytest.mark.parametrize(
    "fault",
    [
        # The service refuses the key earlier than botocore expects.
        Fault("expired_token", calls=HIT),
        # More calls than a key lives, but fewer than the run, so that without a renewal the run ends.
        Fault("expired_key", uses=15),
    ],
    ids=lambda fault: fault.kind,
)
def test_credentials_that_keep_expiring_cost_only_retries(fault: Fault, transport: TransportName) -> None:
    with (
        LocalEcr({"team/app": EvenDigests()}, faults=[fault], latency_ms=10) as ecr,
        lc.Checker(
            "team/app",
            session=ecr.session(lifetime_s=0.1),  # ten calls
            endpoint_url=ecr.endpoint_url,
            rate="max",
            max_in_flight=1,
            transport=transport,
            _limits=QUICK,
        ) as checker,
    ):
        report = checker.check(lc.plan(ROWS, batch_size=BATCH))
        truth = [digest[-1] in "02468ace" for digest in DIGESTS]
        said = report.unique_verdicts
    assert report.complete
    assert [code == lc.Verdict.AVAILABLE for code in said] == truth
    assert report.errors == ()
    assert report.stats.retries == ecr.counters.faults[fault.kind]
    assert report.stats.requests == ecr.counters.calls


@pytest.mark.parametrize("transport", NAMES)
@pytest.mark.parametrize(
    ("code", "status"),
    [("ThrottlingException", 400), ("TooManyRequestsException", 429), (None, 429)],
    ids=["ThrottlingException", "TooManyRequestsException", "429"],
)
def test_throttling_by_a_token_bucket_costs_time_but_no_verdict(
    code: str | None, status: int, transport: TransportName
) -> None:
    bucket = Throttle(rate=100, burst=5, code=code, status=status)
    with (
        LocalEcr({"team/app": EvenDigests()}, throttle=bucket) as ecr,
        lc.Checker(
            "team/app",
            session=ecr.session(),
            endpoint_url=ecr.endpoint_url,
            rate="max",
            max_in_flight=8,
            transport=transport,
            _limits=replace(
                QUICK,
                retry=replace(QUICK.retry, throttle_attempts=100, back_off_base_s=0.01, back_off_cap_s=0.02),
            ),
        ) as checker,
    ):
        report = checker.check(lc.plan(ROWS, batch_size=BATCH))
        rows = [lc.Verdict(code).name.lower() for code in report.verdicts]
        assert rows == expected(CASES[0], ecr.calls)
    assert report.complete
    assert report.errors == ()
    assert report.stats.throttles == ecr.counters.throttled > 0
    assert report.stats.requests == ecr.counters.calls


def test_every_kind_of_fault_is_in_the_matrix(record_testsuite_property: Any) -> None:
    assert {case.fault.kind for case in CASES} == set(get_args(FaultKind)) - IMAGE_FAULTS
    record_testsuite_property("faults", len(CASES))
    record_testsuite_property("runs", len(SCENES) * len(NAMES))
