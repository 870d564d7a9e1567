//! Calls that threads make one after the other, and the budget that they draw on.

use std::convert::Infallible;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use layercheck::dispatch::call_loop::Current;
use layercheck::dispatch::{Answered, Budget, CallLoop, Seat, Start};

/// Callers of a budget.
const CORE: u64 = 1;
const OTHER: u64 = 2;

fn call_loop(threads: usize, most: usize) -> CallLoop {
    CallLoop::new(100, threads, most, (Instant::now(), 1_000.0)).unwrap()
}

fn answers(calls: &CallLoop) -> (Vec<Answered>, usize) {
    let mut seen = Vec::with_capacity(10_000);
    let taken = calls.answers(&mut seen);
    calls.forget(seen.len(), taken);
    (seen, taken)
}

fn at_once(_: f64) -> Start {
    Start::Now
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
                assert_eq!(calls.follow(seat, at_once, note), Ok(None));
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
    assert_eq!(calls.follow(seat, at_once, ask), Ok(Some("odd")));
    let current = calls.current(seat).unwrap();
    assert_eq!((current.call, current.open), (300..400, true));
    let error = calls.follow(seat, at_once, |_| Err::<Option<()>, _>("closed"));
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
    assert_eq!(calls.follow(seat, at_once, ask), Ok(None));
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
    assert_eq!(calls.follow(seat, at_once, ask), Ok(None));
    assert_eq!(answers(&calls), (Vec::new(), 0));
    assert_eq!((calls.current(seat), calls.leave(seat)), (None, None));
    assert_eq!(calls.take_one(), Some(100..200));
    let next = calls.sit(0..100, calls.now()).unwrap();
    assert_ne!(next, seat, "a late thread must not find another call in its place");
    assert_eq!(calls.follow(seat, at_once, |_| -> Result<Option<()>, Infallible> { panic!() }), Ok(None));
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
            scope.spawn(move || assert_eq!(calls.follow(*seat, at_once, good), Ok(None)));
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
                    let starts = budget.start(now, Some(1_000.0), CORE) == Start::Now;
                    started.fetch_add(usize::from(starts), Ordering::Relaxed);
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
    assert_eq!(budget.start(1.0, None, CORE), Start::Never, "nothing was allowed yet");
    budget.allow(None);
    assert_eq!(budget.start(1.0, None, CORE), Start::Now);
    assert_eq!(budget.start(1.0, Some(5.0), CORE), Start::Never, "the lane has another rate");
    budget.allow(Some(5.0));
    assert_eq!(budget.start(1.0, Some(5.0), CORE), Start::Now);
    let Start::In(wait_s) = budget.start(1.0, Some(5.0), CORE) else { panic!("the budget is used up") };
    assert!((wait_s - 0.2).abs() < 1e-9);
    assert!((budget.reserve(1.0, Some(5.0), OTHER) - 0.2).abs() < 1e-9);
    budget.hold();
    assert_eq!(budget.start(9.0, Some(5.0), CORE), Start::Never);
    assert!(budget.reserve(9.0, Some(5.0), OTHER) <= 0.0, "others go on");
}

/// Moves a clock for ten seconds. Calls start in the core as soon as they may. Another caller wants calls at a rate of
/// its own, and comes a millisecond later than it was told. Returns how many calls each made.
fn beside_the_core(rate: f64, own_rate: f64, leaves_at: f64) -> (usize, usize) {
    let (lane, own) = (Budget::new(0.02), Budget::new(0.02));
    lane.allow(Some(rate));
    let (mut in_core, mut beside, mut comes_at) = (0, 0, 0.0);
    for tick in 0..40_000 {
        let now = f64::from(tick) / 4_000.0;
        while lane.start(now, Some(rate), CORE) == Start::Now {
            in_core += 1;
        }
        while comes_at <= now && now < leaves_at {
            let own_wait = own.delay_until_allowed(now, own_rate);
            let wait_s = if own_wait > 0.0 { own_wait } else { lane.reserve(now, Some(rate), OTHER) };
            if wait_s > 0.0 {
                comes_at = now + wait_s + 0.001;
            } else {
                own.consume(now, own_rate);
                beside += 1;
            }
        }
    }
    (in_core, beside)
}

