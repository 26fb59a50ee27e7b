//! What a call comes to in units, where its upstream says so.
//!
//! Invariant: a call is charged no more units than were set aside for it. Units that its upstream has not reported are not
//! charged. But a caller who leaves before the upstream could report is charged all that was set aside, or leaving would be a way
//! not to pay.

use farebox_core::{
    catalog::Units,
    time::{MINUTE, Millis, SECOND, Timestamp},
    units::{Framing, Reader, said},
};
use farebox_ports::{Host, log::tell};

use crate::{
    admit::product_of,
    instance::{Call, CallKey, Gateway, State},
    outcome::Outcome,
};

/// How long an answer is read on whose caller has left, for the units that its upstream may still say. A Worker that nobody waits for
/// is ended after 30 s.
pub const WAITS_FOR_UNITS: Millis = 25 * SECOND;

/// How often the operator is told of one instance that an upstream does not count as its product has it.
const TOLD_EVERY: Millis = MINUTE;

/// Where the shell finds how many units a call came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnitsFrom {
    /// Nowhere: it is known, or nobody counts them.
    Nowhere = 0,
    /// In the field [`FIELD`](farebox_core::units::FIELD), for [`Gateway::said_units`].
    Header = 1,
    /// In the body, which goes through [`Gateway::read_units`].
    Body = 2,
}

/// What the upstream of a call has said so far.
#[derive(Debug, Default)]
pub(crate) enum Saying {
    /// Nothing.
    #[default]
    Nothing,
    /// So many units.
    Said(u64),
    /// What stands in the body, as far as it was read.
    Reading(Box<Reader>),
}

/// Why the units that an upstream reports are not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// It said more units than were set aside.
    TooMany { said: u64, most: u64 },
    /// It said nothing that is a number of units.
    Unsaid,
}

impl Call {
    /// How many units its calls come to, by its route.
    pub(crate) fn units(&self) -> Option<&Units> {
        product_of(self).routes.get(self.route)?.units.as_ref()
    }

    /// The most that it can come to.
    pub(crate) fn most_units(&self) -> u64 {
        self.units().map_or(0, Units::most)
    }

    /// Where its units are said.
    pub(crate) fn units_from(&self) -> UnitsFrom {
        match self.units() {
            None | Some(Units::Fixed(_)) => UnitsFrom::Nowhere,
            Some(Units::Header { .. }) => UnitsFrom::Header,
            Some(Units::Body { .. }) => UnitsFrom::Body,
        }
    }

    /// How many units it came to, once it is charged for `outcome`; and what is wrong with what its upstream said.
    pub(crate) fn units_due(&self, outcome: Outcome) -> (u64, Option<Flaw>) {
        let most = match self.units() {
            None => return (0, None),
            Some(Units::Fixed(units)) => return (*units, None),
            Some(Units::Header { most } | Units::Body { most, .. }) => *most,
        };
        let said = match &self.saying {
            Saying::Nothing => None,
            Saying::Said(units) => Some(*units),
            Saying::Reading(reader) => reader.units(),
        };
        match said {
            Some(said) if said > most => (most, Some(Flaw::TooMany { said, most })),
            Some(said) => (said, None),
            None if self.is_left => (most, None),
            // Errors and answers without content have nothing to say.
            None => (0, matches!(outcome, Outcome::Answered(200 | 201)).then_some(Flaw::Unsaid)),
        }
    }
}

impl<P> Gateway<P> {
    /// Notes what the upstream has said in its field, however it is written.
    pub fn said_units(&self, call: CallKey, field: &str) {
        if let Some(call) = self.state().calls.get_mut(call.0) {
            call.saying = said(field).map_or(Saying::Nothing, Saying::Said);
        }
    }

    /// Begins to read an answer of this type.
    pub fn begin_units(&self, call: CallKey, content_type: &str) {
        if let Some(call) = self.state().calls.get_mut(call.0)
            && let Some(Units::Body { pointers, .. }) = call.units()
        {
            call.saying = Saying::Reading(Box::new(Reader::new(pointers, Framing::of(content_type))));
        }
    }

    /// Reads the next piece of the answer.
    pub fn read_units(&self, call: CallKey, piece: &[u8]) {
        if let Some(call) = self.state().calls.get_mut(call.0)
            && let Saying::Reading(reader) = &mut call.saying
        {
            reader.read(piece);
        }
    }

    /// Notes that the caller has left, and that the upstream did not come to an end within [`WAITS_FOR_UNITS`] after that.
    pub fn left_units(&self, call: CallKey) {
        if let Some(call) = self.state().calls.get_mut(call.0) {
            call.is_left = true;
        }
    }
}

impl<P: Host> Gateway<P> {
    /// Tells the operator that an upstream does not count as its product has it, once in a while.
    pub(crate) fn tell_flaw(&self, state: &mut State, call: &Call, flaw: Flaw, now: Timestamp) {
        let product = &product_of(call).id;
        state.flaws_told.retain(|(_, told)| now.since(*told) < TOLD_EVERY);
        if state.flaws_told.iter().any(|(of, _)| of == product) {
            return;
        }
        state.flaws_told.push((product.clone(), now));
        match flaw {
            Flaw::TooMany { said, most } => {
                let detail = "the upstream said more units than the product's max_units, which is what is charged";
                tell(&self.ports, "units.cut", &[("product", product), ("said", &said), ("max_units", &most)], &detail);
            }
            Flaw::Unsaid => {
                let detail = "the upstream said no units where the product looks for them: none are charged";
                tell(&self.ports, "units.unsaid", &[("product", product)], &detail);
            }
        }
    }
}
