"""Which digests are asked next: bookkeeping without threads or network."""

import random
from collections.abc import Callable

import pytest

from layercheck.aws.classify import Failure
from layercheck.dispatch.schedule.scheduler import Agenda, Call, Sequel
from layercheck.errors import CredentialsError, EndpointError, InvalidParameterError
from layercheck.limits import Tuning

SLOTS = 8
PASSING = Failure("passing", "ServerException", "", OSError(), EndpointError)
REFUSED_CONNECTION = Failure("passing", "Refused", "", OSError(), EndpointError, connected=False)
THROTTLED = Failure("throttled", "ThrottlingException", "", OSError(), EndpointError)
BAD = Failure("batch", "InvalidParameterException", "", OSError(), InvalidParameterError)
BAD_DIGEST = Failure(
    "batch", "InvalidParameterException", "", OSError(), InvalidParameterError, names_digest=True
)
BAD_NAME = Failure(
    "batch", "InvalidParameterException", "", OSError(), InvalidParameterError, names_target=True
)


def agenda(unique: int, tuning: Tuning | None = None, *, renewable: bool = False) -> Agenda:
    return Agenda(unique, 100, SLOTS, tuning or Tuning(), renewable, random.Random(7))


def work_through(
    todo: Agenda, service: Callable[[Call], Failure | None], *, limit: int = 10_000
) -> tuple[list[Call], list[Sequel]]:
    """Ask until nothing is due, with `SLOTS` calls under way; returns what was asked and the outcomes."""
    now, asked, sequels = 0.0, [], []
    under_way: list[Call] = []
    while not todo.finished:
        due = todo.due(now)
        if due is not None and due <= now and len(under_way) < SLOTS:
            under_way.append(todo.take(now))
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
        sequels.append(todo.fail(call, failure, now))
        if sequels[-1] in (Sequel.DEAD_END, Sequel.STALLED):
            todo.stop()
    return asked, sequels


def test_every_digest_is_asked_once_when_all_goes_well() -> None:
    todo = agenda(1234)
    asked, _ = work_through(todo, lambda call: None)
    assert [(call.start, call.stop) for call in asked] == [
        (start, min(start + 100, 1234)) for start in range(0, 1234, 100)
    ]
    assert list(todo.leftovers()) == []


def test_nothing_to_ask_is_finished_at_once() -> None:
    assert agenda(0).finished
    assert agenda(0).due(0.0) is None


def test_memory_is_flat_in_the_number_of_batches() -> None:
    todo = agenda(10**12)
    most = 0

    def service(call: Call) -> Failure | None:
        nonlocal most
        most = max(most, len(list(todo.leftovers())))
        if todo.cursor > 10**6:
            todo.stop()
        return PASSING if call.start % 300 == 0 and not call.tries else None

    work_through(todo, service, limit=20_000)
    assert most <= SLOTS * (Tuning().backlog_per_slot + 1) + 1


def test_a_poison_digest_is_found_and_stands_alone() -> None:
    poison = 1077
    todo = agenda(2000)
    asked, sequels = work_through(todo, lambda call: BAD if call.start <= poison < call.stop else None)
    lone = [call for call in asked if call.size == 1 and call.start == poison]
    assert len(lone) == 1
    assert sequels[-1] is Sequel.REFUSED
    assert len(asked) <= 20 + 2 * 7


@pytest.mark.parametrize("poison", [{0}, {99}, {0, 1}, {0, 50}, set(range(0, 100, 7))], ids=str)
def test_poison_digests_that_the_message_blames_are_each_found(poison: set[int]) -> None:
    todo = agenda(100)
    refused: set[int] = set()

    def service(call: Call) -> Failure | None:
        bad = poison & set(range(call.start, call.stop))
        return BAD_DIGEST if bad else None

    asked, sequels = work_through(todo, service)
    assert Sequel.DEAD_END not in sequels
    refused = {call.start for call in asked if call.size == 1 and call.start in poison}
    assert refused == poison


