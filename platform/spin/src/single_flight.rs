//! One piece of work at a time, over calls.
//!
//! A task that is woken by another task of the same instance costs each wait a stream of its own (the feature
//! `inter-task-wakeup` of `wit-bindgen`), and without that it is a panic. So nobody is woken here: who waits looks again
//! after a moment, on a timer of its own.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    future::Future,
    rc::Rc,
};

use farebox_core::time::Millis;
use farebox_gateway::ports::SingleFlight;

use crate::{Platform, host::sleep};

/// How long to wait before looking again, at first and at the most. A flight takes a few statements, and who has just missed its
/// end waits for one pause more. Each look is a turn of the instance, and a thousand calls can wait for seconds where an
/// account is nearly used up.
const PAUSE: std::ops::RangeInclusive<Millis> = 2..=20;

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
            let mut pause = *PAUSE.start();
            while !is_over.get() {
                sleep(pause).await;
                pause = (pause + pause / 2 + 1).min(*PAUSE.end());
            }
            return;
        }
        self.flights.0.borrow_mut().insert(name.clone(), Rc::default());
        let _flight = Flight { flights: self.flights.clone(), name };
        work.await;
    }
}
