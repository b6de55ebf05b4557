//! The rules themselves. Facts and words only.

use super::Rule;
use crate::alert::{Category, Severity};

pub(crate) const CREDENTIAL_READ: Rule = Rule {
    id: "TL-CRED-001",
    name: "Credential of somebody else read",
    version: 1,
    category: Category::CredentialAccess,
    severity: Severity::High,
    maestro: &["L4"],
    attack: &["T1552.001"],
    sensors: &["file", "fanotify", "process"],
    explanation: "A watched server, or something that it started, read a credential that belongs to another program. \
            No tool call can excuse this, and no argument: a server works with its own credentials only. Medium \
            for settings that often hold a secret, high for keys and tokens.",
    normal: "The server's own store, as its profile declares it; a program such as git or npm that reads its own \
            credential because profile and open call (or start) both allow it; project files such as .env, \
            unless something is sent afterwards.",
    check: "Look at the process and its lineage: is it the server's own code or a child it should not have? If \
            the call names the file, find who wrote the prompt. Rotate the credential if anything left the host \
            afterwards.",
};

pub(crate) const CREDENTIAL_MOVED: Rule = Rule {
    id: "TL-CRED-002",
    name: "Credential made reachable under another name",
    version: 1,
    category: Category::CredentialAccess,
    severity: Severity::High,
    maestro: &["L4"],
    attack: &["T1552.001", "T1036"],
    sensors: &["file", "fanotify", "process"],
    explanation: "A hard link to a credential was made, or it was renamed, by a watched server or something below it. \
            The content can then be read under a name that no rule knows; the file's identity still gives it \
            away here.",
    normal: "A program that replaces its own credential file by renaming a new one over it.",
    check: "Find the new name in the evidence and who opened it. Remove the link, restore the file, rotate the \
            credential.",
};

pub(crate) const CREDENTIAL_MEMORY: Rule = Rule {
    id: "TL-CRED-003",
    name: "Another process's secrets reached from a server",
    version: 1,
    category: Category::CredentialAccess,
    severity: Severity::High,
    maestro: &["L4"],
    attack: &["T1003.007", "T1055.008"],
    sensors: &["memory", "process"],
    explanation: "A watched server, or something below it, read the environment or memory of a process that isn't part \
            of it, or attached to it. Tokens live in environments.",
    normal: "A process looking at itself; listing processes without opening environ or mem.",
    check: "Which process was the target, and what did its environment hold? Rotate that. Then treat the \
            server's package as compromised until shown otherwise.",
};

pub(crate) const DESTINATION: Rule = Rule {
    id: "TL-EFF-001",
    name: "Destination that nothing explains",
    version: 1,
    category: Category::UndeclaredEffect,
    severity: Severity::Medium,
    maestro: &["L3", "L4"],
    attack: &["T1071"],
    sensors: &["socket", "stream", "process"],
    explanation: "A watched server connected to a host that neither its profile, nor its configured command line, nor \
            any open call explains.",
    normal: "The profile's hosts; hosts on the server's own command line; hosts that an argument of a fetching \
            tool names; package registries at start.",
    check: "Whose host is it? If it belongs to the server's vendor, add it to the profile. If not, look for what \
            was read before it.",
};

pub(crate) const MUTATION: Rule = Rule {
    id: "TL-EFF-002",
    name: "Change that nothing explains",
    version: 1,
    category: Category::UndeclaredEffect,
    severity: Severity::High,
    maestro: &["L3", "L4"],
    attack: &["T1565.001"],
    sensors: &["file", "stream", "process"],
    explanation: "A watched server changed a file although no open call is declared to change anything there: a tool \
            that says it only reads wrote, or something was written outside the folders the server was given.",
    normal: "Scratch files, caches and logs of the runtime; a server's own settings; files inside its folders while a \
            tool is open that may change them. What other programs keep in dot folders is low where the profile \
            says little.",
    check: "Compare the file with a backup. If the tool is honest, its annotations or profile are wrong: correct \
            them. Otherwise stop the server.",
};

