//! Rules about what connections say: requests, and names. Facts and words only.

use super::Rule;
use crate::alert::{Category, Severity};

pub(crate) const API_CHANGE: Rule = Rule {
    id: "TL-EFF-005",
    name: "API change that nothing explains",
    version: 1,
    category: Category::UndeclaredEffect,
    severity: Severity::High,
    maestro: &["L3", "L7"],
    attack: &["T1565.001", "T1528"],
    sensors: &["stream", "process", "tls"],
    explanation: "A watched server sent its API a request that may change something, and no open call explains it: none \
            was open, those that were are declared not to make it, it names an account, zone, script, bucket or key that \
            isn't the one the call was asked for, or the call had made it already. Low where it was made again and the \
            answer to the first may have been lost.",
    normal: "The requests that the open call's tool is declared to make, each as often as it is declared; the same again \
            after an error; a POST by which tools only read.",
    check: "Look the request up in the API's audit log and undo it. Then find out what sent it: the package's own code \
            (reinstall it, compare it), or text that talked a model into it (read the call's arguments).",
};

pub(crate) const API_READ: Rule = Rule {
    id: "TL-EFF-006",
    name: "API request that nothing explains",
    version: 1,
    category: Category::UndeclaredEffect,
    severity: Severity::Medium,
    maestro: &["L3", "L7"],
    attack: &["T1526", "T1087.004"],
    sensors: &["stream", "process", "tls"],
    explanation: "A watched server asked its API for something that no open call explains: while no call was open, or for \
            another account, zone or object than the call was asked for. Low for what a tool looks up besides while a \
            call is open, and for the identity questions of a start.",
    normal: "What the open call's tool is declared to ask, as often as it likes; who am I, which accounts, while the \
            server starts.",
    check: "What did it learn by it (audit logs, members, code, secrets)? A server that polls needs a better profile; \
            one that looks into other accounts has a token that reaches too far.",
};

pub(crate) const UNDECLARED_HOST: Rule = Rule {
    id: "TL-EFF-007",
    name: "Undeclared host at an address that is explained",
    version: 1,
    category: Category::UndeclaredEffect,
    severity: Severity::Medium,
    maestro: &["L3", "L4"],
    attack: &["T1071.001", "T1583.006"],
    sensors: &["name", "socket", "stream", "process"],
    explanation: "The address was one that the profile's hosts may have, such as Cloudflare's, but the first bytes of TLS \
            ask for another host. Whoever has a site at the same provider has the same addresses: workers.dev, pages.dev, \
            r2.dev and trycloudflare.com are anybody's. From then on the connection is unexplained, also for what was \
            read before it.",
    normal: "The profile's hosts, those on the server's command line, wherever a package manager goes at start, hosts \
            that an argument of a fetching tool names; hellos without a name, or with an encrypted one.",
    check: "Whose host is it? A Worker of the user's own belongs on the server's command line or into its profile. If it \
            is nobody's here, find what the server read before, and what it sent.",
};

pub(crate) const REMOTE_CALL: Rule = Rule {
    id: "TL-EFF-008",
    name: "Call of another MCP server that nothing explains",
    version: 1,
    category: Category::UndeclaredEffect,
    severity: Severity::Medium,
    maestro: &["L3", "L7"],
    attack: &["T1071.001", "T1565.002"],
    sensors: &["stream", "process", "tls"],
    explanation: "A watched server called a tool of another MCP server while none of its own calls was open; or it is a \
            bridge, which had passed every call on as it was, and called another tool than it was asked for. What the \
            other server does then nobody here asked for.",
    normal: "The call that a bridge was asked for, also with the other server's name before the tool's; calls of others \
            while a tool of a server works that isn't a bridge; handshakes and lists.",
    check: "Compare the call's arguments with what the client had asked for. A bridge that calls something else has been \
            changed or is led astray by what it read: stop it, and look at the other server's own log.",
};

pub(crate) const DNS_OVER_HTTPS: Rule = Rule {
    id: "TL-EVA-008",
    name: "Names looked up over HTTPS",
    version: 1,
    category: Category::Evasion,
    severity: Severity::Medium,
    maestro: &["L4", "L5"],
    attack: &["T1071.004", "T1572"],
    sensors: &["name", "socket", "process"],
    explanation: "A watched server began TLS with a public resolver over HTTPS. No runtime of MCP servers looks names up \
            so by itself: it hides them from the resolver that the host is configured with, and data can leave in them.",
    normal: "A resolver that the profile declares or the server's command line names; a browser that the server opens has \
            one too, and is told.",
    check: "Which package brings its own resolver, and what for? Block it, and look at what the server connects to next.",
};

pub(crate) const MISPLACED_HOST: Rule = Rule {
    id: "TL-EVA-009",
    name: "Declared host at an address where it doesn't belong",
    version: 1,
    category: Category::Evasion,
    severity: Severity::Medium,
    maestro: &["L4", "L5"],
    attack: &["T1036.005", "T1557"],
    sensors: &["name", "socket", "process"],
    explanation: "A watched server began TLS with a host of its profile's, at an address that this host can't have: \
            Cloudflare's API outside Cloudflare's published ranges, or any declared host inside the network. Either the \
            name is a cover for another host, or somebody leads the server astray: a hosts file, a resolver. Low on this \
            host itself.",
    normal: "A proxy that the server is configured with; addresses whose role the configuration says.",
    check: "What do the host's resolver and /etc/hosts say of that name? Who else may have written them? The token that \
            the server sends there is the other side's if its certificate is accepted.",
};

