//! What follows from a failed request.

use super::call::Call;
use super::retry::FailureKind;
use super::scheduler::Scheduler;

/// What the scheduler reads of a failure; `layercheck.aws.classify.Failure` has it.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::struct_excessive_bools)] // each says something else of the failure
pub struct Failure {
    /// Its kind.
    pub kind: FailureKind,
    /// A connection was made.
    pub connected: bool,
    /// The server closed a connection without TLS before it answered.
    pub hung_up: bool,
    /// New credentials may help.
    pub renews: bool,
    /// The service refused the time of the signature.
    pub resigns: bool,
    /// The message speaks of the repository or the registry.
    pub names_target: bool,
    /// The message speaks of digests.
    pub names_digest: bool,
}

/// What was decided about a failed request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Decision {
    /// The same digests are asked again later, some of them in the last round.
    Retry,
    /// Each half of the batch is asked by itself.
    Split,
    /// The digest stands alone and is refused.
    Refuse,
    /// The digest is refused if the service accepts any other digest.
    Suspect,
    /// The digests are left without an answer.
    GiveUp,
    /// The run ends: asking again cannot help.
    Fatal,
    /// The run ends: the service stopped answering.
    Stall,
}

impl Scheduler {
    /// Decides what happens to the digests of a call that failed.
    pub fn fail(&mut self, call: &Call, failure: &Failure, now: f64) -> Decision {
        self.land(call);
        self.reached |= failure.connected;
        self.heard |= failure.connected && !failure.hung_up;
        if failure.kind == FailureKind::Batch {
            self.progressed(now);
            return self.refused(call, *failure);
        }
        if failure.resigns && !call.signed_again && self.signed_again < Self::SIGNED_AGAIN {
            // At once: the transport signs with the service's time now, or the request had waited too long.
            self.signed_again += 1;
            self.wait(Call { signed_again: true, ..call.clone() }, now);
            return Decision::Retry;
        }
        if failure.kind == FailureKind::Fatal && !(failure.renews && self.renewable) {
            return Decision::Fatal;
        }
        self.failures_in_a_row += 1;
        self.failed_probes += u32::from(call.is_probe && call.requests == 1);
        self.failing_since.get_or_insert(call.started_at);
        self.ask_again(call.clone(), *failure, now)
    }

    fn refused(&mut self, call: &Call, failure: Failure) -> Decision {
        if failure.names_target && !failure.names_digest {
            return Decision::Fatal;
        }
        if call.size() > 1 {
            return self.halve(call);
        }
        if self.answered {
            return Decision::Refuse;
        }
        self.suspects.push(call.clone());
        self.take_largest = true;
        let limit = if failure.names_digest { Self::LONE_REFUSALS_NAMED } else { Self::LONE_REFUSALS };
        if self.suspects.len() >= limit { Decision::Fatal } else { Decision::Suspect }
    }

    fn ask_again(&mut self, mut call: Call, failure: Failure, now: f64) -> Decision {
        let count = match failure.kind {
            FailureKind::Throttled => &mut call.throttles,
            FailureKind::Fatal => &mut call.renewals,
            FailureKind::Transient | FailureKind::Batch => &mut call.tries,
        };
        *count += 1;
        let tries = *count;
        let about = (self.reached, call.half);
        let longest = self.limits.retry.longest_delay_s(failure.kind, tries, now - call.first_at, about);
        let hopeless = (call.half || call.last) && self.search.has_failed(now);
        let is_alone = call.last && !call.half;
        match longest {
            Some(longest) if !(hopeless || (is_alone && self.is_silent(now))) => {
                let due = now + self.drawn(longest);
                self.wait(call, due);
                Decision::Retry
            }
            _ => self.used_up(call, failure, now),
        }
    }

    /// Decides about a call that used up its attempts or its time.
    fn used_up(&mut self, call: Call, failure: Failure, now: f64) -> Decision {
        if failure.kind == FailureKind::Fatal || !self.reached {
            return Decision::Fatal;
        }
        // Throttling and a missing connection are not the fault of a digest.
        let may_be_its_own = failure.kind == FailureKind::Transient && failure.connected;
        if !self.answered || self.is_silent(now) {
            return self.search_on(call, now, may_be_its_own);
        }
        let has_time = now - call.first_at < self.limits.retry.asking_s;
        let lately = now - Self::LATELY * self.limits.retry.back_off_base_s;
        let others_answered = self.progress_at > call.tried_since.min(lately);
        let asks_again = has_time && call.last && others_answered;
        if asks_again && call.began_again < Self::BEGIN_AGAIN {
            return self.begin_again(call, now);
        }
        let halves = has_time && may_be_its_own && call.size() > 1 && (call.last || others_answered);
        if halves && self.pay_for_halving(&call) {
            return self.halve(&call);
        }
        if asks_again {
            return self.begin_again(call, now);
        }
        if call.last { Decision::GiveUp } else { self.put_aside(call) }
    }

    /// Decides about a call that used up its attempts while no call is answered.
    fn search_on(&mut self, call: Call, now: f64, may_be_its_own: bool) -> Decision {
        if call.half && (call.size() == 1 || !may_be_its_own) {
            self.search.count_lone_failure();
            self.take_largest = true;
        }
        if !self.search.has_failed(now) {
            if may_be_its_own && call.size() > 1 && (call.half || !self.search.has_begun()) {
                self.search.begin(now);
                return self.halve(&call);
            }
            if self.search.has_begun() {
                return self.put_aside(call);
            }
        }
        if !(self.answered || self.heard) {
            // Whatever listens there has not said a word, so it speaks another protocol.
            return Decision::Fatal;
        }
        if !self.has_fresh() || !self.in_outage() {
            return Decision::GiveUp;
        }
        // The next batch would fail too. After an answer, what is known is worth a report.
        if self.answered { Decision::Stall } else { Decision::Fatal }
    }

    fn put_aside(&mut self, call: Call) -> Decision {
        self.set_aside.push(call);
        Decision::Retry
    }

    fn begin_again(&mut self, call: Call, now: f64) -> Decision {
        let due = now + self.drawn(self.limits.retry.back_off_base_s);
        let began_again = call.began_again + 1;
        self.wait(Call { began_again, ..call.with_new_attempts(now) }, due);
        Decision::Retry
    }

    fn pay_for_halving(&mut self, call: &Call) -> bool {
        // A batch is begun only if the credit lasts down to a single digest.
        let halvings = if call.half || call.last { 1 } else { usize::BITS - call.size().leading_zeros() };
        if self.credit < Self::HALVING_COST * halvings {
            return false;
        }
        self.credit -= Self::HALVING_COST;
        true
    }

    fn halve(&mut self, call: &Call) -> Decision {
        let (left, right) = call.halves();
        self.halves.extend([right, left]); // the last one is taken first
        Decision::Split
    }
}