#[test]
fn a_run_alone_uses_all_of_its_rate_whatever_its_own_threads_ask() {
    for rate in [20.0, 45.0, 50.0, 100.0, 500.0] {
        let budget = Budget::new(0.02);
        budget.allow(Some(rate));
        let (mut now, mut starts) = (0.0, 0);
        while now < 10.0 {
            match budget.start(now, Some(rate), CORE) {
                Start::Now => starts += 1,
                // Another thread of the run looks whether it may start a call too, and is told to wait.
                Start::In(wait_s) => {
                    budget.reserve(now, Some(rate), CORE);
                    now += wait_s;
                }
                Start::Never => panic!("the rate is allowed"),
            }
        }
        assert!(f64::from(starts) >= 0.99 * rate * 10.0, "{starts} at {rate}");
    }
}

#[test]
fn two_others_that_wait_are_both_remembered() {
    let budget = Budget::new(0.02);
    budget.allow(Some(50.0));
    assert_eq!(budget.start(0.0, Some(50.0), CORE), Start::Now);
    assert!(budget.reserve(0.0, Some(50.0), OTHER) > 0.0);
    assert!(budget.reserve(0.001, Some(50.0), CORE) > 0.0, "it does not hide who waited before");
    assert!(matches!(budget.start(0.0201, Some(50.0), CORE), Start::In(_)), "the call is left to the other");
    assert!(budget.reserve(0.0202, Some(50.0), OTHER) <= 0.0);
}

#[test]
fn calls_in_the_core_leave_a_slower_caller_of_the_lane_its_own_rate() {
    for (rate, own_rate) in [(500.0, 50.0), (500.0, 5.0), (1_000.0, 400.0), (20.0, 2.0)] {
        let (in_core, beside) = beside_the_core(rate, own_rate, 10.0);
        let most = rate * 10.0 + rate * 0.02 + 1.0;
        assert!(beside as f64 >= own_rate * 8.0, "{beside} calls at {own_rate} beside {rate} per second");
        assert!((in_core + beside) as f64 <= most, "{in_core} and {beside} at {rate} per second");
        assert!((in_core + beside) as f64 >= rate * 9.5, "{in_core} and {beside} at {rate} per second");
    }
}

#[test]
fn a_caller_that_wants_nearly_all_of_the_lane_leaves_the_core_its_half() {
    for (rate, own_rate) in [(500.0, 499.0), (20.0, 19.0)] {
        let (in_core, beside) = beside_the_core(rate, own_rate, 10.0);
        assert!(
            in_core as f64 >= rate * 4.5,
            "{in_core} in the core and {beside} beside at {rate} per second"
        );
        assert!(
            beside as f64 >= rate * 4.5,
            "{in_core} in the core and {beside} beside at {rate} per second"
        );
    }
}

#[test]
fn a_caller_that_was_told_to_wait_and_never_came_holds_up_no_call() {
    let (in_core, beside) = beside_the_core(500.0, 50.0, 0.5);
    assert!((20..=30).contains(&beside), "{beside}");
    assert!((4_950..=5_012).contains(&(in_core + beside)), "{in_core}");
}

#[test]
fn a_call_at_a_lower_rate_holds_up_no_call_for_longer_than_its_own_interval() {
    let budget = Budget::new(0.02);
    assert!(budget.reserve(0.0, Some(0.01), OTHER) <= 0.0);
    assert!((budget.reserve(1.0, Some(0.01), OTHER) - 99.0).abs() < 1e-9, "its own next call waits");
    // The lane has a faster caller now, alone or in the core.
    assert!((budget.reserve(1.0, Some(500.0), OTHER) - 0.002).abs() < 1e-9);
    budget.allow(Some(500.0));
    let mut started = 0;
    for tick in 0..4_000 {
        let now = 1.0 + f64::from(tick) / 4_000.0;
        while budget.start(now, Some(500.0), CORE) == Start::Now {
            started += 1;
        }
    }
    assert!((490..=501).contains(&started), "{started}, without a burst");
}

