"""End to end with generated faults of the server: verdicts stay true and none is lost.

Nothing is faked: `layercheck` asks a real server over a real socket. The test listens on the boto3 client to
the answers that botocore parsed. The reference merges the same answers, and must reach the same verdicts.
"""

from __future__ import annotations

import threading
from collections import Counter
from typing import Any, cast

import boto3
import pytest
from botocore.config import Config
from hypothesis import Phase, given, note, settings
from hypothesis import strategies as st

import digest_strategies as ds
import layercheck as lc
import reference as ref
from layercheck.limits import Limits
from layercheck.retry import RetryPolicy
from layercheck.testing import Fault, Layer, LocalEcr

OPERATION = "BatchCheckLayerAvailability"

# Short pauses, and the defaults for everything else.
QUICK = Limits(
    retry=RetryPolicy(throttle_attempts=5, back_off_base_s=0.001, back_off_cap_s=0.01), tick_s=0.01
)

# No shrinking, because every try is a whole run with its own server, and the order of calls may differ.
PHASES = [Phase.explicit, Phase.reuse, Phase.generate]

# One session for all examples, because loading the service model takes longest.
SESSION = boto3.Session(aws_access_key_id="testing", aws_secret_access_key="testing", region_name="us-east-1")

SHARED = ["omit", "repeat", "contradict", "foreign", "upper_case", "unknown_availability", "unknown_failure"]
CONTENT = [*SHARED, "shuffle"]
TRANSIENT = [
    "throttle",
    "server_error",
    "service_unavailable",
    "disconnect",
    "reset",
    "html",
    "wrong_types",
    "truncate",
    "cut",
]
FATAL = ["access_denied", "expired_token"]
# Faults that change an answer but not its meaning.
HARMLESS = ["repeat", "foreign", "upper_case", "shuffle"]

EVER = [(1, None), (1, None), (1, 1), (2, 3), (3, None)]
A_WHILE = [(1, 1), (1, 2), (2, 3)]


@st.composite
def faults_of(draw: st.DrawFn, kinds: list[Any], spans: list[Any] = EVER) -> Fault:
    kind = draw(st.sampled_from(kinds))
    share: dict[str, Any] = {"share": draw(st.sampled_from([0.5, 1.0, 0.2, 0.01]))} if kind in SHARED else {}
    chance = draw(st.sampled_from([1.0, 0.5, 0.2]))
    return Fault(kind, probability=chance, calls=draw(st.sampled_from(spans)), **share)


