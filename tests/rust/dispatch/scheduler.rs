//! What is asked next, without threads, a clock or a network. `tests/python/dispatch/schedule` has more.

use layercheck::dispatch::{Call, Decision, Failure, Limits, RetryPolicy, Scheduler};

use super::{BAD, BATCH, SLOTS, THROTTLED, TRANSIENT, limits, no_delays};

fn scheduler(digests: usize, limits: Limits) -> Scheduler {
    Scheduler::of_all(digests, BATCH, SLOTS, limits, 7)
}

fn take(todo: &mut Scheduler, now: f64) -> Option<Call> {
    todo.take(now).unwrap()
}

/// Asks until nothing is due, with [`SLOTS`] calls under way. Returns what was asked, and the decisions.
fn work_through(
    todo: &mut Scheduler,
    mut service: impl FnMut(&Scheduler, &Call) -> Option<Failure>,
) -> (Vec<Call>, Vec<Decision>) {
    let (mut now, mut asked, mut decisions) = (0.0, Vec::new(), Vec::new());
    let mut under_way = std::collections::VecDeque::new();
    while !todo.is_finished() {
        if under_way.len() < SLOTS
            && let Some(call) = take(todo, now)
        {
            asked.push(call.clone());
            assert!(asked.len() <= 20_000, "it asks for ever");
            under_way.push_back(call);
        } else if let Some(call) = under_way.pop_front() {
            if let Some(failure) = service(todo, &call) {
                decisions.push(todo.fail(&call, failure, now));
            } else {
                todo.settle(&call, now);
            }
        } else {
            now = todo.due(now).expect("not finished, and nothing is under way").max(now);
        }
    }
    (asked, decisions)
}

fn digests_of(calls: &[Call]) -> Vec<std::ops::Range<usize>> {
    calls.iter().map(|call| call.digests.clone()).collect()
}

#[test]
fn every_digest_is_asked_once_when_all_goes_well() {
    let mut todo = scheduler(1_234, limits());
    let (asked, _) = work_through(&mut todo, |_, _| None);
    let expected: Vec<_> = (0..13).map(|at| at * BATCH..(at * BATCH + BATCH).min(1_234)).collect();
    assert_eq!(digests_of(&asked), expected);
    assert!(asked.iter().zip(1..).all(|(call, number)| call.number == number), "each has its own number");
    assert_eq!((todo.pending().count(), todo.cursor()), (0, 1_234));
}

#[test]
fn nothing_is_taken_when_nothing_is_due() {
    assert_eq!(take(&mut scheduler(0, limits()), 0.0), None);
    let mut todo = scheduler(100, limits());
    let call = take(&mut todo, 0.0).unwrap();
    assert_eq!((todo.due(0.0), take(&mut todo, 0.0)), (None, None), "its only call is under way");
    assert_eq!(todo.fail(&call, TRANSIENT, 0.0), Decision::Retry);
    let due = todo.due(0.0).unwrap();
    assert!(due > 0.0);
    assert_eq!(take(&mut todo, due.next_down()), None, "the call waits");
    let again = take(&mut todo, due).unwrap();
    assert_eq!((again.number, again.requests, again.tries), (2, 2, 1));
    assert_eq!((again.first_at, again.started_at), (0.0, due));
    todo.fail(&again, TRANSIENT, due);
    todo.stop();
    assert_eq!((todo.due(1e9), take(&mut todo, 1e9)), (None, None), "nothing more is asked");
    assert!(todo.is_finished());
}

#[test]
fn calls_that_wait_are_asked_when_each_is_due() {
    let mut todo = scheduler(800, limits());
    let calls: Vec<Call> = std::iter::from_fn(|| take(&mut todo, 0.0)).collect();
    for call in &calls {
        todo.fail(call, TRANSIENT, 0.0);
    }
    let (mut now, mut asked) = (0.0, Vec::new());
    while let Some(due) = todo.due(now) {
        assert!((now..=0.1).contains(&due), "{due} after {now}");
        now = due;
        asked.push(take(&mut todo, now).unwrap());
    }
    let mut digests = digests_of(&asked);
    assert_ne!(digests, digests_of(&calls), "each has a delay of its own");
    digests.sort_by_key(|digests| digests.start);
    assert_eq!(digests, digests_of(&calls));
}

#[test]
fn of_calls_that_are_due_at_once_the_first_that_failed_is_the_first() {
    let mut todo = scheduler(1_000, no_delays());
    let calls: Vec<Call> = (0..4).map(|_| take(&mut todo, 0.0).unwrap()).collect();
    for call in calls.iter().rev() {
        todo.fail(call, TRANSIENT, 0.0);
    }
    let asked: Vec<Call> = (0..5).map(|_| take(&mut todo, 0.0).unwrap()).collect();
    assert_eq!(digests_of(&asked), [300..400, 200..300, 100..200, 0..100, 400..500]);
}

#[test]
fn the_same_digests_are_asked_a_limited_number_of_times() {
    let mut todo = scheduler(1, limits());
    let (asked, decisions) = work_through(&mut todo, |_, _| Some(TRANSIENT));
    assert_eq!(asked.len(), 7);
    assert_eq!(decisions.last(), Some(&Decision::GiveUp));
    assert!(decisions[..6].iter().all(|decision| *decision == Decision::Retry));
    assert_eq!(todo.pending().count(), 0);
}

