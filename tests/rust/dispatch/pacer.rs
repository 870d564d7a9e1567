//! The rate of a lane: how far it falls, how it comes back, and which calls may start in the core meanwhile.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use layercheck::dispatch::pacer::{BURST_S, CERTAIN, FLOOR};
use layercheck::dispatch::recovery::{DECREASE, OUTGROWN, PLATEAU_S};
use layercheck::dispatch::{Call, CallLoop, Pacer, Pacing, Recovery, Scheduler, Start};

use super::{CORE, limits};

/// Another caller.
const OTHER: u64 = 2;

fn pacer(rate: Option<f64>) -> Pacer {
    Pacer::new(rate, Pacing::default())
}

/// A pacer that falls with each throttle.
fn hasty(rate: Option<f64>) -> Pacer {
    Pacer::new(rate, Pacing { hold_off_s: 0.0, ..Pacing::default() })
}

/// Tells it of so many answers to calls which started then.
fn tell_answers(pacer: &Pacer, started_at: f64, count: usize) {
    (0..count).for_each(|_| pacer.answered(started_at));
}

fn assert_near(value: Option<f64>, expected: f64) {
    let value = value.expect("there is a limit");
    assert!((value - expected).abs() < expected * 1e-3, "{value}, not {expected}");
}

/// When calls of the core start in this span if one always wants to and waits as told.
fn starts(pacer: &Pacer, own_rate: Option<f64>, from: f64, until: f64) -> Vec<f64> {
    let (mut now, mut times) = (from, Vec::new());
    while now < until {
        match pacer.start(now, own_rate, CORE) {
            Start::Now => times.push(now),
            Start::In(wait_s) => now += wait_s,
            Start::Never => panic!("calls may start in the core"),
        }
    }
    times
}

#[test]
fn a_curve_begins_at_its_decrease_and_never_falls() {
    for curve in Recovery::ALL {
        assert_eq!(Recovery::named(curve.name()), Some(curve));
        let rates: Vec<f64> = (0..100).map(|tenth| curve.growth(f64::from(tenth) / 10.0)).collect();
        assert!((rates[0] - DECREASE).abs() < 1e-9);
        assert!(rates.is_sorted());
        assert!((curve.growth(PLATEAU_S) - 1.0).abs() < 1e-9);
    }
    assert_eq!(Recovery::named("square"), None);
}

#[test]
fn calls_start_in_the_core_at_the_rate_that_is_coming_back() {
    let pacer = pacer(Some(1_000.0));
    assert!(starts(&pacer, Some(1_000.0), 0.0, 1.0).len() >= 1_000);
    pacer.throttled(4.0, 4.0);
    let Start::In(wait_s) = pacer.start(4.0, Some(1_000.0), CORE) else {
        panic!("what the pause saved up is dropped")
    };
    assert_near(Some(wait_s), 1.0 / 800.0);
    let times = starts(&pacer, Some(1_000.0), 4.0, 6.0);
    // The mean of the cubic curve over its plateau is 0.95.
    assert!((1_870..=1_910).contains(&times.len()), "{} calls", times.len());
    for (first, at) in times.iter().enumerate() {
        let within = times[first..].iter().take_while(|later| **later <= at + 0.1).count();
        assert!(
            within as f64 <= 0.1 * 1_000.0 + BURST_S * 1_000.0 + 1.0,
            "{within} calls in 0.1 s from {at}"
        );
    }
    let soon = times.iter().filter(|at| **at < 4.1).count();
    assert!(soon <= 84, "{soon} calls in the first tenth of a second at 800 to 830 a second");
    assert!(pacer.is_adapted());
    assert!(starts(&pacer, Some(1_000.0), 6.0, 7.0).len() >= 998);
    assert!(!pacer.is_adapted());
}

#[test]
fn a_caller_slower_or_faster_than_its_lane_starts_no_call_in_the_core() {
    let pacer = pacer(Some(100.0));
    let never = |own_rate| assert_eq!(pacer.start(5.0, own_rate, CORE), Start::Never);
    never(Some(50.0));
    never(None);
    pacer.throttled(1.0, 1.0);
    never(Some(80.0)); // the rate of now is not the lane's
    never(Some(50.0));
    assert_eq!(pacer.start(5.0, Some(100.0), CORE), Start::Now);
    pacer.throttled(5.0, 5.0);
    pacer.set_ceiling(None);
    assert_eq!(pacer.start(6.0, Some(100.0), CORE), Start::Never);
    assert_eq!(pacer.start(6.0, None, CORE), Start::Now);
    assert!(matches!(pacer.start(6.0, None, CORE), Start::In(_)), "without a ceiling, it is adapted still");
}

#[test]
fn a_caller_outside_the_core_gets_its_call_while_the_rate_comes_back() {
    let pacer = pacer(Some(50.0));
    pacer.throttled(1.0, 1.0);
    assert_eq!(pacer.start(1.5, Some(50.0), CORE), Start::Now);
    let wait_s = pacer.reserve(1.5, OTHER);
    assert!(wait_s > 0.0);
    let later = 1.5 + wait_s;
    assert!(matches!(pacer.start(later, Some(50.0), CORE), Start::In(_)), "the call is left to the other");
    assert!(pacer.reserve(later, OTHER) <= 0.0);
}

