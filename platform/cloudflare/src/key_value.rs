//! Configuration in Workers KV. The billing worker and the objects of documents write it, every edge instance reads it, and KV
//! shows it everywhere within about a minute.

use farebox_ports::{Fault, KeyValue, Page, keys::CLOCK_ENTRY};
use worker::kv::KvError;

use crate::{Platform, location_cache};

/// Workers KV lets at most this many keys onto one page.
const PAGE: u32 = 1_000;

/// Seconds for which a Cloudflare location may answer a read from its own cache: KV's least.
const CACHE_TTL: u64 = 30;

pub(crate) fn fault(error: KvError) -> Fault {
    Fault::Unavailable { port: "key-value", detail: error.to_string() }
}

impl KeyValue for Platform {
    /// A clock that is moved, in development only, is noticed at once: it is read past the location's cache.
    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Fault> {
        let is_located = self.is_edge && key != CLOCK_ENTRY;
        if is_located && let Some(value) = location_cache::get(key).await {
            return Ok(Some(value));
        }
        let value = self.config.get(key).cache_ttl(CACHE_TTL).bytes().await.map_err(fault)?;
        if let Some(value) = value.as_deref().filter(|_| is_located) {
            location_cache::keep(key, value).await;
        }
        Ok(value)
    }

    async fn put(&self, key: &str, value: &[u8]) -> Result<(), Fault> {
        self.config.put_bytes(key, value).map_err(fault)?.execute().await.map_err(fault)?;
        self.forget(key).await;
        Ok(())
    }

    async fn delete(&self, key: &str) -> Result<(), Fault> {
        self.config.delete(key).await.map_err(fault)?;
        self.forget(key).await;
        Ok(())
    }

    async fn list(&self, prefix: &str, cursor: Option<&str>, limit: u32) -> Result<Page<String>, Fault> {
        let mut list = self.config.list().prefix(prefix.to_owned()).limit(u64::from(limit.min(PAGE)));
        if let Some(cursor) = cursor {
            list = list.cursor(cursor.to_owned());
        }
        let page = list.execute().await.map_err(fault)?;
        let cursor = page.cursor.filter(|_| !page.list_complete);
        Ok(Page { items: page.keys.into_iter().map(|key| key.name).collect(), cursor })
    }
}

impl Platform {
    /// The edge writes only its counters, which nobody reads through a location.
    async fn forget(&self, key: &str) {
        if !self.is_edge {
            location_cache::forget(key).await;
        }
    }
}