pub(crate) const IDLE_EFFECT: Rule = Rule {
    id: "TL-EFF-003",
    name: "Effect while no call was open",
    version: 1,
    category: Category::UndeclaredEffect,
    severity: Severity::Medium,
    maestro: &["L3", "L7"],
    attack: &["T1071"],
    sensors: &["socket", "stream", "process"],
    explanation: "A watched server did something that only a call could explain, while no call was open and its start \
            was over. Nobody asked for it.",
    normal: "The 500 ms after an answer; reconnecting to a host that a call explained before (low); the profile's \
            own hosts.",
    check: "Which timer or injected code in the server does this? Look at the evidence before it: a read, a \
            child, a changed tool list.",
};

pub(crate) const READ: Rule = Rule {
    id: "TL-EFF-004",
    name: "Read of user data that nothing explains",
    version: 1,
    category: Category::UndeclaredEffect,
    severity: Severity::Medium,
    maestro: &["L2"],
    attack: &["T1005"],
    sensors: &["file", "stream", "process"],
    explanation: "A watched server read a person's file outside its folders, and no open call explains it. Low where \
            the profile is generic and says little.",
    normal: "The server's own package, its runtime, its configuration, the folders it was given.",
    check: "Is the folder one the server is meant to see? Then name it on its command line or in its profile.",
};

pub(crate) const PERSISTENCE: Rule = Rule {
    id: "TL-EVA-001",
    name: "Write to a place from which code is started",
    version: 1,
    category: Category::Evasion,
    severity: Severity::Medium,
    maestro: &["L4", "L5"],
    attack: &["T1546.004", "T1053.003", "T1543.002", "T1098.004"],
    sensors: &["file", "fanotify", "process"],
    explanation: "A watched server wrote to a place that outlives it: a shell profile, authorized_keys, cron, a \
            systemd unit, an MCP client's configuration, a program that goes before the system's; or it moved, \
            replaced or linked a folder of them. No call and no argument excuses it; only a profile can.",
    normal: "A profile that declares exactly this file; what a package manager puts into ~/.local/bin while the server \
            is started.",
    check: "Read what was written and remove it. Look for the same change in other users' homes.",
};

pub(crate) const FORGED: Rule = Rule {
    id: "TL-EVA-002",
    name: "Request forged from inside the server",
    version: 1,
    category: Category::Evasion,
    severity: Severity::Medium,
    maestro: &["L3", "L5"],
    attack: &["T1565.002"],
    sensors: &["stream", "process"],
    explanation: "A process inside the server's own tree sent it a request, as if it were the client. Such a request \
            explains nothing; it may be meant to make an effect look asked for.",
    normal: "Requests from the server to the client (sampling, elicitation, roots).",
    check: "Which process sent it? The tool it names shows what the attacker wanted to cover.",
};

pub(crate) const COMPAT: Rule = Rule {
    id: "TL-EVA-003",
    name: "32-bit system calls by a watched process",
    version: 1,
    category: Category::Evasion,
    severity: Severity::Medium,
    maestro: &["L5"],
    attack: &["T1106"],
    sensors: &["process"],
    explanation: "A watched process used the 32-bit system call table of a 64-bit kernel. Runtimes of MCP servers \
            never do; it is a known way around sensors. What could be resolved is in the evidence.",
    normal: "Nothing known; a 32-bit helper would be one, and belongs into the profile.",
    check: "Find the binary. If it isn't a deliberate 32-bit program, treat the server as compromised.",
};

pub(crate) const IO_URING: Rule = Rule {
    id: "TL-EVA-004",
    name: "io_uring operation that couldn't be resolved",
    version: 1,
    category: Category::Evasion,
    severity: Severity::Medium,
    maestro: &["L5"],
    attack: &["T1106"],
    sensors: &["file", "socket"],
    explanation: "A watched process submitted an operation through io_uring that this kernel's hooks can't resolve to \
            a file or address.",
    normal: "Resolved io_uring operations are judged like any other.",
    check: "Does the runtime use io_uring (recent libuv may)? Then set UV_USE_IO_URING=0 for the server, or run \
            on a kernel with LSM hooks.",
};

pub(crate) const OPAQUE: Rule = Rule {
    id: "TL-EVA-005",
    name: "Operation that couldn't be decoded",
    version: 1,
    category: Category::Evasion,
    severity: Severity::Medium,
    maestro: &["L5"],
    attack: &["T1106"],
    sensors: &["file", "socket", "process"],
    explanation: "A watched process did something that the sensors saw but couldn't resolve. No sensor of this \
            version reports such a thing: 32-bit system calls, io_uring, and a server's input that is opened for \
            writing, have rules of their own.",
    normal: "Nothing does this in ordinary use.",
    check: "The evidence says what was seen. If it recurs with an honest program, report it.",
};

