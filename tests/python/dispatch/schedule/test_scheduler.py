"""Which digests are asked next: bookkeeping without threads or network."""

from collections.abc import Callable

import pytest

from layercheck._core import Call, RetryDecision, Scheduler
from layercheck.aws.classify import Failure
from layercheck.errors import CredentialsError, EndpointError, InvalidParameterError
from layercheck.limits import Limits
from layercheck.retry import RetryPolicy

SLOTS = 8
TRANSIENT = Failure("transient", "ServerException", "", OSError(), EndpointError)
REFUSED_CONNECTION = Failure("transient", "Refused", "", OSError(), EndpointError, connected=False)
THROTTLED = Failure("throttled", "ThrottlingException", "", OSError(), EndpointError)
BAD = Failure("batch", "InvalidParameterException", "", OSError(), InvalidParameterError)
BAD_DIGEST = Failure(
    "batch", "InvalidParameterException", "", OSError(), InvalidParameterError, names_digest=True
)
BAD_NAME = Failure(
    "batch", "InvalidParameterException", "", OSError(), InvalidParameterError, names_target=True
)


def scheduler(unique: int, limits: Limits | None = None, *, renewable: bool = False) -> Scheduler:
    return Scheduler(unique, 100, SLOTS, limits or Limits(), renewable=renewable, seed=7)


def taken(todo: Scheduler, now: float) -> Call:
    call = todo.take(now)
    assert call is not None
    return call


def work_through(
    todo: Scheduler, service: Callable[[Call], Failure | None], *, limit: int = 10_000
) -> tuple[list[Call], list[RetryDecision]]:
    """Ask until nothing is due, with `SLOTS` calls under way; returns what was asked and the outcomes."""
    now, asked, decisions = 0.0, [], []
    under_way: list[Call] = []
    while not todo.finished:
        due = todo.due(now)
        if due is not None and due <= now and len(under_way) < SLOTS:
            under_way.append(taken(todo, now))
            asked.append(under_way[-1])
            assert len(asked) <= limit
            continue
        if not under_way:
            assert due is not None, "nothing under way, nothing due, and not finished"
            now = max(now, due)
            continue
        call = under_way.pop(0)
        failure = service(call)
        if failure is None:
            todo.settle(call, now)
            continue
        decisions.append(todo.fail(call, failure, now))
        if decisions[-1] in (RetryDecision.FATAL, RetryDecision.STALL):
            todo.stop()
    return asked, decisions


def test_every_digest_is_asked_once_when_all_goes_well() -> None:
    todo = scheduler(1234)
    asked, _ = work_through(todo, lambda call: None)
    assert [(call.start, call.stop) for call in asked] == [
        (start, min(start + 100, 1234)) for start in range(0, 1234, 100)
    ]
    assert list(todo.pending()) == []


def test_nothing_to_ask_is_finished_at_once() -> None:
    assert scheduler(0).finished
    assert scheduler(0).due(0.0) is None


def test_memory_is_flat_in_the_number_of_batches() -> None:
    todo = scheduler(10**12)
    most = 0

    def service(call: Call) -> Failure | None:
        nonlocal most
        most = max(most, len(list(todo.pending())))
        if todo.cursor > 10**6:
            todo.stop()
        return TRANSIENT if call.start % 300 == 0 and not call.tries else None

    work_through(todo, service, limit=20_000)
    assert most <= SLOTS * (Limits().backlog_per_slot + 1) + 1


def test_a_poison_digest_is_found_and_stands_alone() -> None:
    poison = 1077
    todo = scheduler(2000)
    asked, decisions = work_through(todo, lambda call: BAD if call.start <= poison < call.stop else None)
    lone = [call for call in asked if call.size == 1 and call.start == poison]
    assert len(lone) == 1
    assert decisions[-1] == RetryDecision.REFUSE
    assert len(asked) <= 20 + 2 * 7


@pytest.mark.parametrize("poison", [{0}, {99}, {0, 1}, {0, 50}, set(range(0, 100, 7))], ids=str)
def test_poison_digests_that_the_message_blames_are_each_found(poison: set[int]) -> None:
    todo = scheduler(100)
    refused: set[int] = set()

    def service(call: Call) -> Failure | None:
        bad = poison & set(range(call.start, call.stop))
        return BAD_DIGEST if bad else None

    asked, decisions = work_through(todo, service)
    assert RetryDecision.FATAL not in decisions
    refused = {call.start for call in asked if call.size == 1 and call.start in poison}
    assert refused == poison


@pytest.mark.parametrize(("unique", "calls"), [(2, 3), (100, 15), (1_000_000, SLOTS + 15)])
def test_a_parameter_that_no_digest_mends_is_found_in_few_calls(unique: int, calls: int) -> None:
    asked, decisions = work_through(scheduler(unique), lambda call: BAD)
    assert decisions[-1] == RetryDecision.FATAL
    assert len(asked) <= calls