#[test]
fn calls_of_before_a_decrease_say_nothing_about_the_rate_after_it() {
    let pacer = pacer(Some(100.0));
    pacer.throttled(10.0, 9.0);
    for started_at in [8.0, 9.0, 10.0] {
        for _ in 0..50 {
            pacer.throttled(10.5, started_at);
        }
    }
    assert_near(pacer.rate(10.0), 80.0);
    assert_near(pacer.rate(20.0), 100.0);
    pacer.throttled(20.0, 10.0);
    assert_near(pacer.rate(20.0), 100.0); // nor when the rate is back
    pacer.throttled(20.0, 10.1);
    assert_near(pacer.rate(20.0), 80.0);
}

#[test]
fn one_throttle_within_the_hold_off_may_be_chance_and_several_are_not() {
    let pacer = Pacer::new(Some(1_000.0), Pacing { hold_off_s: 1.0, ..Pacing::default() });
    pacer.throttled(1.0, 1.0);
    for _ in 1..CERTAIN {
        pacer.throttled(1.001, 1.001);
    }
    assert_near(pacer.rate(1.001), 800.0);
    pacer.throttled(1.001, 1.001);
    // Of these not one was accepted, so it falls further than by the usual fifth.
    assert_near(pacer.rate(1.001), 400.0);
}

#[test]
fn a_decrease_is_as_deep_as_the_share_that_was_refused() {
    for (answered, share) in [(0, 0.5), (8, 0.75), (96, DECREASE)] {
        let pacer = Pacer::new(Some(1_000.0), Pacing { hold_off_s: 1.0, ..Pacing::default() });
        tell_answers(&pacer, 2.0, 100); // nothing is adapted
        pacer.throttled(1.0, 1.0);
        tell_answers(&pacer, 1.0, 100); // from before
        tell_answers(&pacer, 1.1, answered);
        let before = pacer.rate(1.2).unwrap();
        for _ in 0..CERTAIN {
            pacer.throttled(1.2, 1.1);
        }
        assert_near(pacer.rate(1.2), before * share);
    }
}

#[test]
fn the_rate_falls_to_the_floor_or_the_ceiling_and_no_further() {
    for (ceiling, lowest) in [(Some(100.0), FLOOR), (Some(0.1), 0.1), (None, FLOOR)] {
        let pacer = hasty(ceiling);
        for throttle in 1..200 {
            let now = f64::from(throttle) * 1e-6;
            pacer.throttled(now, now);
        }
        assert_near(pacer.rate(0.0), lowest);
    }
}

#[test]
fn a_lane_without_a_limit_starts_from_what_was_sent_and_outgrows_it() {
    let pacer = pacer(None);
    for call in 0..1_000 {
        assert_eq!(pacer.start(f64::from(call) / 500.0, None, CORE), Start::Now);
    }
    assert_eq!(pacer.rate(2.0), None);
    pacer.throttled(2.0, 2.0);
    let fell_to = pacer.rate(2.0).unwrap();
    assert!((fell_to - 500.0 * DECREASE).abs() < 20.0, "{fell_to}");
    let rates: Vec<f64> = (20..220).map_while(|tenth| pacer.rate(f64::from(tenth) / 10.0)).collect();
    assert!(rates.len() < 200);
    assert!(rates.is_sorted());
    assert!(*rates.last().unwrap() < fell_to / DECREASE * OUTGROWN);
    for _ in 0..1_000 {
        assert_eq!(pacer.start(60.0, None, CORE), Start::Now);
    }
}

#[test]
fn a_time_from_before_the_decrease_counts_as_the_decrease() {
    let pacer = pacer(Some(1_000.0));
    pacer.throttled(10.0, 10.0);
    assert_near(pacer.rate(9.0), 800.0);
    assert!(pacer.is_adapted());
}

#[test]
fn threads_that_wait_in_the_core_follow_a_rate_that_falls() {
    const CALLS: usize = 3_000;
    let scheduler = Arc::new(Mutex::new(Scheduler::of_all(CALLS, 1, 4, limits(), 7)));
    let calls = CallLoop::new(Arc::clone(&scheduler), 4, CALLS, (Instant::now(), 1_000.0)).unwrap();
    calls.open();
    let (pacer, asked) = (hasty(Some(1_000.0)), AtomicUsize::new(0));
    let fell_at = thread::scope(|scope| {
        for _ in 0..4 {
            let call = scheduler.lock().unwrap().take(calls.now()).unwrap().unwrap();
            let seat = calls.sit(&call).unwrap();
            let (calls, pacer, asked) = (&calls, &pacer, &asked);
            scope.spawn(move || {
                let good = |_: &Call| {
                    asked.fetch_add(1, Ordering::Relaxed);
                    Ok::<_, Infallible>(None::<()>)
                };
                // The next call is due 200 ms after the fall, which is longer than a thread waits.
                let start = |now| pacer.start(now, Some(1_000.0), CORE);
                assert_eq!(calls.follow(seat, start, good), Ok(None));
            });
        }
        while asked.load(Ordering::Relaxed) < 100 {
            thread::yield_now();
        }
        while pacer.rate(calls.now()).unwrap() > FLOOR * 1.01 {
            pacer.throttled(calls.now(), calls.now());
        }
        calls.now()
    });
    let ended_at = calls.now();
    let mut seen = Vec::with_capacity(CALLS);
    calls.answers(&mut seen);
    let later = seen.iter().filter(|each| each.started_at > fell_at).count();
    assert!(seen.len() >= 100);
    // While the rate comes back to what it was before its last fall, it is at most a quarter higher.
    assert!(later as f64 <= (ended_at - fell_at) * FLOOR * 1.25 + 1.0, "{later} of {} calls", seen.len());
    assert!(scheduler.lock().unwrap().cursor() < CALLS, "the threads came back because of the rate");
}
