//! Scheduled settlement, admin API, account Durable Object.
