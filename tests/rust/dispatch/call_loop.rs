//! Calls that threads take from the scheduler and make one after the other.

use std::convert::Infallible;
use std::sync::Mutex;
use std::thread;

use layercheck::dispatch::Current;
use layercheck::dispatch::{Begun, Call, Seat};

use super::{BAD, BATCH, BEGIN, Run, TRANSIENT, at_once, good};

#[test]
fn threads_ask_every_batch_once() {
    let run = Run::new(100_050, 4, 10_000);
    let asked = Mutex::new(Vec::new());
    let seats: Vec<Seat> = (0..4).map(|_| run.sit()).collect();
    thread::scope(|scope| {
        for seat in seats {
            let (run, asked) = (&run, &asked);
            scope.spawn(move || {
                let note = |call: &Call| {
                    asked.lock().unwrap().push(call.digests.clone());
                    thread::yield_now(); // so that one thread does not make all the calls
                    good(call)
                };
                assert_eq!(run.calls.follow(seat, at_once, note), Ok(None));
                assert!(!run.calls.leave(seat).unwrap().open);
            });
        }
    });
    let mut asked = asked.into_inner().unwrap();
    asked.sort_by_key(|digests| digests.start);
    let expected: Vec<_> = (0..1_001).map(|at| at * BATCH..(at * BATCH + BATCH).min(100_050)).collect();
    assert_eq!(asked, expected);
    let (mut seen, begun) = run.answers();
    assert_eq!(begun, Begun { requests: 997, retries: 0 });
    assert!(seen.iter().all(|each| each.started_at <= each.answered_at && each.started_at >= BEGIN));
    assert!(seen.windows(2).all(|two| two[0].answered_at <= two[1].answered_at));
    seen.sort_by_key(|each| each.call.start);
    assert_eq!(seen.into_iter().map(|each| each.call).collect::<Vec<_>>(), expected);
    assert_eq!(run.answers(), (Vec::new(), Begun::default()));
    assert!(run.scheduler.lock().unwrap().is_finished(), "every call was settled");
}

#[test]
fn a_thread_stops_at_the_call_whose_answer_is_not_good() {
    let run = Run::new(1_000, 1, 100);
    let seat = run.sit();
    let ask = |call: &Call| Ok::<_, Infallible>((call.digests.start == 300).then_some("odd"));
    assert_eq!(run.calls.follow(seat, at_once, ask), Ok(Some("odd")));
    let current = run.calls.current(seat).unwrap();
    assert_eq!((current.call.digests.clone(), current.open), (300..400, true));
    let error = run.calls.follow(seat, at_once, |_| Err::<Option<()>, _>("closed"));
    assert_eq!(error, Err("closed"));
    assert_eq!(run.calls.leave(seat), Some(current.clone()));
    assert_eq!(run.answers().0.len(), 3);
    assert_eq!(run.cursor(), 400);
    let scheduler = run.scheduler.lock().unwrap();
    assert_eq!(scheduler.in_flight().collect::<Vec<_>>(), [&current.call], "it is not settled");
}

#[test]
fn a_closed_loop_stops_the_threads_after_the_call_they_make() {
    let run = Run::new(1_000, 1, 100);
    let seat = run.sit();
    let ask = |call: &Call| {
        if call.digests.start == 200 {
            run.calls.close();
        }
        good(call)
    };
    assert_eq!(run.calls.follow(seat, at_once, ask), Ok(None));
    assert_eq!(run.cursor(), 300);
    let last = run.answers().0.pop().unwrap();
    let Some(Current { call, open: false }) = run.calls.leave(seat) else { panic!("it was settled") };
    assert_eq!((call.digests, call.started_at), (200..300, last.started_at));
    let later = run.sit();
    assert_eq!(run.follow(later), [300..400], "a thread that comes later makes its own call");
    run.calls.leave(later);
    run.calls.open();
    assert_eq!(run.follow(run.sit()).len(), 6);
}

#[test]
fn a_call_that_was_given_up_is_not_settled_and_its_thread_takes_no_other() {
    let run = Run::new(1_000, 1, 100);
    let seat = run.sit();
    assert_eq!(run.calls.give_up(seat + 1), None, "the thread is at another call");
    let ask = |call: &Call| {
        assert_eq!(run.calls.give_up(call.number), Some(seat));
        good(call)
    };
    assert_eq!(run.calls.follow(seat, at_once, ask), Ok(None));
    assert_eq!(run.answers(), (Vec::new(), Begun::default()));
    assert_eq!((run.calls.current(seat), run.calls.leave(seat)), (None, None));
    assert_eq!(run.scheduler.lock().unwrap().in_flight().next().unwrap().digests, 0..100);
    let next = run.sit();
    assert_ne!(next, seat, "a late thread must not find another call in its place");
    assert_eq!(run.calls.follow(seat, at_once, |_| -> Result<Option<()>, Infallible> { panic!() }), Ok(None));
    assert_eq!(run.calls.current(next).unwrap().call.digests, 100..200);
}

#[test]
fn the_call_that_a_seat_is_at_is_given_up_by_its_own_number() {
    let run = Run::new(1_000, 1, 100);
    let seat = run.sit();
    let ask = |call: &Call| {
        if call.digests.start == 300 {
            assert_eq!(run.calls.give_up(seat), None, "the first call of the seat is settled");
            assert_eq!(run.calls.give_up(call.number), Some(seat));
        }
        good(call)
    };
    assert_eq!(run.calls.follow(seat, at_once, ask), Ok(None));
    assert_eq!((run.answers().0.len(), run.cursor()), (3, 400));
}

