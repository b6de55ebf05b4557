//! Tripline's agent: everything that touches the world.
pub mod sensor;