pub(crate) const DNS_TUNNEL: Rule = Rule {
    id: "TL-EXF-004",
    name: "Data in the names of look-ups",
    version: 1,
    category: Category::Exfiltration,
    severity: Severity::High,
    maestro: &["L2", "L4"],
    attack: &["T1048.003", "T1071.004", "T1572"],
    sensors: &["name", "process"],
    explanation: "A watched server asked for at least 20 different names under one parent within a minute, each with 40 \
            characters or more before the parent (its last two labels) and whatever end they all share, that are no mere \
            repetition. Any resolver passes such names on to whoever has the parent.",
    normal: "Ordinary host names, the same ones again, a search domain behind them, reverse look-ups, names that nobody \
            registers (local, internal), hosts under a parent that the profile or the command line names.",
    check: "Who has the parent? If it is a cloud provider's, the names may be those of machines. Otherwise assume that \
            what the server read is gone.",
};

pub(crate) const OTHER_TOKEN: Rule = Rule {
    id: "TL-TOK-004",
    name: "API request with another token than before",
    version: 1,
    category: Category::TokenTheft,
    severity: Severity::Medium,
    maestro: &["L4", "L7"],
    attack: &["T1550.001"],
    sensors: &["process", "tls"],
    explanation: "The server's own program authorised an API request by another token than it had used, and no new one was \
            granted to it before: somebody else's token is used by it, or its own work is done with an attacker's. Low \
            where the request is explained or only reads, and where the answer that granted it may have been lost.",
    normal: "A new token after a refresh that succeeded; children of the server with a token of theirs; the first token \
            that is seen of a server.",
    check: "Compare the two fingerprints with those of other alerts: whose token is it? If somebody signed in anew \
            meanwhile, nothing is wrong.",
};

pub(crate) const SENSITIVE_API: Rule = Rule {
    id: "TL-TOOL-004",
    name: "Route to lasting access that no open call declares",
    version: 1,
    category: Category::ToolAbuse,
    severity: Severity::High,
    maestro: &["L3", "L7"],
    attack: &["T1098.001", "T1098.003", "T1528", "T1584.006"],
    sensors: &["stream", "process", "tls"],
    explanation: "While a call was open whose tool isn't declared to, the server minted or rolled a token, invited a member, \
            uploaded code, changed a secret, schedule, route or name, or made a tunnel. Such a change outlives the session \
            and the token that made it.",
    normal: "The same request by a tool that is declared to make it, for what its call names.",
    check: "Revoke the new token, member, Worker, route or tunnel first; the API's audit log names it. Then rotate the \
            server's own token, and treat its package as compromised until shown otherwise.",
};

pub(crate) const HEADER_DIFFERS: Rule = Rule {
    id: "TL-TOOL-005",
    name: "Headers that say something else than the message",
    version: 1,
    category: Category::ToolAbuse,
    severity: Severity::Medium,
    maestro: &["L3", "L7"],
    attack: &["T1036", "T1562"],
    sensors: &["stream", "tls"],
    explanation: "The `Mcp-Method` or `Mcp-Name` header of an HTTP request names another method or tool than the message in \
            its body. Gateways route, permit and log by the headers; the server carries out the body, unless it refuses \
            such a request as it should.",
    normal: "Requests without these headers, which revisions before 2026-07-28 don't have.",
    check: "Who is the client? Look at what the gateway in between has logged, and at the server's answer: an error means \
            that nothing was done.",
};

pub(crate) const TOKEN_ELSEWHERE: Rule = Rule {
    id: "TL-TOK-005",
    name: "Token sent to a host that it isn't for",
    version: 1,
    category: Category::TokenTheft,
    severity: Severity::Critical,
    maestro: &["L2", "L4", "L7"],
    attack: &["T1041", "T1528", "T1567"],
    sensors: &["stream", "tls"],
    explanation: "A request of a watched server carried a token, in its head or body, plain or encoded, to a host that tokens \
            of this form aren't for: a Cloudflare token to another host than Cloudflare's own, an AWS secret outside AWS, a \
            private key anywhere. The token is one that is kept on this host or was given to the server; medium where \
            only its form is known and is Cloudflare's, low where the host is this one or named on the server's command line.",
    normal: "A token sent to its own service; tokens of services that people also run themselves.",
    check: "Revoke the token now: whoever has that host has it. Then find what sent it; the evidence names the process and \
            where the token is kept.",
};

pub(crate) const TOKEN_IN_MESSAGE: Rule = Rule {
    id: "TL-EXF-005",
    name: "Token in a message between server and client",
    version: 1,
    category: Category::Exfiltration,
    severity: Severity::High,
    maestro: &["L1", "L2", "L7"],
    attack: &["T1552.001", "T1567"],
    sensors: &["stream", "tls"],
    explanation: "A token that is kept on this host, or was given to the server, stands in what a watched server told its \
            client, plain or encoded: it is in the model's context now, in logs of conversations, and in whatever the model \
            is talked into calling next. Medium where the client sent it: then it had been read before.",
    normal: "Tokens of which only the form is known, such as examples in a document.",
    check: "Which tool gave it out? Revoke the token, and keep that tool from reading what it is kept in.",
};
