//! When the next call may start, for calls that start in the core and for others.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use layercheck::dispatch::{Budget, Start};

use super::CORE;

/// Another caller.
const OTHER: u64 = 2;

#[test]
fn no_more_calls_start_than_the_rate_allows_on_any_number_of_threads() {
    let budget = Budget::new(0.02);
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
fn calls_in_the_core_and_others_draw_on_one_budget() {
    let budget = Budget::new(0.02);
    assert_eq!(budget.start(1.0, None, CORE), Start::Now);
    assert_eq!(budget.start(1.0, Some(5.0), CORE), Start::Now);
    let Start::In(wait_s) = budget.start(1.0, Some(5.0), CORE) else { panic!("the budget is used up") };
    assert!((wait_s - 0.2).abs() < 1e-9);
    assert!((budget.reserve(1.0, Some(5.0), OTHER) - 0.2).abs() < 1e-9);
}

/// Moves a clock for ten seconds. Calls start in the core as soon as they may. Another caller wants calls at a rate of
/// its own, and comes a millisecond later than it was told. Returns how many calls each made.
fn beside_the_core(rate: f64, own_rate: f64, leaves_at: f64) -> (usize, usize) {
    let (lane, own) = (Budget::new(0.02), Budget::new(0.02));
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
fn the_flow_is_what_was_sent_in_the_last_quarter_to_half_of_a_second() {
    let budget = Budget::new(0.02);
    assert!(budget.flow(0.0) <= 0.0);
    for call in 0..1_000 {
        budget.reserve(f64::from(call) / 500.0, None, OTHER);
    }
    assert!((budget.flow(2.0) - 500.0).abs() < 25.0, "{}", budget.flow(2.0));
}