#[test]
fn a_digest_that_fails_its_batch_is_found_and_stands_alone() {
    const POISON: usize = 1_077;
    let most_calls = [(BAD, Decision::Refuse, 20 + 2 * 7), (TRANSIENT, Decision::GiveUp, 20 + 2 * 7 + 60)];
    for (failure, last, most) in most_calls {
        let mut todo = scheduler(2_000, limits());
        let mut alone = 0;
        let (asked, decisions) = work_through(&mut todo, |_, call| {
            alone += usize::from(call.digests == (POISON..POISON + 1));
            call.digests.contains(&POISON).then_some(failure)
        });
        assert!(alone > 0, "{:?}", failure.kind);
        assert_eq!(decisions.last(), Some(&last));
        assert_eq!(decisions.iter().filter(|decision| **decision == Decision::Split).count(), 7);
        assert!(asked.len() <= most, "{} calls", asked.len());
        let mut open: std::collections::BTreeSet<usize> = (0..2_000).collect();
        for call in asked.iter().filter(|call| !call.digests.contains(&POISON)) {
            assert!(call.digests.clone().all(|digest| open.remove(&digest)), "{:?} again", call.digests);
        }
        assert_eq!(open.into_iter().collect::<Vec<_>>(), [POISON]);
    }
}

#[test]
fn what_is_throttled_for_long_is_asked_once_more_after_everything_else() {
    let retry = RetryPolicy { throttle_attempts: 2, ..no_delays().retry };
    let mut todo = scheduler(2_000, Limits { retry, ..no_delays() });
    let (asked, decisions) = work_through(&mut todo, |_, call| {
        let is_throttled = [300, 700].contains(&call.digests.start);
        (is_throttled && !call.last).then_some(THROTTLED)
    });
    assert_eq!(decisions, [Decision::Retry; 4]);
    let (before, last) = asked.split_at(asked.len() - 2);
    assert!(before.iter().all(|call| !call.last));
    assert_eq!(digests_of(last), [300..400, 700..800], "the first that was set aside is the first");
    assert!(last.iter().all(|call| call.last && call.throttles == 0 && call.requests == 3));
    assert_eq!(todo.pending().count(), 0);
}

#[test]
fn what_fails_in_the_last_round_too_is_given_up() {
    let retry = RetryPolicy { throttle_attempts: 2, ..limits().retry };
    let mut todo = scheduler(2_000, Limits { retry, ..limits() });
    let (asked, decisions) =
        work_through(&mut todo, |_, call| (call.digests.start == 300).then_some(THROTTLED));
    assert_eq!(decisions.last(), Some(&Decision::GiveUp));
    assert!(asked.last().unwrap().last);
    assert_eq!(todo.pending().count(), 0);
}

#[test]
fn memory_is_flat_in_the_number_of_batches() {
    let mut todo = scheduler(1_000_000_000_000, limits());
    let (mut most, mut failed) = (0, 0);
    while todo.cursor() < 1_000_000 {
        // Every third batch fails once, and the clock stands still: nothing is asked again.
        let Some(call) = take(&mut todo, 0.0) else { break };
        if call.digests.start.is_multiple_of(3 * BATCH) {
            assert_eq!(todo.fail(&call, TRANSIENT, 0.0), Decision::Retry);
            failed += 1;
        } else {
            todo.settle(&call, 0.0);
        }
        most = most.max(todo.pending().count());
    }
    assert_eq!((most, failed), (SLOTS * 4, SLOTS * 4), "new batches wait");
    assert!(todo.due(0.0).is_some_and(|due| due > 0.0));
}

#[test]
fn a_call_whose_outcome_was_lost_is_pending_and_not_in_flight() {
    let mut todo = scheduler(300, limits());
    let (lost, other) = (take(&mut todo, 0.0).unwrap(), take(&mut todo, 0.0).unwrap());
    todo.keep_open(&lost).unwrap();
    assert_eq!(todo.in_flight().collect::<Vec<_>>(), [&other]);
    assert_eq!(todo.pending().collect::<Vec<_>>(), [&lost, &other]);
    todo.settle(&other, 0.0);
    assert!(!todo.is_finished());
    assert_eq!(take(&mut todo, 0.0).unwrap().digests, lost.digests, "it is asked again, unless the run ends");
    todo.stop();
    assert!(!todo.is_finished(), "a call is in flight");
}

#[test]
fn a_run_that_ends_forgets_the_calls_in_flight() {
    let mut todo = scheduler(100, limits());
    let call = take(&mut todo, 0.0).unwrap();
    assert_eq!(todo.fail(&call, BAD, 0.0), Decision::Split);
    assert_eq!(take(&mut todo, 0.0).unwrap().digests, 0..50);
    assert_eq!(take(&mut todo, 0.0), None, "before an answer, one half is asked at a time");
    todo.forget_in_flight();
    assert_eq!(todo.in_flight().len(), 0);
    assert_eq!(take(&mut todo, 0.0).unwrap().digests, 50..100, "no half is in flight any more");
    todo.forget_in_flight();
    assert_eq!(todo.pending().count(), 0);
    assert!(todo.is_finished());
}
