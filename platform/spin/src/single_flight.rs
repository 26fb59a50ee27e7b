//! One piece of work at a time, over calls.
//!
//! A task that another task of the same instance wakes costs each wait a stream of its own (the feature `inter-task-wakeup` of
//! `wit-bindgen`). Without that feature it is a panic. So nobody is woken here: who waits looks again after a moment, on a timer
//! of its own ([`Looks`]).

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    future::Future,
    rc::Rc,
};

use farebox_core::time::Millis;
use farebox_ports::SingleFlight;

use crate::{Platform, host::sleep};

/// How long to wait before looking again, at first and at the most.
const PAUSE: std::ops::RangeInclusive<Millis> = 2..=250;

/// The looks of one call that waits for another.
///
/// What is waited for takes a few statements most often, so the first looks come soon. Each pause is half as long again as the
/// one before, so a look comes late by a third of the wait at most. A thousand calls can wait for seconds where an account is
/// nearly used up. With a pause of 20 ms they look 50,000 times a second, which takes both of two processors; with 250 ms, 4,000
/// times.
#[derive(Debug)]
pub(crate) struct Looks(Millis);

impl Looks {
    pub(crate) const fn new() -> Self {
        Self(*PAUSE.start())
    }

    /// Returns when it is time to look again.
    pub(crate) async fn next(&mut self) {
        sleep(self.0).await;
        self.0 = (self.0 + self.0 / 2).min(*PAUSE.end());
    }
}

/// The work under way, by name, with whether it is over.
#[derive(Debug, Clone, Default)]
pub(crate) struct Flights(Rc<RefCell<HashMap<String, Rc<Cell<bool>>>>>);

/// Ends a flight also when its call was ended from outside.
struct Flight {
    flights: Flights,
    name: String,
}

impl Drop for Flight {
    fn drop(&mut self) {
        if let Some(is_over) = self.flights.0.borrow_mut().remove(&self.name) {
            is_over.set(true);
        }
    }
}

impl SingleFlight for Platform {
    async fn once<W: Future<Output = ()> + 'static>(&self, name: String, work: W) {
        let under_way = self.flights.0.borrow().get(&name).cloned();
        if let Some(is_over) = under_way {
            let mut looks = Looks::new();
            while !is_over.get() {
                looks.next().await;
            }
            return;
        }
        self.flights.0.borrow_mut().insert(name.clone(), Rc::default());
        let _flight = Flight { flights: self.flights.clone(), name };
        work.await;
    }
}