pub(crate) const CAUSED_LOSS: Rule = Rule {
    id: "TL-EVA-006",
    name: "Watched process made the sensors lose data",
    version: 1,
    category: Category::Evasion,
    severity: Severity::Medium,
    maestro: &["L5"],
    attack: &["T1562.006"],
    sensors: &["process"],
    explanation: "Records were lost because of one watched process: it flooded a ring, or made its own data \
            unreadable. What it did meanwhile may be missing.",
    normal: "Losses that several processes share are a sensor alert, not this one.",
    check: "See what else happened in the interval, and the process's rate of operations. An honest server that \
            is this busy needs larger rings.",
};

pub(crate) const PRELOAD: Rule = Rule {
    id: "TL-EVA-007",
    name: "Child with injected code",
    version: 1,
    category: Category::Evasion,
    severity: Severity::Medium,
    maestro: &["L3", "L4"],
    attack: &["T1574.006"],
    sensors: &["process"],
    explanation: "A program below a watched server was started with an environment entry that loads code from a place \
            that other users can write (LD_PRELOAD, NODE_OPTIONS, PYTHONPATH, …), or a library from outside the \
            system's folders into a program of root's, and the server itself wasn't started so.",
    normal: "Entries that the server was started with.",
    check: "Read the file that the entry names. Every ownership of that child is void.",
};

pub(crate) const CHILD: Rule = Rule {
    id: "TL-EXEC-001",
    name: "Child process that nothing explains",
    version: 1,
    category: Category::Execution,
    severity: Severity::Medium,
    maestro: &["L3", "L4"],
    attack: &["T1059"],
    sensors: &["process", "stream"],
    explanation: "A watched server started a program that neither its profile nor an open call explains.",
    normal: "The same runtime again (workers), package managers at start, programs that the profile or the open \
            tool names.",
    check: "Is the program one that the tool needs? Then add it to the profile. Look at its arguments and what \
            it did next.",
};

pub(crate) const SHELL: Rule = Rule {
    id: "TL-EXEC-002",
    name: "Shell below a server",
    version: 1,
    category: Category::Execution,
    severity: Severity::Medium,
    maestro: &["L3", "L4"],
    attack: &["T1059.004"],
    sensors: &["process", "stream"],
    explanation: "A watched server started a shell. No call excuses a shell; only a profile can.",
    normal: "The one shell through which npm starts a package's program; a wrapper script that the server itself \
            was started through.",
    check: "Read the shell's arguments: text from a tool argument in them means injection.",
};

pub(crate) const MEMORY_EXEC: Rule = Rule {
    id: "TL-EXEC-003",
    name: "Program executed from memory or a deleted file",
    version: 1,
    category: Category::Execution,
    severity: Severity::Medium,
    maestro: &["L4"],
    attack: &["T1620", "T1070.004"],
    sensors: &["process"],
    explanation: "A program was executed that has no file: a memfd, or a file already deleted. It leaves nothing to \
            examine.",
    normal: "Nothing below an MCP server.",
    check: "Keep the process (SIGSTOP) and copy /proc/PID/exe before it ends.",
};

pub(crate) const SCRATCH_EXEC: Rule = Rule {
    id: "TL-EXEC-004",
    name: "Program executed from a place that anybody can write",
    version: 1,
    category: Category::Execution,
    severity: Severity::Medium,
    maestro: &["L4"],
    attack: &["T1059", "T1105"],
    sensors: &["process"],
    explanation: "A program or script was executed from /tmp, /var/tmp, /dev/shm or the like, below a watched server \
            that doesn't live there itself; or one that the server had written itself, wherever it lies. Or a shared \
            library was opened there (low).",
    normal: "A server that was itself started from such a folder; what a package manager installed; a program that a \
            tool writes into the server's folders and runs (low); one-file programs that unpack their libraries, and \
            builds (low).",
    check: "Who wrote the file, and when? Look for a download just before.",
};