@pytest.mark.parametrize(("unique", "calls"), [(2, 3), (100, 15), (1_000_000, SLOTS + 15)])
def test_a_parameter_that_no_digest_mends_is_found_in_few_calls(unique: int, calls: int) -> None:
    asked, sequels = work_through(agenda(unique), lambda call: BAD)
    assert sequels[-1] is Sequel.DEAD_END
    assert len(asked) <= calls


@pytest.mark.parametrize("poison", [{0, 1}, {0, 1, 2, 3}, {98, 99}], ids=str)
def test_neighbours_that_are_refused_without_a_reason_are_not_taken_for_all(poison: set[int]) -> None:
    asked, sequels = work_through(
        agenda(100), lambda call: BAD if poison & set(range(call.start, call.stop)) else None
    )
    assert Sequel.DEAD_END not in sequels
    assert {call.start for call in asked if call.size == 1} >= poison


def test_a_message_that_names_the_repository_is_a_dead_end_at_once() -> None:
    asked, sequels = work_through(agenda(100), lambda call: BAD_NAME)
    assert (len(asked), sequels) == (1, [Sequel.DEAD_END])


def test_a_service_that_blames_every_digest_is_not_asked_about_millions() -> None:
    asked, sequels = work_through(agenda(10**7), lambda call: BAD_DIGEST)
    assert sequels[-1] is Sequel.DEAD_END
    assert len(asked) < 1000


def test_the_only_digest_of_a_plan_stays_a_suspect_when_it_is_refused() -> None:
    todo = agenda(1)
    _, sequels = work_through(todo, lambda call: BAD)
    assert sequels == [Sequel.SUSPECT]
    assert len(todo.suspects) == 1


def test_suspects_are_proven_by_the_first_answer() -> None:
    todo = agenda(2, Tuning())
    call = todo.take(0.0)
    assert todo.fail(call, BAD, 0.0) is Sequel.HALVED
    left = todo.take(0.0)
    assert todo.fail(left, BAD, 0.0) is Sequel.SUSPECT
    proven = todo.settle(todo.take(0.0), 0.0)
    assert [(suspect.start, suspect.stop) for suspect, _ in proven] == [(0, 1)]
    assert todo.finished


def test_a_passing_error_is_asked_again_a_bounded_number_of_times() -> None:
    tuning = Tuning()
    asked, sequels = work_through(agenda(100, tuning), lambda call: PASSING)
    assert len(asked) == tuning.attempts
    assert sequels[-1] is Sequel.GAVE_UP


def test_a_throttled_call_is_asked_again_longer_but_not_for_ever() -> None:
    tuning = Tuning()
    asked, sequels = work_through(agenda(100, tuning), lambda call: THROTTLED)
    assert len(asked) == tuning.throttle_attempts
    assert sequels[-1] is Sequel.GAVE_UP


def test_the_wait_before_asking_again_is_drawn_from_a_doubling_range() -> None:
    tuning = Tuning(attempts=30, back_off_base_s=1.0, back_off_cap_s=16.0)
    todo = agenda(100, tuning)
    now, waits = 0.0, []
    call = todo.take(now)
    while todo.fail(call, PASSING, now) is Sequel.AGAIN:
        due = todo.due(now)
        assert due is not None
        waits.append(due - now)
        now = due
        call = todo.take(now)
    assert all(0 <= wait <= min(16.0, 2.0**index) for index, wait in enumerate(waits))
    assert max(waits) > 8.0
    assert len(set(waits)) == len(waits)


def test_a_host_that_never_answers_is_a_dead_end_soon() -> None:
    tuning = Tuning()
    asked, sequels = work_through(agenda(10**6, tuning), lambda call: REFUSED_CONNECTION)
    assert sequels[-1] is Sequel.DEAD_END
    assert len(asked) <= (tuning.outage_failures + SLOTS) * tuning.first_contact_attempts


def test_an_outage_in_mid_run_does_not_cost_every_batch_its_attempts() -> None:
    tuning = Tuning()
    todo = agenda(10**6, tuning)
    asked, sequels = work_through(todo, lambda call: PASSING if call.start >= 5000 else None)
    assert sequels[-1] is Sequel.STALLED
    assert len(asked) < 50 + (tuning.outage_failures + SLOTS) * tuning.attempts
    assert todo.cursor <= 5000 + (tuning.outage_failures + SLOTS) * 100
    assert all(call.requests for call, _ in todo.leftovers())


