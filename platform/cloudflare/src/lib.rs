//! The ports on Cloudflare Workers.
