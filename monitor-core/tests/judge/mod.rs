//! The engine over a list of events.

use monitor_core::alert::Alert;
use monitor_core::config::EngineConfig;
use monitor_core::engine::Engine;
use monitor_core::event::Event;

/// What it says to these events, and the engine as they leave it.
pub fn run(config: EngineConfig, events: &[Event]) -> (Engine, Vec<Alert>) {
    let mut engine = Engine::new(config);
    let mut alerts = Vec::new();
    for event in events {
        engine.step(event, &mut alerts);
    }
    (engine, alerts)
}
