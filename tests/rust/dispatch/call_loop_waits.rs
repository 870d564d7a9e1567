//! Threads of a loop that wait for the rate.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, ScopedJoinHandle};
use std::time::Instant;

use layercheck::dispatch::{Budget, Call, Start};

use super::{BATCH, CORE, Run, good};

/// A wait that is shorter than the patience of a thread.
const SOON: Start = Start::In(0.002);

/// Returns when all these threads wait in the loop.
fn until_all_wait(run: &Run, threads: &[ScopedJoinHandle<'_, ()>]) {
    while run.calls.waiting() < threads.len() {
        assert!(!threads.iter().any(ScopedJoinHandle::is_finished), "a thread does not wait");
        thread::yield_now();
    }
}

#[test]
fn threads_wait_for_the_rate_and_come_back_only_when_their_patience_is_over() {
    const RATE: f64 = 500.0;
    let run = Run::new(20_000, 4, 10_000);
    let budget = Budget::new(0.02);
    let (began, came_back) = (Instant::now(), AtomicUsize::new(0));
    let first: Vec<Option<Call>> = (0..4).map(|_| run.take()).collect();
    thread::scope(|scope| {
        for mut call in first {
            let (run, budget, came_back) = (&run, &budget, &came_back);
            scope.spawn(move || {
                while let Some(next) = call {
                    let seat = run.calls.sit(&next).unwrap();
                    let start = |now| budget.start(now, Some(RATE), CORE);
                    assert_eq!(run.calls.follow(seat, start, good), Ok(None));
                    came_back.fetch_add(1, Ordering::Relaxed);
                    run.calls.leave(seat);
                    call = loop {
                        if run.cursor() == 20_000 {
                            break None;
                        }
                        if budget.start(run.calls.now(), Some(RATE), CORE) == Start::Now {
                            break run.take();
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
    let (seen, _) = run.answers();
    assert_eq!((seen.len(), run.calls.waiting()), (200, 0));
    // The budget booked the others; the first four began without it.
    let booked = seen.iter().filter(|each| each.call.start >= 4 * BATCH);
    let mut starts: Vec<f64> = booked.map(|each| each.started_at).collect();
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
        let run = Run::new(1_000, 1, 100);
        let seat = run.sit();
        let looks = AtomicUsize::new(0);
        let counted = |now| {
            looks.fetch_add(1, Ordering::Relaxed);
            start(now)
        };
        assert_eq!(run.calls.follow(seat, counted, good), Ok(None));
        assert_eq!((run.cursor(), run.calls.waiting(), looks.into_inner()), (100, 0, 1));
        assert!(!run.calls.leave(seat).unwrap().open, "its call was settled");
    }
}

#[test]
fn a_closed_loop_lets_threads_come_back_that_wait() {
    let run = Run::timeless(1_000, 3, 100);
    let is_closed = AtomicBool::new(false);
    thread::scope(|scope| {
        let threads = [(); 3].map(|()| {
            let seat = run.sit();
            let (run, is_closed) = (&run, &is_closed);
            scope.spawn(move || {
                // Never now, and the clock stands still: only a loop that is closed brings a thread back.
                let start = |_| {
                    assert!(!is_closed.load(Ordering::Relaxed), "a thread waits on in a closed loop");
                    SOON
                };
                assert_eq!(run.calls.follow(seat, start, good), Ok(None));
            })
        });
        until_all_wait(&run, &threads);
        run.calls.close();
        is_closed.store(true, Ordering::Relaxed);
    });
    assert_eq!((run.calls.waiting(), run.cursor()), (0, 300));
}

#[test]
fn a_thread_that_waits_comes_back_when_its_seat_is_ended() {
    let run = Run::timeless(1_000, 1, 100);
    let seat = run.sit();
    let is_ended = AtomicBool::new(false);
    thread::scope(|scope| {
        let thread = scope.spawn(|| {
            let start = |_| {
                assert!(!is_ended.load(Ordering::Relaxed), "a thread waits on without a seat");
                SOON
            };
            assert_eq!(run.calls.follow(seat, start, good), Ok(None));
        });
        until_all_wait(&run, &[thread]);
        assert!(!run.calls.leave(seat).unwrap().open);
        is_ended.store(true, Ordering::Relaxed);
    });
    assert_eq!(run.cursor(), 100);
}

#[test]
fn threads_that_wait_come_back_when_nothing_is_due_any_more() {
    let run = Run::timeless(400, 3, 100);
    let is_due = AtomicBool::new(true);
    thread::scope(|scope| {
        let threads = [(); 3].map(|()| {
            let seat = run.sit();
            let (run, is_due) = (&run, &is_due);
            scope.spawn(move || {
                let start = |_| {
                    assert!(is_due.load(Ordering::Relaxed), "a thread waits on for nothing");
                    SOON
                };
                assert_eq!(run.calls.follow(seat, start, good), Ok(None));
            })
        });
        until_all_wait(&run, &threads);
        assert_eq!(run.take().unwrap().digests, 300..400, "it is made outside of the loop");
        // This takes the lock, so that a thread that saw the call is not in `start` any more.
        let _ = run.calls.waiting();
        is_due.store(false, Ordering::Relaxed);
    });
    assert_eq!((run.calls.waiting(), run.answers().0.len()), (0, 3));
}

#[test]
fn a_thread_takes_a_call_at_once_after_threads_that_waited_found_none() {
    let run = Run::timeless(300, 2, 100);
    let (goes_on, came_back) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        let threads = [run.sit(), run.sit()].map(|seat| {
            let (run, goes_on, came_back) = (&run, &goes_on, &came_back);
            scope.spawn(move || {
                let start = |_| if goes_on.load(Ordering::Relaxed) { Start::Now } else { SOON };
                // The thread that keeps the time takes the last call. It wakes the other, which finds none.
                let ask = |call: &Call| {
                    while call.digests.start == 200 && came_back.load(Ordering::Relaxed) == 0 {
                        thread::yield_now();
                    }
                    good(call)
                };
                assert_eq!(run.calls.follow(seat, start, ask), Ok(None));
                run.calls.leave(seat);
                came_back.fetch_add(1, Ordering::Relaxed);
            })
        });
        until_all_wait(&run, &threads);
        goes_on.store(true, Ordering::Relaxed);
        while came_back.load(Ordering::Relaxed) < 2 {
            thread::yield_now();
        }
        // Two calls are due again.
        run.scheduler.lock().unwrap().keep_open(&Call::new(0..100)).unwrap();
        run.scheduler.lock().unwrap().keep_open(&Call::new(100..200)).unwrap();
        let later = scope.spawn(|| assert_eq!(run.follow(run.sit()), [100..200, 0..100]));
        while !later.is_finished() {
            assert_eq!(run.calls.waiting(), 0, "a thread waits, and no other keeps the time");
        }
    });
}
