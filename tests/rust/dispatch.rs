//! Calls that threads make one after the other, and the budget that they draw on.

use std::convert::Infallible;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use layercheck::dispatch::call_loop::Current;
use layercheck::dispatch::{Answered, Budget, CallLoop, Seat};

fn call_loop(threads: usize, most: usize) -> CallLoop {
    CallLoop::new(100, threads, most, (Instant::now(), 1_000.0)).unwrap()
}

fn answers(calls: &CallLoop) -> (Vec<Answered>, usize) {
    let mut seen = Vec::with_capacity(10_000);
    let taken = calls.answers(&mut seen);
    calls.forget(seen.len(), taken);
    (seen, taken)
}

#[allow(clippy::unnecessary_wraps)] // the form of an `ask`
fn good(_: Range<usize>) -> Result<Option<()>, Infallible> {
    Ok(None)
}

#[test]
fn threads_ask_every_batch_of_the_range_once() {
    let calls = call_loop(4, 10_000);
    calls.lend(400..100_050);
    let asked = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for first in 0..4 {
            let (calls, asked) = (&calls, &asked);
            scope.spawn(move || {
                let seat = calls.sit(first * 100..first * 100 + 100, calls.now()).unwrap();
                let note = |call: Range<usize>| {
                    asked.lock().unwrap().push(call);
                    Ok::<_, Infallible>(None::<()>)
                };
                assert_eq!(calls.follow(seat, |_| true, note), Ok(None));
                assert!(!calls.leave(seat).unwrap().open);
            });
        }
    });
    let mut asked = asked.into_inner().unwrap();
    asked.sort_by_key(|call| call.start);
    let expected: Vec<_> = (0..1_001).map(|at| at * 100..(at * 100 + 100).min(100_050)).collect();
    assert_eq!(asked, expected);
    let (mut seen, taken) = answers(&calls);
    assert_eq!(taken, 997);
    assert!(seen.iter().all(|each| each.started_at <= each.answered_at && each.started_at >= 1_000.0));
    assert!(seen.windows(2).all(|two| two[0].answered_at <= two[1].answered_at + 1e-3));
    seen.sort_by_key(|each| each.call.start);
    assert_eq!(seen.into_iter().map(|each| each.call).collect::<Vec<_>>(), expected);
    assert_eq!(answers(&calls), (Vec::new(), 0));
}

#[test]
fn a_thread_stops_at_the_call_whose_answer_is_not_good() {
    let calls = call_loop(1, 100);
    calls.lend(100..1_000);
    let seat = calls.sit(0..100, calls.now()).unwrap();
    let ask = |call: Range<usize>| Ok::<_, Infallible>((call.start == 300).then_some("odd"));
    assert_eq!(calls.follow(seat, |_| true, ask), Ok(Some("odd")));
    let current = calls.current(seat).unwrap();
    assert_eq!((current.call, current.open), (300..400, true));
    let error = calls.follow(seat, |_| true, |_| Err::<Option<()>, _>("closed"));
    assert_eq!(error, Err("closed"));
    assert_eq!(calls.leave(seat).unwrap().call, 300..400);
    assert_eq!(answers(&calls).0.len(), 3);
    assert_eq!(calls.take_back(), 400..1_000);
}

#[test]
fn a_range_that_is_taken_back_stops_the_threads_after_the_call_they_make() {
    let calls = call_loop(1, 100);
    calls.lend(100..1_000);
    let seat = calls.sit(0..100, calls.now()).unwrap();
    let taken = Mutex::new(0..0);
    let ask = |call: Range<usize>| {
        if call.start == 200 {
            *taken.lock().unwrap() = calls.take_back();
        }
        good(call)
    };
    assert_eq!(calls.follow(seat, |_| true, ask), Ok(None));
    assert_eq!(taken.into_inner().unwrap(), 300..1_000);
    assert_eq!((calls.left(), calls.take_one()), (0, None));
    let started_at = answers(&calls).0.last().unwrap().started_at;
    assert_eq!(calls.leave(seat), Some(Current { call: 200..300, started_at, open: false }));
}

