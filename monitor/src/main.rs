//! tripline
fn main() {
    match monitor::sensor::load::Sensors::load() {
        Ok(s) => for h in &s.hooks { println!("{} {:?}", h.program.name, h.refused); },
        Err(e) => println!("ERR {e}"),
    }
}
