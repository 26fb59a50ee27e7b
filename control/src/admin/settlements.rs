//! Settlement runs: one now, the last ones, and what none of them could book.

use farebox_billing::settlement::{self, Refused};
use farebox_ports::keys::REFUSED;

use crate::http::{Answered, Call, Ports, Response, paging::latest_first};

impl<P: Ports> Call<'_, P> {
    pub(crate) async fn run_settlement(&self) -> Answered {
        Response::json(
            200,
            &farebox_billing::run(self.ports, &self.settings.master_key, self.now, farebox_billing::Trigger::Request)
                .await?,
        )
    }

    pub(crate) async fn list_settlements(&self) -> Answered {
        let rows = settlement::reports(self.ports).await?;
        self.page(rows.into_iter().map(|kept| (latest_first(kept.number), kept.report)))
    }

    pub(crate) async fn list_refused(&self) -> Answered {
        self.documents::<Refused, _>(REFUSED, std::convert::identity).await
    }
}
