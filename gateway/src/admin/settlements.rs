//! Settlement runs: one now, the last ones, and what none of them could book.

use super::{AdminPorts, AdminResponse, Answered, Call, Items, store};
use crate::{
    billing,
    settlement::{self, REFUSED, Refused},
};

impl<P: AdminPorts> Call<'_, P> {
    pub(super) async fn run_settlement(&self) -> Answered {
        AdminResponse::json(200, &billing::run(self.ports, &self.settings.master_key, self.now, true).await?)
    }

    pub(super) async fn list_settlements(&self) -> Answered {
        self.page(settlement::reports(self.ports).await?)
    }

    pub(super) async fn list_refused(&self) -> Answered {
        let cursor = self.page_cursor()?;
        let page = self.ports.list(REFUSED, cursor.as_deref(), self.limit()?.into()).await?;
        let mut items: Vec<Refused> = Vec::with_capacity(page.items.len());
        for key in &page.items {
            items.extend(store::read(self.ports, key).await?);
        }
        AdminResponse::json(200, &Items { items, cursor: self.next_page(page.cursor) })
    }
}
