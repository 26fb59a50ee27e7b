//! cargo xtask dev | test | bench | build.

fn main() {}
