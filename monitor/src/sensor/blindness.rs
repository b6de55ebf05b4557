//! What a sensor can't see, by what became of its hooks.

use super::load::HookStatus;

/// Why a sensor with these hooks is blind, wholly or in part; `None` if it sees all that it should. A call that the
/// kernel doesn't have hides nothing, as long as any other hook is armed.
#[must_use]
pub fn blindness(hooks: &[&HookStatus]) -> Option<String> {
    let armed = hooks.iter().any(|hook| hook.refused.is_none());
    let reasons: Vec<String> = hooks
        .iter()
        .filter(|hook| !(armed && hook.absent))
        .filter_map(|hook| Some(format!("{}: {}", hook.program.name, hook.refused.as_ref()?)))
        .collect();
    let reasons = (!reasons.is_empty()).then(|| reasons.join("; "))?;
    Some(if armed { format!("it lacks {reasons}; its other hooks are armed") } else { reasons })
}

#[cfg(test)]
mod tests {
    use super::super::hooks::last_resort;
    use super::*;

    /// The hooks of a sensor where nothing better serves, of which these are refused.
    fn of(sensor: &str, refused: &[&str], absent: bool) -> Vec<HookStatus> {
        last_resort()
            .filter(|program| program.sensor == sensor)
            .map(|program| HookStatus {
                program: *program,
                refused: refused.contains(&program.name).then(|| "Operation not permitted".to_owned()),
                absent: absent && refused.contains(&program.name),
                backend: super::super::hooks::Backend::Tracepoint,
                passed_over: None,
            })
            .collect()
    }

    fn blind(hooks: &[HookStatus]) -> Option<String> {
        blindness(&hooks.iter().collect::<Vec<_>>())
    }

    #[test]
    fn a_sensor_with_every_hook_sees() {
        assert_eq!(blind(&of("socket", &[], false)), None);
    }

    #[test]
    fn a_refused_hook_is_named_and_so_is_all_that_is_left() {
        let said = blind(&of("socket", &["connect6", "sendmsg4"], false)).unwrap();
        assert_eq!(
            said,
            "it lacks connect6: Operation not permitted; sendmsg4: Operation not permitted; its other hooks are armed"
        );
    }

    #[test]
    fn a_sensor_without_any_hook_is_blind() {
        let all = "uring_submit: Operation not permitted; uring_splice: Operation not permitted";
        for absent in [false, true] {
            assert_eq!(blind(&of("io_uring", &["uring_submit", "uring_splice"], absent)).unwrap(), all);
        }
    }

    #[test]
    fn a_call_that_the_kernel_does_not_have_hides_nothing() {
        assert_eq!(blind(&of("file", &["open_exit", "rename_exit"], true)), None);
    }
}