@pytest.mark.parametrize("poison", [{0, 1}, {0, 1, 2, 3}, {98, 99}], ids=str)
def test_neighbours_that_are_refused_without_a_reason_are_not_taken_for_all(poison: set[int]) -> None:
    asked, decisions = work_through(
        scheduler(100), lambda call: BAD if poison & set(range(call.start, call.stop)) else None
    )
    assert RetryDecision.FATAL not in decisions
    assert {call.start for call in asked if call.size == 1} >= poison


def test_a_message_that_names_the_repository_is_fatal_at_once() -> None:
    asked, decisions = work_through(scheduler(100), lambda call: BAD_NAME)
    assert (len(asked), decisions) == (1, [RetryDecision.FATAL])


def test_a_service_that_blames_every_digest_is_not_asked_about_millions() -> None:
    asked, decisions = work_through(scheduler(10**7), lambda call: BAD_DIGEST)
    assert decisions[-1] == RetryDecision.FATAL
    assert len(asked) < 1000


def test_the_only_digest_of_a_plan_stays_a_suspect_when_it_is_refused() -> None:
    todo = scheduler(1)
    _, decisions = work_through(todo, lambda call: BAD)
    assert decisions == [RetryDecision.SUSPECT]
    assert len(todo.suspects) == 1


def test_suspects_are_proven_by_the_first_answer() -> None:
    todo = scheduler(2, Limits())
    call = taken(todo, 0.0)
    assert todo.fail(call, BAD, 0.0) == RetryDecision.SPLIT
    left = taken(todo, 0.0)
    assert todo.fail(left, BAD, 0.0) == RetryDecision.SUSPECT
    right = taken(todo, 0.0)
    assert todo.take_proven() == []
    todo.settle(right, 0.0)
    assert [(suspect.start, suspect.stop) for suspect in todo.take_proven()] == [(0, 1)]
    assert todo.take_proven() == todo.suspects == []
    assert todo.finished


def test_a_transient_error_is_asked_again_a_bounded_number_of_times() -> None:
    retry = Limits().retry
    asked, decisions = work_through(scheduler(1), lambda call: TRANSIENT)
    assert len(asked) == retry.attempts
    assert decisions[-1] == RetryDecision.GIVE_UP
    # Of a batch, two digests are asked alone first, and then each half that is left.
    asked, decisions = work_through(scheduler(100), lambda call: TRANSIENT)
    assert len(asked) <= retry.attempts + 14 * retry.half_attempts + 14
    assert decisions[-1] == RetryDecision.GIVE_UP


def test_a_throttled_call_is_asked_again_longer_but_not_for_ever() -> None:
    limits = Limits()
    asked, decisions = work_through(scheduler(100, limits), lambda call: THROTTLED)
    assert len(asked) == limits.retry.throttle_attempts
    assert decisions[-1] == RetryDecision.GIVE_UP


def test_the_wait_before_asking_again_is_drawn_from_a_doubling_range() -> None:
    limits = Limits(retry=RetryPolicy(attempts=30, back_off_base_s=1.0, back_off_cap_s=16.0))
    todo = scheduler(100, limits)
    now, waits = 0.0, []
    call = taken(todo, now)
    while todo.fail(call, TRANSIENT, now) == RetryDecision.RETRY:
        due = todo.due(now)
        assert due is not None
        waits.append(due - now)
        now = due
        call = taken(todo, now)
    assert all(0 <= wait <= min(16.0, 2.0**index) for index, wait in enumerate(waits))
    assert max(waits) > 8.0
    assert len(set(waits)) == len(waits)


def test_a_host_that_never_answers_is_fatal_soon() -> None:
    limits = Limits()
    asked, decisions = work_through(scheduler(10**6, limits), lambda call: REFUSED_CONNECTION)
    assert decisions[-1] == RetryDecision.FATAL
    assert len(asked) <= (limits.outage_failures + SLOTS) * limits.retry.first_contact_attempts


def test_an_outage_in_mid_run_does_not_cost_every_batch_its_attempts() -> None:
    limits = Limits()
    todo = scheduler(10**6, limits)
    asked, decisions = work_through(todo, lambda call: TRANSIENT if call.start >= 5000 else None)
    assert decisions[-1] == RetryDecision.STALL
    # After the first batches, new ones are asked one by one until the outage has lasted `outage_s`.
    most = limits.outage_failures + SLOTS + todo.PROBES
    # The answers before it pay for some halvings, and one batch is halved in search of an answer.
    halvings = (8 * todo.HALVING_COST + 50) // todo.HALVING_COST + 14
    assert len(asked) < 50 + most * limits.retry.attempts + halvings * 2 * limits.retry.half_attempts
    assert todo.cursor <= 5000 + most * 100
    assert all(call.requests or call.half for call in todo.pending())


def test_an_outage_that_passes_loses_nothing() -> None:
    failures_left = 60

    def service(call: Call) -> Failure | None:
        nonlocal failures_left
        if call.start >= 5000 and failures_left:
            failures_left -= 1
            return TRANSIENT
        return None

    _, decisions = work_through(scheduler(20_000), service)
    assert set(decisions) == {RetryDecision.RETRY}


