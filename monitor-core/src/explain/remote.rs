//! What explains a call that a watched server makes of another MCP server: an open call that it passes on, as a bridge does,
//! or, where it isn't known for a bridge, one that may need it.

use monitor_wire::mcp::ToolCall;

use super::{By, Explained, Firm, Scene, Strength};
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

/// What explains a remote call. `bridge`: the server was seen to pass calls on, and never did anything else.
#[must_use]
pub fn passed_on(scene: &Scene<'_>, called: &ToolCall, bridge: bool) -> PassedOn {
    let open = || scene.holding().filter(|(call, hold)| *hold == Hold::Open && call.asked == Asked::Tool);
    let same = |call: &Call| call.digest == called.digest;
    let named = |call: &Call| is_name_of(&call.tool, &called.name);
    let joined = |calls: &mut dyn Iterator<Item = &Call>, firm, strength| {
        Explained::by_calls(calls.map(|call| (call.key, firm))).map(|explained| PassedOn {
            explained,
            strength: Some(strength),
            differs: false,
        })
    };
    let mut exact = open().map(|(call, _)| call).filter(|call| same(call)).take(1);
    let by_name = || open().map(|(call, _)| call).filter(|call| named(call));
    // which of the others it is for, nobody can tell
    let mut others = open().map(|(call, _)| call).filter(|_| !bridge);
    joined(&mut exact, Firm::Strong, Strength::Strong)
        .or_else(|| joined(&mut by_name().take(1), Firm::Strong, Strength::Medium))
        .or_else(|| joined(&mut others, Firm::Weak, Strength::Weak))
        .unwrap_or_else(|| PassedOn {
            explained: Explained { by: By::Nothing, ..Explained::nothing() },
            strength: None,
            differs: open().next().is_some(),
        })
}

/// Whether one tool's name is the other's, perhaps with the other server's name before it: bridges of several servers tell
/// their tools apart so.
fn is_name_of(own: &str, remote: &str) -> bool {
    let ends = |long: &str, short: &str| {
        !short.is_empty()
            && long.strip_suffix(short).is_some_and(|rest| rest.is_empty() || rest.ends_with(['_', '-', '.', '/', ':']))
    };
    ends(own, remote) || ends(remote, own)
}

#[cfg(test)]
mod tests {
    use super::is_name_of;

    #[test]
    fn names_may_have_their_server_before_them() {
        for (own, remote) in
            [("list", "list"), ("cf_list", "list"), ("list", "cf.list"), ("a__zones_list", "zones_list")]
        {
            assert!(is_name_of(own, remote), "{own} {remote}");
        }
        for (own, remote) in [("list", "delete"), ("blacklist", "list"), ("", "list"), ("list", "")] {
            assert!(!is_name_of(own, remote), "{own} {remote}");
        }
    }
}
