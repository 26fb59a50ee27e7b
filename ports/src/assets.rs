//! The port of the built pages: files that were deployed with the code and never change under it.

use crate::Fault;

/// Files of the pages, by their path below what `portal` was built into, such as `assets/portal-Bk3.js`.
pub trait Assets {
    /// The bytes of a file; `None` where there is none. A path that leads elsewhere than down has none.
    async fn asset(&self, path: &str) -> Result<Option<Vec<u8>>, Fault>;
}
