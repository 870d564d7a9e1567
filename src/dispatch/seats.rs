//! The seats of a loop: which thread is at which call.

use super::schedule::Call;
use crate::memory::{self, OutOfMemory};

/// A place in the loop, for one thread: the number of the call that it came with.
pub type Seat = u64;

/// The number of a free seat; no call has it.
const FREE: Seat = 0;

/// The call that a seat is at.
#[derive(Clone, Debug, PartialEq)]
pub struct Current {
    /// The call.
    pub call: Call,
    /// Whether it is not settled yet.
    pub open: bool,
}

/// A thread at its seat.
#[derive(Clone, Debug)]
pub(super) struct Seated {
    /// When it came, seconds on the clock of the loop.
    pub(super) since: f64,
    pub(super) current: Current,
}

/// The seats of a loop. Their numbers stand apart from the rest, because a thread looks for its seat at each
/// call: those of 128 threads are a kilobyte.
#[derive(Debug)]
pub(super) struct Seats {
    numbers: Vec<Seat>,
    seated: Vec<Option<Seated>>,
}

impl Seats {
    /// Makes this many free seats.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub(super) fn new(count: usize) -> Result<Self, OutOfMemory> {
        let mut seated = memory::with_room(count)?;
        seated.resize(count, None);
        Ok(Self { numbers: memory::filled(FREE, count)?, seated })
    }

    /// Gives a seat to the thread that makes this call; none if no seat is free.
    pub(super) fn sit(&mut self, call: &Call) -> Option<Seat> {
        let free = self.numbers.iter().position(|number| *number == FREE)?;
        self.numbers[free] = call.number;
        let current = Current { call: call.clone(), open: true };
        self.seated[free] = Some(Seated { since: call.started_at, current });
        Some(call.number)
    }

    /// Returns who has a seat; none if it was left.
    pub(super) fn at(&mut self, seat: Seat) -> Option<&mut Seated> {
        let at = self.numbers.iter().position(|number| *number == seat)?;
        self.seated[at].as_mut()
    }

    /// Ends a seat; returns what it was at.
    pub(super) fn leave(&mut self, seat: Seat) -> Option<Current> {
        let at = self.numbers.iter().position(|number| *number == seat)?;
        self.numbers[at] = FREE;
        self.seated[at].take().map(|seated| seated.current)
    }

    /// Ends the seat that is at the call with this number, if that is not settled; returns which seat it was.
    pub(super) fn give_up(&mut self, call: u64) -> Option<Seat> {
        let is_at = |seated: &Seated| seated.current.open && seated.current.call.number == call;
        let at = self.seated.iter().position(|seated| seated.as_ref().is_some_and(is_at))?;
        self.seated[at] = None;
        Some(std::mem::replace(&mut self.numbers[at], FREE))
    }
}
