//! End to end, on the real runtimes, with real clients.
