//! Does nothing, and ends: a child that a server starts.

fn main() {}