#[test]
fn a_call_that_was_given_up_is_not_counted_and_its_thread_takes_no_other() {
    let calls = call_loop(1, 100);
    calls.lend(100..1_000);
    let seat = calls.sit(0..100, calls.now()).unwrap();
    assert!(!calls.give_up(seat, 500), "the thread is at another call");
    let ask = |call: Range<usize>| {
        assert!(calls.give_up(seat, call.start));
        good(call)
    };
    assert_eq!(calls.follow(seat, |_| true, ask), Ok(None));
    assert_eq!(answers(&calls), (Vec::new(), 0));
    assert_eq!((calls.current(seat), calls.leave(seat)), (None, None));
    assert_eq!(calls.take_one(), Some(100..200));
    let next = calls.sit(0..100, calls.now()).unwrap();
    assert_ne!(next, seat, "a late thread must not find another call in its place");
    assert_eq!(calls.follow(seat, |_| true, |_| -> Result<Option<()>, Infallible> { panic!() }), Ok(None));
}

#[test]
fn threads_come_back_when_many_answers_wait_and_none_is_lost() {
    let calls = call_loop(8, 16);
    calls.lend(800..80_000);
    let seats: Vec<Seat> = (0..8).map(|at| calls.sit(at * 100..at * 100 + 100, 0.0).unwrap()).collect();
    assert_eq!(calls.sit(0..1, 0.0), None, "there are eight seats");
    thread::scope(|scope| {
        for seat in &seats {
            let calls = &calls;
            scope.spawn(move || assert_eq!(calls.follow(*seat, |_| true, good), Ok(None)));
        }
    });
    let (seen, taken) = answers(&calls);
    assert!((16..24).contains(&seen.len()), "{}", seen.len());
    assert_eq!(seen.len(), 8 + taken);
}

#[test]
fn no_more_calls_start_than_the_rate_allows_on_any_number_of_threads() {
    let budget = Budget::new(0.02);
    budget.allow(Some(1_000.0));
    let started = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..4 {
            let (budget, started) = (&budget, &started);
            scope.spawn(move || {
                for tick in 0..1_000 {
                    let now = 10.0 + f64::from(tick) / 1_000.0;
                    started.fetch_add(usize::from(budget.start(now, Some(1_000.0))), Ordering::Relaxed);
                }
            });
        }
    });
    // A second at the rate, and the burst.
    let started = started.into_inner();
    assert!((980..=1_021).contains(&started), "{started}");
}

#[test]
fn calls_start_in_the_core_only_at_the_rate_that_is_allowed() {
    let budget = Budget::new(0.02);
    assert!(!budget.start(1.0, None), "nothing was allowed yet");
    budget.allow(None);
    assert!(budget.start(1.0, None));
    assert!(!budget.start(1.0, Some(5.0)), "the lane has another rate");
    budget.allow(Some(5.0));
    assert!(budget.start(1.0, Some(5.0)));
    assert!(!budget.start(1.0, Some(5.0)), "the budget is used up");
    assert!((budget.reserve(1.0, Some(5.0)) - 0.2).abs() < 1e-9);
    budget.hold();
    assert!(!budget.start(9.0, Some(5.0)));
    assert!(budget.reserve(9.0, Some(5.0)) <= 0.0, "others go on");
}

#[test]
fn the_flow_is_what_was_sent_in_the_last_quarter_to_half_of_a_second() {
    let budget = Budget::new(0.02);
    assert!(budget.flow(0.0) <= 0.0);
    for call in 0..1_000 {
        budget.reserve(f64::from(call) / 500.0, None);
    }
    assert!((budget.flow(2.0) - 500.0).abs() < 25.0, "{}", budget.flow(2.0));
}
