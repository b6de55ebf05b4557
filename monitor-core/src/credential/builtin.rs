//! The built-in map.