pub(crate) const CREDENTIAL_SENT: Rule = Rule {
    id: "TL-EXF-001",
    name: "Credential read, then data sent to an unexplained destination",
    version: 1,
    category: Category::Exfiltration,
    severity: Severity::High,
    maestro: &["L2", "L4"],
    attack: &["T1041", "T1048"],
    sensors: &["file", "socket", "stream", "process"],
    explanation: "After a server (or something below it) read a file that holds credentials beside other things, the \
            same lineage connected to a destination that nothing explains strongly.",
    normal: "Destinations that the profile declares or an argument of the open call names.",
    check: "Assume that the content is gone: rotate what the file held. Block the destination.",
};

pub(crate) const DATA_SENT: Rule = Rule {
    id: "TL-EXF-002",
    name: "Unexplained read, then an unexplained destination",
    version: 1,
    category: Category::Exfiltration,
    severity: Severity::High,
    maestro: &["L2"],
    attack: &["T1041", "T1005"],
    sensors: &["file", "socket", "stream", "process"],
    explanation: "A server read a person's files without being asked, and then the same lineage connected to a \
            destination that nothing explains.",
    normal: "Reads that a call or the profile explains, destinations that a call or the profile explains.",
    check: "Which files, and whose destination? The evidence has both, in order.",
};

pub(crate) const CREDENTIAL_IN_CALL: Rule = Rule {
    id: "TL-EXF-003",
    name: "Credential carried out by an explained connection",
    version: 1,
    category: Category::Exfiltration,
    severity: Severity::High,
    maestro: &["L2", "L3", "L7"],
    attack: &["T1567", "T1552.001"],
    sensors: &["file", "socket", "stream", "process"],
    explanation: "A call named a credential in its arguments, the server read it, and then made the connection that \
            the call declares. The way out is explained; what it very likely carried must not go there.",
    normal: "The same call with a file that isn't a credential.",
    check: "Look at what was deployed or uploaded and take it down; rotate the credential; find who put the path \
            into the prompt.",
};

pub(crate) const METADATA: Rule = Rule {
    id: "TL-LAT-001",
    name: "Metadata service",
    version: 1,
    category: Category::LateralMovement,
    severity: Severity::High,
    maestro: &["L4"],
    attack: &["T1552.005"],
    sensors: &["socket", "process"],
    explanation: "A watched server contacted a cloud metadata service, which hands out the host's own cloud \
            credentials. No argument excuses it.",
    normal: "A resolver at the same address on port 53; a profile that declares the service.",
    check: "Did it answer? Then rotate the instance role's credentials. Require session tokens (IMDSv2) with a \
            hop limit of 1.",
};

pub(crate) const ORCHESTRATOR: Rule = Rule {
    id: "TL-LAT-002",
    name: "Orchestrator or container runtime API",
    version: 1,
    category: Category::LateralMovement,
    severity: Severity::High,
    maestro: &["L4"],
    attack: &["T1613", "T1610"],
    sensors: &["socket", "process"],
    explanation: "A watched server connected to a cluster's API, a kubelet or a container runtime's TCP port.",
    normal: "A profile or a command line that names this address.",
    check: "What may the server's service account do? Check the API's audit log for this source.",
};

pub(crate) const INTERNAL_SERVICE: Rule = Rule {
    id: "TL-LAT-003",
    name: "SSH, database or file service",
    version: 1,
    category: Category::LateralMovement,
    severity: Severity::Medium,
    maestro: &["L4"],
    attack: &["T1021.004", "T1046"],
    sensors: &["socket", "process"],
    explanation: "A watched server connected to a port that only remote access, databases, file shares or secret \
            stores use.",
    normal: "A database server whose command line names this address; git over ssh below a git tool; a log-in whose port \
            or ssh:// URL an argument of the open call names.",
    check: "Was the connection accepted? Look at the other side's log-in records.",
};

pub(crate) const INTERNAL: Rule = Rule {
    id: "TL-LAT-004",
    name: "Internal network",
    version: 1,
    category: Category::LateralMovement,
    severity: Severity::Medium,
    maestro: &["L4"],
    attack: &["T1046"],
    sensors: &["socket", "process"],
    explanation: "A watched server connected to an address of the internal network that its profile doesn't declare. \
            No argument excuses it.",
    normal: "Resolvers on port 53, proxies and registries that the server is configured for, addresses on its own \
            command line.",
    check: "What listens there? One address may be a missing declaration; many are a scan.",
};

