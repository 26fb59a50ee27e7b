//! `farebox product`: what the origin behind a product must know.

use clap::Subcommand;
use farebox_core::id::ProductId;

use super::Format;
use crate::admin::Connection;

const COLUMNS: [&str; 3] = ["product", "algorithm", "secret"];

/// Products: what their origins must know
#[derive(Debug, Subcommand)]
pub(crate) enum Product {
    /// Show the secret with which the product's origin verifies that a call comes from this gateway
    ///
    /// For owners. The page protect-your-origin.md shows how an origin verifies.
    #[command(after_help = "Example:\n  farebox product secret echo")]
    Secret {
        /// The product's id
        product: ProductId,
        #[command(flatten)]
        format: Format,
    },
}

impl Product {
    pub(crate) fn run(self, connection: &Connection) -> anyhow::Result<()> {
        let Self::Secret { product, format } = self;
        format.record(&connection.admin()?.get(&format!("products/{product}/upstream-secret"))?, &COLUMNS);
        Ok(())
    }
}
