//! A gateway instance, as far as the ledger can tell: it spends leases, counts usage and writes batches.

use std::collections::BTreeMap;

use farebox_core::{
    id::{AccountId, BatchId, LeaseId, ProductId, WriterId},
    journal::{Batch, Closing, Line, Window},
    lease::{Held, Lease},
    meter::Usage,
    time::{Millis, Timestamp},
};

/// A lease in use.
pub(crate) struct Pocket {
    pub(crate) account: AccountId,
    pub(crate) product: ProductId,
    pub(crate) held: Held,
    unsent: Usage,
}

/// A batch that was made and is not known to be written.
pub(crate) struct Waiting {
    pub(crate) window: Window,
    pub(crate) id: BatchId,
    pub(crate) batch: Batch,
}

/// An instance with a clock of its own.
pub(crate) struct Instance {
    pub(crate) writer: WriterId,
    pub(crate) skew: Millis,
    pub(crate) pockets: Vec<Pocket>,
    pub(crate) waiting: Vec<Waiting>,
    sequence: u64,
}

impl Instance {
    pub(crate) fn new(number: u64) -> Self {
        let writer = format!("w{number}").parse().unwrap();
        Self { writer, skew: 0, pockets: Vec::new(), waiting: Vec::new(), sequence: 0 }
    }

    pub(crate) fn take(&mut self, account: &AccountId, product: &ProductId, lease: Lease) {
        let (account, product) = (account.clone(), product.clone());
        self.pockets.push(Pocket { account, product, held: Held::new(lease), unsent: Usage::default() });
    }

    /// Takes a call off a lease, if one pays.
    pub(crate) fn admit(&mut self, account: &AccountId, product: &ProductId, now: Timestamp) -> Option<LeaseId> {
        let ours = self.pockets.iter_mut().filter(|pocket| pocket.account == *account && pocket.product == *product);
        ours.into_iter().find_map(|pocket| pocket.held.admit(now).then(|| pocket.held.lease().id))
    }

    /// A call that was admitted turned out to be `usage`.
    pub(crate) fn finish(&mut self, index: usize, usage: &Usage) {
        let pocket = &mut self.pockets[index];
        pocket.held.finish(usage);
        pocket.unsent.add(usage);
    }

    /// Makes a batch of what was counted, and closes leases that nothing is in flight on where `closes` says so.
    pub(crate) fn collect(&mut self, now: Timestamp, closes: impl Fn(&Pocket) -> bool) {
        let mut batch = Batch::default();
        for pocket in self.pockets.iter_mut().filter(|pocket| !pocket.unsent.is_zero()) {
            batch.lines.push(Line {
                account: pocket.account.clone(),
                credential: "key".parse().unwrap(),
                product: pocket.product.clone(),
                lease: pocket.held.lease().id,
                usage: std::mem::take(&mut pocket.unsent),
            });
        }
        let done = self.pockets.extract_if(.., |pocket| pocket.held.in_flight() == 0 && closes(pocket));
        batch.closings.extend(done.map(|pocket| Closing {
            account: pocket.account,
            lease: pocket.held.lease().id,
            total: pocket.held.spent(),
        }));
        if !batch.is_empty() {
            let id = BatchId { writer: self.writer.clone(), sequence: self.sequence };
            self.sequence += 1;
            self.waiting.push(Waiting { window: Window::of(now), id, batch });
        }
    }

    /// What was answered on each lease, sent or not.
    pub(crate) fn answered(&self) -> BTreeMap<(AccountId, LeaseId), Usage> {
        let answered = |pocket: &Pocket| {
            let spent = pocket.held.spent();
            let calls = spent.calls - pocket.held.in_flight();
            ((pocket.account.clone(), pocket.held.lease().id), Usage { calls, ..spent })
        };
        self.pockets.iter().map(answered).collect()
    }
}
