//! The operator's and caller's command line.

fn main() {}