class Listener:
    """Records each answer that botocore parsed: the digests of the call and the parsed body."""

    def __init__(self, endpoint_url: str, *, public: bool) -> None:
        service: Any = "ecr-public" if public else "ecr"
        once = Config(retries={"total_max_attempts": 1, "mode": "standard"})
        self.client: Any = SESSION.client(service, endpoint_url=endpoint_url, config=once)
        self.client.meta.events.register(f"before-parameter-build.{service}.{OPERATION}", self._asked)
        self.client.meta.events.register(f"after-call.{service}.{OPERATION}", self._answered)
        self._lock = threading.Lock()
        self._answers: list[tuple[list[bytes], dict[str, Any]]] = []

    def _asked(self, params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        context["asked"] = [bytes.fromhex(text.removeprefix("sha256:")) for text in params["layerDigests"]]

    def _answered(
        self, http_response: Any, parsed: dict[str, Any], context: dict[str, Any], **_: Any
    ) -> None:
        lists = [parsed[key] for key in ("layers", "failures") if parsed.get(key) is not None]
        if http_response.status_code == 200 and lists and all(isinstance(each, list) for each in lists):
            with self._lock:
                self._answers.append((context["asked"], parsed))

    def states(self) -> dict[bytes, ref.State]:
        """The state of every digest that an answer was about, by the reference."""
        known: dict[bytes, ref.State] = {}
        for asked, parsed in self._answers:
            for digest, said in zip(asked, ref.merge(asked, parsed)[0], strict=True):
                known[digest] = ref.settle(known.get(digest, ref.State()), said)
        return {digest: state for digest, state in known.items() if state != ref.State()}


def checked(rows: list[Any], batch_size: int, max_in_flight: int, **target: Any) -> tuple[lc.Report, bool]:
    """The report, and whether the run was done rather than ended by a fatal error."""
    with lc.Checker("app", rate="max", max_in_flight=max_in_flight, _limits=QUICK, **target) as checker:
        try:
            report = checker.check(lc.plan(rows, batch_size=batch_size))
            # A service that stops answering also ends a run, but without an exception.
            return report, report.stats.ended == "done"
        except lc.LayercheckError as error:
            return cast("lc.Report", error.report), False


def states_of(report: lc.Report) -> list[ref.State]:
    lines = report.to_arrow(unique=True).to_pylist()
    return [
        ref.State(line["verdict"], line["code"], line["reason"], line["size"], line["media_type"])
        for line in lines
    ]


# Different digests first, so that there are calls that can fail; then any rows; then some digests again.
rows_of_a_run = st.tuples(
    st.lists(ds.digests.map(ref.as_text), min_size=5, max_size=30, unique=True),
    st.lists(ds.rows, max_size=10),
).map(lambda both: [*both[0], *both[1], *both[0][:5]])


def held(texts: list[str], words: list[Any]) -> dict[str, Layer]:
    """A repository that gives its digests these availabilities in turn; None for a missing digest."""
    said = [(text, words[number % len(words)], number) for number, text in enumerate(texts)]
    return {text: Layer(size=number, availability=word) for text, word, number in said if word is not None}


@pytest.mark.parametrize("kind", [*CONTENT, *TRANSIENT, *FATAL, "poison"])
def test_verdicts_equal_those_of_the_reference_for_the_same_answers(kind: str) -> None:
    """Every example has this kind of fault, and other faults too."""
    took_effect: Counter[str] = Counter()

    @settings(deadline=None, phases=PHASES, max_examples=12)
    @given(
        rows=rows_of_a_run,
        fault=st.just(None) if kind == "poison" else faults_of([kind]),
        others=st.lists(faults_of([*CONTENT, *CONTENT, *TRANSIENT, *FATAL]), max_size=3),
        words=st.permutations(["AVAILABLE", "UNAVAILABLE", "ARCHIVED", None, "AVAILABLE"]),
        public=st.booleans(),
        batch_size=st.sampled_from([3, 10, 1, 100]),
        max_in_flight=st.sampled_from([1, 8]),
        seed=st.integers(0, 1000),
    )
    def check_one(
        rows: list[Any],
        fault: Fault | None,
        others: list[Fault],
        words: list[Any],
        public: bool,
        batch_size: int,
        max_in_flight: int,
        seed: int,
    ) -> None:
        wanted = ref.plan(rows)
        texts = [ref.as_text(digest) for digest in wanted.digests]
        poisoned = tuple(texts[1::6]) if fault is None else ()
        faults = [fault or Fault("poison", digests=poisoned), *others]
        with LocalEcr({"app": held(texts, words)}, faults=faults, seed=seed) as server:
            listener = Listener(server.endpoint_url, public=public)
            report, ended = checked(rows, batch_size, max_in_flight, client=listener.client, public=public)
            listener.client.close()
            took_effect.update(server.counters.faults)
            note(f"{server.counters}")
            truth = dict(zip(wanted.digests, server.availabilities(texts), strict=True))
        assert_accounted(report, wanted, listener.states(), set(poisoned), ended=ended)
        # If a server drops one of two contradicting entries, no client can see the contradiction.
        if not {"contradict", "omit"} <= {each.kind for each in faults}:
            assert_true(report, wanted, truth, public=public)

    check_one()
    assert took_effect[kind] > 0


def assert_accounted(
    report: lc.Report, wanted: ref.Plan, answered: dict[bytes, ref.State], poisoned: set[str], *, ended: bool
) -> None:
    """Check that no answer is lost or misread, and that every row has exactly one verdict."""
    states = states_of(report)
    for digest, state in zip(wanted.digests, states, strict=True):
        if digest in answered and answered[digest].verdict != "unanswered":
            assert state == answered[digest]
        elif digest in answered:
            # It was asked again, and what became of that is the cause that is kept.
            assert state.verdict == "unanswered"
        elif state.verdict == "refused":
            assert ref.as_text(digest) in poisoned
        else:
            assert state.verdict == "unanswered" or (state.verdict == "not_checked" and not ended)
    by_reference = ref.Report(wanted, states)
    assert [lc.Verdict(code).label for code in report.verdicts.tolist()] == by_reference.verdicts
    assert report.counts == by_reference.counts
    assert sum(report.counts.values()) == report.rows == wanted.rows
    assert report.unique_counts == by_reference.unique_counts
    assert report.complete == by_reference.complete


def assert_true(report: lc.Report, wanted: ref.Plan, truth: dict[bytes, Any], *, public: bool) -> None:
    """Check that the verdicts of the report match the repository."""
    for digest, state in zip(wanted.digests, states_of(report), strict=True):
        if state.verdict in ("available", "unavailable", "archived"):
            word = truth[digest].lower()
            # ECR Public has no archive, so that an archived layer is unavailable there.
            assert state.verdict == ("unavailable" if public and word == "archived" else word)


@settings(deadline=None, phases=PHASES, max_examples=40)
@given(
    rows=rows_of_a_run,
    faults=st.lists(faults_of(HARMLESS), min_size=1, max_size=3),
    error_log=st.lists(faults_of(TRANSIENT, A_WHILE), min_size=1, max_size=2),
    batch_size=st.sampled_from([1, 3, 10, 100]),
    seed=st.integers(0, 1000),
)
def test_transient_faults_do_not_change_the_verdicts(
    rows: list[Any], faults: list[Fault], error_log: list[Fault], batch_size: int, seed: int
) -> None:
    wanted = ref.plan(rows)
    texts = [ref.as_text(digest) for digest in wanted.digests]
    with LocalEcr({"app": texts[::2]}, faults=[*faults, *error_log], seed=seed) as server:
        report, ended = checked(rows, batch_size, 4, session=SESSION, endpoint_url=server.endpoint_url)
        asked = [text for call in server.calls for text in call.digests]
    assert ended
    assert report.complete
    assert not report.errors
    assert report.digests("available") == texts[::2]
    assert report.digests("unavailable") == texts[1::2]
    assert set(asked) == set(texts)
    assert report.stats.requests - report.stats.retries == report.stats.calls == -(-len(texts) // batch_size)


@settings(deadline=None, phases=PHASES, max_examples=25)
@given(rows=rows_of_a_run, seed=st.integers(0, 1000), fault=faults_of(CONTENT))
def test_a_check_by_a_given_client_agrees_with_the_reference(
    rows: list[Any], seed: int, fault: Fault
) -> None:
    wanted = ref.plan(rows)
    texts = [ref.as_text(digest) for digest in wanted.digests]
    with LocalEcr({"app": texts[::2]}, faults=[fault], seed=seed) as server:
        listener = Listener(server.endpoint_url, public=False)
        report, ended = checked(rows, 100, 8, client=listener.client)
        listener.client.close()
    assert_accounted(report, wanted, listener.states(), set(), ended=ended)