#[test]
fn threads_wait_for_the_rate_and_come_back_only_when_their_patience_is_over() {
    const RATE: f64 = 500.0;
    let calls = call_loop(4, 10_000);
    let budget = Budget::new(0.02);
    budget.allow(Some(RATE));
    calls.lend(400..20_000);
    let (began, came_back) = (Instant::now(), AtomicUsize::new(0));
    thread::scope(|scope| {
        for first in 0..4 {
            let (calls, budget, came_back) = (&calls, &budget, &came_back);
            scope.spawn(move || {
                let mut call = Some(first * 100..first * 100 + 100);
                while let Some(next) = call {
                    let seat = calls.sit(next, calls.now()).unwrap();
                    assert_eq!(calls.follow(seat, |now| budget.start(now, Some(RATE), CORE), good), Ok(None));
                    came_back.fetch_add(1, Ordering::Relaxed);
                    calls.leave(seat);
                    call = loop {
                        if calls.left() == 0 {
                            break None;
                        }
                        if budget.start(calls.now(), Some(RATE), CORE) == Start::Now {
                            break calls.take_one();
                        }
                        thread::yield_now();
                    };
                }
            });
        }
    });
    // Each time costs a thread 50 ms.
    let most = 4.0 * (began.elapsed().as_secs_f64() / 0.05 + 1.0);
    assert!((came_back.into_inner() as f64) <= most);
    let (seen, _) = answers(&calls);
    assert_eq!((seen.len(), calls.waiting()), (200, 0));
    // The budget booked the others; the first four began without it.
    let mut starts: Vec<f64> =
        seen.iter().filter(|at| at.call.start >= 400).map(|at| at.started_at).collect();
    starts.sort_by(f64::total_cmp);
    for (at, start) in starts.iter().enumerate() {
        for (later, end) in starts.iter().enumerate().skip(at) {
            let most = (end - start) * RATE + 0.02 * RATE + 1.0;
            assert!((later - at) as f64 <= most, "{} calls in {} s", later - at + 1, end - start);
        }
    }
}

#[test]
fn a_thread_comes_back_if_its_next_call_is_far_away_or_decided_elsewhere() {
    let far = |_: f64| Start::In(0.2);
    let never = |_: f64| Start::Never;
    for start in [&far as &dyn Fn(f64) -> Start, &never] {
        let calls = call_loop(1, 100);
        calls.lend(100..1_000);
        let seat = calls.sit(0..100, calls.now()).unwrap();
        assert_eq!(calls.follow(seat, start, good), Ok(None));
        assert_eq!((calls.left(), calls.waiting()), (900, 0));
        assert!(!calls.leave(seat).unwrap().open, "its call was counted");
    }
}

#[test]
fn threads_that_wait_come_back_when_the_range_is_taken_back() {
    let calls = call_loop(3, 100);
    calls.lend(300..1_000);
    thread::scope(|scope| {
        for first in 0..3 {
            let calls = &calls;
            scope.spawn(move || {
                let seat = calls.sit(first * 100..first * 100 + 100, calls.now()).unwrap();
                // Never now: only a range that is gone, or the end of its patience, brings a thread back.
                assert_eq!(calls.follow(seat, |_| Start::In(0.02), good), Ok(None));
            });
        }
        while calls.waiting() == 0 {
            thread::yield_now();
        }
        assert_eq!(calls.take_back(), 300..1_000);
    });
    assert_eq!(calls.waiting(), 0);
}

#[test]
fn the_flow_is_what_was_sent_in_the_last_quarter_to_half_of_a_second() {
    let budget = Budget::new(0.02);
    assert!(budget.flow(0.0) <= 0.0);
    for call in 0..1_000 {
        budget.reserve(f64::from(call) / 500.0, None, OTHER);
    }
    assert!((budget.flow(2.0) - 500.0).abs() < 25.0, "{}", budget.flow(2.0));
}
