//! Calls of which nothing more is heard: their caller left between admission and the upstream's head.
//!
//! Keeping a request's context alive until its upstream answers costs a call on Workers more than its signature. So there a call
//! whose caller leaves ends with its context, and nobody says so. Invariant: such a call is charged once, with the bytes that
//! were announced and all units that were set aside. The upstream was asked and may have answered. Who is heard of after all adds
//! bytes and no call.

use std::rc::Rc;

use farebox_core::{
    meter::Usage,
    statuses::Statuses,
    time::{Millis, SECOND, Timestamp},
};

use crate::{
    instance::{CallKey, Gateway, Progress, State},
    wallet::User,
};

/// How much longer than its upstream may take a call may: it comes to the upstream a little after it was admitted.
const ON_THE_WAY: Millis = 5 * SECOND;

impl<P> Gateway<P> {
    /// Notes that the upstream has begun its answer, and that the shell ends the call for sure, however long its bodies take.
    pub fn answered(&self, call: CallKey) {
        if let Some(call) = self.state().calls.get_mut(call.0) {
            call.progress = Progress::Answered;
        }
    }
}

impl State {
    /// Ends the calls of which nothing was heard for longer than their upstream may take. Each is remembered for as long again,
    /// for what may be heard of it late.
    pub(crate) fn sweep(&mut self, now: Timestamp) {
        let Some(within) = self.answers_within else { return };
        let Self { calls, wallets, metrics, .. } = self;
        calls.retain(|_, call| {
            let live = Rc::clone(&call.live);
            let product = &live.catalog.products[call.product];
            let longest = product.timeout.unwrap_or(within).saturating_add(ON_THE_WAY);
            let silent = now.since(call.heard_at);
            if call.progress == Progress::Answered || silent < longest {
                return true;
            }
            if call.progress == Progress::Abandoned {
                return silent < longest.saturating_mul(2);
            }
            call.progress = Progress::Abandoned;
            let units = call.most_units();
            let usage = Usage { calls: 1, ingress_bytes: call.announced, units, ..Usage::NONE };
            metrics.ended(&product.id, true, now.since(call.began), now);
            let credential = &call.caller.credential;
            let user = User { credential: &credential.key, route: live.route_name(call.product, call.route) };
            let wallet = wallets.get_mut(&call.caller.purse).and_then(|wallets| wallets.get_mut(&product.id));
            if let Some((wallet, tab)) = wallet.zip(call.tab.as_mut()) {
                wallet.finish(tab, user, (&usage, &Statuses::NONE), now);
            }
            true
        });
    }
}