def test_a_few_failing_batches_at_the_end_are_not_an_outage() -> None:
    asked, decisions = work_through(scheduler(5000), lambda call: TRANSIENT if call.start >= 4500 else None)
    assert RetryDecision.GIVE_UP in decisions
    assert not {RetryDecision.FATAL, RetryDecision.STALL} & set(decisions)
    assert len(asked) < 50 + 5 * 10 * Limits().retry.attempts


def test_a_stopped_scheduler_asks_nothing_and_keeps_what_was_asked() -> None:
    todo = scheduler(1000)
    first, second = taken(todo, 0.0), taken(todo, 0.0)
    todo.fail(first, TRANSIENT, 0.0)
    todo.stop()
    assert todo.due(100.0) is None
    assert not todo.finished
    assert {call.start for call in todo.pending()} == {0, 100}
    todo.settle(second, 0.0)
    assert todo.finished
    assert {call.start for call in todo.pending()} == {0}


EXPIRED = Failure("fatal", "ExpiredTokenException", "", OSError(), CredentialsError, renews=True)


def test_expired_credentials_that_are_renewed_cost_a_retry() -> None:
    todo = scheduler(5000, renewable=True)
    asked, decisions = work_through(todo, lambda call: EXPIRED if not call.renewals else None)
    assert decisions == [RetryDecision.RETRY] * 50
    assert len(asked) == 100


def test_expired_credentials_that_cannot_be_renewed_are_fatal_at_once() -> None:
    asked, decisions = work_through(scheduler(5000), lambda call: EXPIRED)
    assert (decisions[0], len(asked)) == (RetryDecision.FATAL, SLOTS)


def test_credentials_that_stay_expired_are_fatal_after_a_few_tries() -> None:
    limits = Limits()
    asked, decisions = work_through(scheduler(10**6, limits, renewable=True), lambda call: EXPIRED)
    assert decisions.index(RetryDecision.FATAL) >= limits.retry.renewal_attempts - 1
    assert max(call.renewals for call in asked) + 1 == limits.retry.renewal_attempts
    assert len(asked) <= (limits.outage_failures + SLOTS) * limits.retry.renewal_attempts


STALE = Failure("fatal", "InvalidSignatureException", "", OSError(), CredentialsError, resigns=True)


def test_a_signature_of_a_wrong_time_costs_one_request_for_each_batch() -> None:
    asked, decisions = work_through(scheduler(5000), lambda call: None if call.signed_again else STALE)
    assert decisions == [RetryDecision.RETRY] * 50
    assert len(asked) == 100


def test_a_second_signature_of_a_wrong_time_is_fatal() -> None:
    asked, decisions = work_through(scheduler(10**6), lambda call: STALE)
    assert decisions.index(RetryDecision.FATAL) <= 2 * SLOTS
    assert max(call.requests for call in asked) == 2


def test_a_run_is_not_signed_twice_from_end_to_end() -> None:
    _, decisions = work_through(scheduler(10**6), lambda call: None if call.signed_again else STALE)
    assert decisions.count(RetryDecision.RETRY) == Scheduler.SIGNED_AGAIN
    assert decisions[-1] == RetryDecision.FATAL


def test_the_same_digests_are_not_asked_again_for_longer_than_allowed() -> None:
    limits = Limits(retry=RetryPolicy(asking_s=60.0, throttle_attempts=10**6), outage_failures=10**6)
    todo = scheduler(100, limits)
    now = 0.0
    call = taken(todo, now)
    while (decision := todo.fail(call, THROTTLED, now)) == RetryDecision.RETRY:
        due = todo.due(now)
        assert due is not None
        now = due + 1.0
        call = taken(todo, now)
    assert decision == RetryDecision.GIVE_UP
    assert 60.0 <= now <= 60.0 + limits.retry.back_off_cap_s + 1.0


def test_a_run_is_stuck_from_the_first_call_nothing_came_of() -> None:
    todo = scheduler(1000)
    assert todo.stuck_s(50.0) == 0.0  # nothing under way: it waits for the pacer
    first = taken(todo, 100.0)
    assert todo.stuck_s(130.0) == 30.0
    second = taken(todo, 140.0)
    todo.settle(second, 150.0)
    assert todo.stuck_s(160.0) == 10.0  # the first may hang, but there are answers
    todo.fail(first, TRANSIENT, 170.0)
    assert todo.stuck_s(180.0) == 30.0
    todo.settle(taken(todo, 190.0), 200.0)
    assert todo.stuck_s(1000.0) == 0.0


def test_what_is_refused_is_progress() -> None:
    todo = scheduler(1000)
    todo.fail(taken(todo, 0.0), TRANSIENT, 10.0)
    todo.fail(taken(todo, 10.0), BAD, 20.0)
    assert todo.stuck_s(30.0) == 0.0
