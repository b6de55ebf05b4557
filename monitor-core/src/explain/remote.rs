//! What explains a call that a watched server makes of another MCP server: an open call that it passes on, as a bridge does,
//! or, where it isn't known for a bridge, one that may need it.

use monitor_wire::mcp::ToolCall;

use super::{Explained, Firm, Scene, Strength};
use crate::state::{Asked, Call, Hold};

/// How a remote call was joined to the server's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PassedOn {
    /// Who explains it.
    pub explained: Explained,
    /// How firmly.
    pub strength: Option<Strength>,
    /// A call is open, but of another tool, and the server passes calls on as they are.
    pub differs: bool,
}

/// What explains a remote call. `bridge`: the server was seen to pass calls on, and hardly ever did anything else.
#[must_use]
pub fn passed_on(scene: &Scene<'_>, called: &ToolCall, bridge: bool) -> PassedOn {
    let calls = || scene.holding().filter(|(call, _)| call.asked == Asked::Tool);
    let open = || calls().filter(|(_, hold)| *hold == Hold::Open).map(|(call, _)| call);
    let same = |call: &&Call| call.digest == called.digest;
    let named = |call: &&Call| is_name_of(&call.tool, &called.name);
    let joined = |calls: &mut dyn Iterator<Item = &Call>, firm, strength| {
        Explained::by_calls(calls.map(|call| (call.key, firm))).map(|explained| PassedOn {
            explained,
            strength: Some(strength),
            differs: false,
        })
    };
    // which of the others it is for, nobody can tell; nor whether the last one was answered before its work was done
    let mut others = calls().filter(|(_, hold)| !bridge || *hold == Hold::Tail).map(|(call, _)| call);
    joined(&mut open().filter(same).take(1), Firm::Strong, Strength::Strong)
        .or_else(|| joined(&mut open().filter(named).take(1), Firm::Weak, Strength::Medium))
        .or_else(|| joined(&mut others, Firm::Weak, Strength::Weak))
        .unwrap_or_else(|| PassedOn {
            explained: Explained::nothing(),
            strength: None,
            differs: open().next().is_some(),
        })
}

/// Whether a tool's name is that of another server's tool, perhaps with that server's name before it: bridges of several
/// servers tell their tools apart so.
fn is_name_of(own: &str, remote: &str) -> bool {
    !remote.is_empty()
        && own.strip_suffix(remote).is_some_and(|rest| rest.is_empty() || rest.ends_with(['_', '-', '.', '/', ':']))
}

#[cfg(test)]
mod tests {
    use super::is_name_of;

    #[test]
    fn names_may_have_their_server_before_them() {
        for (own, remote) in [("list", "list"), ("cf_list", "list"), ("a__zones_list", "zones_list")] {
            assert!(is_name_of(own, remote), "{own} {remote}");
        }
        for (own, remote) in
            [("list", "delete"), ("blacklist", "list"), ("worker", "delete_worker"), ("", "list"), ("list", "")]
        {
            assert!(!is_name_of(own, remote), "{own} {remote}");
        }
    }
}
