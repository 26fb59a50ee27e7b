//! The way of a call and the settlement run, generic over ports.
