//! The ports in memory, deterministic, with faults.