pub(crate) const RUNTIME_SOCKET: Rule = Rule {
    id: "TL-LAT-005",
    name: "Runtime or agent socket",
    version: 1,
    category: Category::LateralMovement,
    severity: Severity::High,
    maestro: &["L4"],
    attack: &["T1611", "T1563.001"],
    sensors: &["socket", "process"],
    explanation: "A watched server connected to a local socket that gives power over the host or over keys: docker, \
            containerd, podman, ssh-agent, gpg-agent, a keyring.",
    normal: "nscd, syslog, the journal and the session bus; sockets that the profile declares.",
    check: "For a container runtime: list containers started since. For an agent: list the keys it holds and \
            where they log in.",
};

pub(crate) const LISTENER: Rule = Rule {
    id: "TL-LAT-006",
    name: "Listener that others can reach",
    version: 1,
    category: Category::LateralMovement,
    severity: Severity::High,
    maestro: &["L4"],
    attack: &["T1571", "T1090"],
    sensors: &["socket", "process"],
    explanation: "A watched server listens on an address that isn't loopback, although its transport isn't HTTP, or \
            beside the port where its clients come; or bound a datagram socket to a fixed port there. Low while nothing \
            was heard that tells the transport: then it may be the door of a server whose transport is HTTP.",
    normal: "Listening on loopback (sign-in callbacks, inspectors); datagram sockets on ports from which one sends (32768 \
            to 60999) or looks for neighbours (mDNS, SSDP). Servers whose transport is HTTP and that are to be reached \
            by others, which is low.",
    check: "Who connected? Close the port, or bind it to loopback.",
};

pub(crate) const TUNNEL: Rule = Rule {
    id: "TL-LAT-007",
    name: "Tunnel out of the host",
    version: 1,
    category: Category::LateralMovement,
    severity: Severity::High,
    maestro: &["L4"],
    attack: &["T1572"],
    sensors: &["socket", "process"],
    explanation: "A watched server started a tunnel program or connected to a tunnel's edge. Through it, others reach \
            this host from outside.",
    normal: "A profile that declares the tunnel.",
    check: "Stop the program, list the tunnel's routes with its provider, and delete it there.",
};

pub(crate) const RAW_SOCKET: Rule = Rule {
    id: "TL-LAT-008",
    name: "Raw or unusual socket",
    version: 1,
    category: Category::LateralMovement,
    severity: Severity::Medium,
    maestro: &["L4"],
    attack: &["T1095", "T1040"],
    sensors: &["socket", "process"],
    explanation: "A watched server made a raw, packet, XDP or vsock socket: it can sniff, forge, or talk to the \
            hypervisor's side, unseen by connect hooks.",
    normal: "Netlink, through which runtimes ask for the host's addresses.",
    check: "Which package in the server needs it? Drop CAP_NET_RAW from the server.",
};

pub(crate) const LOSS: Rule = Rule {
    id: "TL-SEN-001",
    name: "Data lost",
    version: 1,
    category: Category::Sensor,
    severity: Severity::Low,
    maestro: &["L5"],
    attack: &["T1562.006"],
    sensors: &["process"],
    explanation: "A sensor lost, cut or couldn't read data, or a table of the engine's was full and what was oldest in it \
            was forgotten (table_full). Alerts of that interval say so in their coverage.",
    normal: "None; short bursts on a busy host.",
    check: "If it recurs, enlarge the ring named by the sensor, or look at what floods it. After table_full, look at who \
            started so many processes, wrote so many files or made so many connections just before.",
};

pub(crate) const BLIND: Rule = Rule {
    id: "TL-SEN-002",
    name: "Sensor blind",
    version: 1,
    category: Category::Sensor,
    severity: Severity::Low,
    maestro: &["L5"],
    attack: &["T1562.006"],
    sensors: &["process"],
    explanation: "A sensor serves nothing on this host, or lacks some of its hooks. What it would have seen stays \
            unseen, and alerts that depend on it say so.",
    normal: "Kernels without the hook; see tripline doctor.",
    check: "Run tripline doctor: it says which kernel feature or capability is missing.",
};