def test_an_outage_that_passes_loses_nothing() -> None:
    failures_left = 60

    def service(call: Call) -> Failure | None:
        nonlocal failures_left
        if call.start >= 5000 and failures_left:
            failures_left -= 1
            return PASSING
        return None

    _, sequels = work_through(agenda(20_000), service)
    assert set(sequels) == {Sequel.AGAIN}


def test_a_few_failing_batches_at_the_end_are_no_outage() -> None:
    _, sequels = work_through(agenda(5000), lambda call: PASSING if call.start >= 4500 else None)
    assert sequels.count(Sequel.GAVE_UP) == 5
    assert Sequel.DEAD_END not in sequels


def test_a_stopped_agenda_asks_nothing_and_keeps_what_was_asked() -> None:
    todo = agenda(1000)
    first, second = todo.take(0.0), todo.take(0.0)
    todo.fail(first, PASSING, 0.0)
    todo.stop()
    assert todo.due(100.0) is None
    assert not todo.finished
    assert {call.start for call, _ in todo.leftovers()} == {0, 100}
    todo.settle(second, 0.0)
    assert todo.finished
    assert {call.start for call, _ in todo.leftovers()} == {0}


EXPIRED = Failure("dead_end", "ExpiredTokenException", "", OSError(), CredentialsError, renews=True)


def test_expired_credentials_that_are_renewed_cost_a_retry() -> None:
    todo = agenda(5000, renewable=True)
    asked, sequels = work_through(todo, lambda call: EXPIRED if not call.renewals else None)
    assert sequels == [Sequel.AGAIN] * 50
    assert len(asked) == 100


def test_expired_credentials_that_nobody_renews_are_a_dead_end_at_once() -> None:
    asked, sequels = work_through(agenda(5000), lambda call: EXPIRED)
    assert (sequels[0], len(asked)) == (Sequel.DEAD_END, SLOTS)


def test_credentials_that_stay_expired_are_a_dead_end_after_a_few_tries() -> None:
    tuning = Tuning()
    asked, sequels = work_through(agenda(10**6, tuning, renewable=True), lambda call: EXPIRED)
    assert sequels.index(Sequel.DEAD_END) >= tuning.renewal_attempts - 1
    assert max(call.renewals for call in asked) == tuning.renewal_attempts
    assert len(asked) <= (tuning.outage_failures + SLOTS) * tuning.renewal_attempts


def test_the_same_digests_are_not_asked_again_for_longer_than_allowed() -> None:
    tuning = Tuning(asking_s=60.0, throttle_attempts=10**6, outage_failures=10**6)
    todo = agenda(100, tuning)
    now = 0.0
    call = todo.take(now)
    while (sequel := todo.fail(call, THROTTLED, now)) is Sequel.AGAIN:
        due = todo.due(now)
        assert due is not None
        now = due + 1.0
        call = todo.take(now)
    assert sequel is Sequel.GAVE_UP
    assert 60.0 <= now <= 60.0 + tuning.back_off_cap_s + 1.0


def test_a_run_is_stuck_from_the_first_call_nothing_came_of() -> None:
    todo = agenda(1000)
    assert todo.stuck_s(50.0) == 0.0  # nothing under way: it waits for the pacer
    first = todo.take(100.0)
    assert todo.stuck_s(130.0) == 30.0
    second = todo.take(140.0)
    todo.settle(second, 150.0)
    assert todo.stuck_s(160.0) == 10.0  # the first may hang, but there are answers
    todo.fail(first, PASSING, 170.0)
    assert todo.stuck_s(180.0) == 30.0
    todo.settle(todo.take(190.0), 200.0)
    assert todo.stuck_s(1000.0) == 0.0


def test_what_is_refused_is_progress() -> None:
    todo = agenda(1000)
    todo.fail(todo.take(0.0), PASSING, 10.0)
    todo.fail(todo.take(10.0), BAD, 20.0)
    assert todo.stuck_s(30.0) == 0.0
