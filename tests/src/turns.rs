//! Which scenarios run at the same time on the gateway that all of a runtime share.
//!
//! Invariant: a scenario that needs the gateway for itself runs when no other does. It lets those that run beside others go
//! first. Were it next in a queue, all of them would wait for it, and it for the slowest that runs.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// How many scenarios run at once: they wait for leases and settlements most of their time.
const SIDE_BY_SIDE: usize = 4;

/// When a scenario runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// First, beside others: it takes longest.
    First,
    /// Beside others.
    Beside,
    /// Beside nothing else: it measures the runtime's memory, watches a settlement or what settlements add up, loads the machine,
    /// or sends a call twice to what must be one instance.
    Alone,
}

#[derive(Default)]
struct Turns {
    side_by_side: usize,
    is_alone: bool,
    /// How many scenarios wait for each kind of turn.
    waiting: [usize; 3],
}

impl Turns {
    fn waiting(&mut self, turn: Turn) -> &mut usize {
        &mut self.waiting[turn as usize]
    }

    fn has_come(&mut self, turn: Turn) -> bool {
        let has_room = !self.is_alone && self.side_by_side < SIDE_BY_SIDE;
        match turn {
            Turn::First => has_room,
            Turn::Beside => has_room && *self.waiting(Turn::First) == 0,
            Turn::Alone => {
                let others = *self.waiting(Turn::First) + *self.waiting(Turn::Beside) + self.side_by_side;
                !self.is_alone && others == 0
            }
        }
    }
}

static TURNS: Mutex<Turns> = Mutex::new(Turns { side_by_side: 0, is_alone: false, waiting: [0; 3] });
static CHANGED: Condvar = Condvar::new();

/// A turn that ends with this value.
pub(crate) struct Running(Turn);

/// Waits for a turn.
pub(crate) fn take(turn: Turn) -> Running {
    let mut turns = turns();
    *turns.waiting(turn) += 1;
    let mut turns = CHANGED.wait_while(turns, |turns| !turns.has_come(turn)).unwrap_or_else(PoisonError::into_inner);
    *turns.waiting(turn) -= 1;
    match turn {
        Turn::First | Turn::Beside => turns.side_by_side += 1,
        Turn::Alone => turns.is_alone = true,
    }
    // Who waits for those that come first waits no more.
    CHANGED.notify_all();
    Running(turn)
}

fn turns() -> MutexGuard<'static, Turns> {
    TURNS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut turns = turns();
        match self.0 {
            Turn::First | Turn::Beside => turns.side_by_side -= 1,
            Turn::Alone => turns.is_alone = false,
        }
        CHANGED.notify_all();
    }
}