pub(crate) const STORE_READ: Rule = Rule {
    id: "TL-TOK-001",
    name: "Server's token store read by a stranger",
    version: 1,
    category: Category::TokenTheft,
    severity: Severity::High,
    maestro: &["L4"],
    attack: &["T1552.001", "T1528"],
    sensors: &["file", "fanotify", "process"],
    explanation: "A process that doesn't own it read the credential store of a watched server: a neighbour on the \
            host, or something below the server that isn't the server itself.",
    normal: "The server, and the programs that own the store together with it, by executable and main script, \
            without a preload.",
    check: "Rotate the token first. Then look at the process: its lineage says who started it.",
};

pub(crate) const MEMORY_READ: Rule = Rule {
    id: "TL-TOK-002",
    name: "Server's environment or memory read by a stranger",
    version: 1,
    category: Category::TokenTheft,
    severity: Severity::High,
    maestro: &["L4"],
    attack: &["T1003.007", "T1055.008"],
    sensors: &["memory", "process"],
    explanation: "A process reached for the environment, memory or descriptors of a watched server. Its tokens are \
            there even if no file holds them.",
    normal: "The server looking at itself; listing processes, also with the system's ps, as long as it isn't asked for \
            environments; another tripline; crash handlers below the server (low).",
    check: "Rotate the tokens in the server's environment. A debugger that a person started is still worth a \
            question.",
};

pub(crate) const TOKEN_SENT: Rule = Rule {
    id: "TL-TOK-003",
    name: "Key or token read, then sent",
    version: 1,
    category: Category::TokenTheft,
    severity: Severity::Critical,
    maestro: &["L2", "L4"],
    attack: &["T1041", "T1552.001"],
    sensors: &["file", "socket", "stream", "process"],
    explanation: "After a key or token that isn't its own was read, the same lineage connected to, or sent data to, a \
            destination that nothing explains strongly; or to a service or socket of this host, which may relay it. \
            The evidence lists every credential that may have left, up to 16. Critical once bytes were seen to leave, \
            high before.",
    normal: "Destinations that the profile declares or an argument of the open call names; name look-ups with the \
            resolver in use; sockets of the name service, the log and the buses.",
    check: "Rotate every credential in the evidence now. Block the destination, stop the server, keep the package for examination.",
};

pub(crate) const UNLISTED_TOOL: Rule = Rule {
    id: "TL-TOOL-001",
    name: "Tool that was never listed",
    version: 1,
    category: Category::ToolAbuse,
    severity: Severity::Medium,
    maestro: &["L3", "L7"],
    attack: &["T1036"],
    sensors: &["stream"],
    explanation: "A tool was called that the server's complete tool list doesn't hold, and the server answered it. A \
            hidden tool escapes review. Low until it is answered: models make names up.",
    normal: "A made-up name that the server refuses; clients that never list tools.",
    check: "Who taught the model that name? Look into the descriptions of the other tools and into recent \
            results.",
};

pub(crate) const CHANGED_TOOL: Rule = Rule {
    id: "TL-TOOL-002",
    name: "Tool changed after first use",
    version: 1,
    category: Category::ToolAbuse,
    severity: Severity::Medium,
    maestro: &["L3", "L7"],
    attack: &["T1195.002", "T1036"],
    sensors: &["stream"],
    explanation: "The server's declaration of a tool (description, schema or annotations) changed after tools had been \
            used: what was approved isn't what runs now. Low for tools that were only added.",
    normal: "Lists that change before the first call; added or removed tools.",
    check: "Compare the old and new descriptions. Instructions to a model in them mean poisoning.",
};

pub(crate) const CREDENTIAL_ARGUMENT: Rule = Rule {
    id: "TL-TOOL-003",
    name: "Argument names a credential",
    version: 1,
    category: Category::ToolAbuse,
    severity: Severity::Medium,
    maestro: &["L3", "L7"],
    attack: &["T1552.001"],
    sensors: &["stream"],
    explanation: "An argument of a call is the path of a credential. Whether the file was read is told by another \
            alert; this one tells who asked.",
    normal: "Text that merely mentions such a path.",
    check: "Find the prompt, document or tool result from which the path came: that is the injection.",
};