#[test]
fn a_call_that_is_settled_is_not_given_up() {
    let run = Run::new(100, 1, 100);
    let seat = run.sit();
    assert_eq!(run.follow(seat), [0..100]);
    assert_eq!(run.calls.give_up(seat), None);
    assert!(!run.calls.leave(seat).unwrap().open);
}

#[test]
fn threads_come_back_when_many_answers_wait_and_none_is_lost() {
    let run = Run::new(80_000, 8, 16);
    let seats: Vec<Seat> = (0..8).map(|_| run.sit()).collect();
    assert_eq!(run.calls.sit(&Call::new(0..1)), None, "there are eight seats");
    thread::scope(|scope| {
        for seat in &seats {
            let calls = &run.calls;
            scope.spawn(move || assert_eq!(calls.follow(*seat, at_once, good), Ok(None)));
        }
    });
    let (seen, begun) = run.answers();
    assert!((16..24).contains(&seen.len()), "{}", seen.len());
    assert_eq!(seen.len(), 8 + begun.requests);
}

#[test]
fn a_look_takes_as_many_answers_as_it_has_room_for_and_leaves_the_rest() {
    let run = Run::new(300, 1, 100);
    run.follow(run.sit());
    let mut seen = Vec::with_capacity(2);
    let begun = run.calls.answers(&mut seen);
    run.calls.forget(seen.len(), begun);
    assert_eq!(seen.iter().map(|each| each.call.start).collect::<Vec<_>>(), [0, 100]);
    let (rest, begun) = run.answers();
    assert_eq!(rest.into_iter().map(|each| each.call.start).collect::<Vec<_>>(), [200]);
    assert_eq!(begun, Begun::default());
}

#[test]
fn threads_take_calls_that_are_asked_again_before_new_ones_and_count_them() {
    let run = Run::new(500, 2, 100);
    let (seat, other) = (run.sit(), run.sit());
    let failed = run.calls.leave(other).unwrap().call;
    run.fail(&failed, TRANSIENT);
    assert_eq!(run.follow(seat), [0..100, 100..200, 200..300, 300..400, 400..500]);
    let (seen, begun) = run.answers();
    assert_eq!((seen.len(), begun), (5, Begun { requests: 4, retries: 1 }));
    let answered = &seen[1];
    assert!(answered.started_at >= failed.started_at, "the answer is that of the second request");
    assert!(run.scheduler.lock().unwrap().is_finished());
}

#[test]
fn threads_take_the_halves_of_a_refused_batch() {
    let run = Run::new(300, 2, 100);
    let (seat, other) = (run.sit(), run.sit());
    run.fail(&run.calls.leave(other).unwrap().call, BAD);
    assert_eq!(run.follow(seat), [0..100, 100..150, 150..200, 200..300]);
    // The first request of a half is not a retry: nothing asked these digests as one call before.
    assert_eq!(run.answers().1, Begun { requests: 3, retries: 0 });
}

#[test]
fn a_half_that_fails_is_asked_again_and_counted() {
    let run = Run::new(200, 2, 100);
    let (seat, other) = (run.sit(), run.sit());
    run.fail(&run.calls.leave(other).unwrap().call, BAD);
    let half = run.take().unwrap();
    assert_eq!(half.digests, 100..150);
    run.fail(&half, TRANSIENT);
    assert_eq!(run.follow(seat), [0..100, 150..200, 100..150]);
    assert_eq!(run.answers().1, Begun { requests: 2, retries: 1 });
}

#[test]
fn a_thread_comes_back_when_a_call_is_due_only_later() {
    let run = Run::timeless(200, 2, 100);
    let (seat, other) = (run.sit(), run.sit());
    let failed = run.calls.leave(other).unwrap().call;
    run.scheduler.lock().unwrap().fail(&failed, TRANSIENT, BEGIN + 1.0);
    assert_eq!(run.calls.follow(seat, |_| panic!("it books a call that is not due"), good), Ok(None));
    assert_eq!(run.answers().0.len(), 1);
    assert_eq!(run.scheduler.lock().unwrap().due(BEGIN), Some(BEGIN + 1.0));
}

#[test]
fn a_thread_that_other_runs_wait_for_comes_back_after_its_stay() {
    for (is_shared, stayed_s, asked) in [(true, 0.021, 1), (true, 0.019, 5), (false, 0.021, 5)] {
        let run = Run::timeless(500, 1, 100);
        run.calls.share(is_shared);
        // The clock stands still, so that the thread has been there for exactly so long.
        let call = run.scheduler.lock().unwrap().take(BEGIN - stayed_s).unwrap().unwrap();
        let seat = run.calls.sit(&call).unwrap();
        assert_eq!(run.follow(seat).len(), asked, "shared: {is_shared}, after {stayed_s} s");
    }
}

#[test]
fn a_thread_stays_again_when_no_other_run_waits_any_more() {
    let run = Run::timeless(500, 1, 100);
    run.calls.share(true);
    let call = run.scheduler.lock().unwrap().take(BEGIN - 1.0).unwrap().unwrap();
    let seat = run.calls.sit(&call).unwrap();
    let ask = |call: &Call| {
        run.calls.share(call.digests.start == 300);
        good(call)
    };
    assert_eq!(run.calls.follow(seat, at_once, ask), Ok(None));
    assert_eq!(run.cursor(), 400);
}
