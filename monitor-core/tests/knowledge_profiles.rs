//! Profiles: the shipped ones, how they are chosen, what they answer, and how one's own fits in.

use monitor_core::credential::Credentials;
use monitor_core::profile::{
    CallSite, Effect, Endpoint, FileAccess, NetworkPolicy, Phase, Profile, Profiles, ServerIdentity, package_of_argv,
    package_of_path, runtimes, server_name,
};
use monitor_core::role::runtime_socket;

const LOCAL: &str = "@cloudflare/mcp-server-cloudflare";

fn argv(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}

fn chosen<'a>(profiles: &'a Profiles, exe: &str, line: &str) -> Option<(&'a Profile, Option<&'a str>)> {
    let argv = argv(line);
    let identity = ServerIdentity { exe_path: exe, argv: &argv, ..ServerIdentity::default() };
    profiles.matching(&identity).map(|profile| (profile, profile.server_key(&identity)))
}

#[test]
fn servers_are_recognised_by_their_command_line() {
    let profiles = Profiles::builtin();
    type Chosen<'a> = Option<(&'a str, Option<&'a str>)>;
    let cases: &[(&str, &str, Chosen<'_>)] = &[
        (
            "/usr/bin/node",
            "node /srv/node_modules/@cloudflare/mcp-server-cloudflare/dist/index.js run 0123",
            Some(("cloudflare", Some("local-stdio-0.2.0"))),
        ),
        (
            "/usr/bin/node",
            "node /usr/bin/npx -y @cloudflare/mcp-server-cloudflare@0.2.0 run 0123",
            Some(("cloudflare", Some("local-stdio-0.2.0"))),
        ),
        (
            "/usr/bin/node",
            "node /usr/local/bin/mcp-server-cloudflare run 0123",
            Some(("cloudflare", Some("local-stdio-0.2.0"))),
        ),
        (
            "/usr/bin/node",
            "npx mcp-remote@latest https://bindings.mcp.cloudflare.com/mcp",
            Some(("cloudflare", Some("bindings"))),
        ),
        (
            "/usr/bin/node",
            "node /r/node_modules/mcp-remote/dist/proxy.js https://observability-staging.mcp.cloudflare.com/sse 3334",
            Some(("cloudflare", Some("observability"))),
        ),
        ("/usr/bin/node", "npx mcp-remote https://mcp.cloudflare.com/mcp", Some(("cloudflare", Some("code-mode")))),
        ("/usr/bin/node", "npx -p mcp-remote mcp-remote https://mcp.example.com/sse", Some(("mcp-remote", None))),
        // names that only look like Cloudflare's
        ("/usr/bin/node", "npx mcp-remote https://evil.example/?x=.mcp.cloudflare.com", Some(("mcp-remote", None))),
        ("/usr/bin/node", "npx mcp-remote https://docs.mcp.cloudflare.com@evil.example/", Some(("mcp-remote", None))),
        ("/usr/bin/node", "npx mcp-remote https://evilmcp.cloudflare.com/", Some(("mcp-remote", None))),
        (
            "/usr/bin/node",
            "npx workers-mcp run name https://w.sub.workers.dev /srv/w",
            Some(("cloudflare", Some("workers-mcp-0.0.13"))),
        ),
        (
            "/usr/bin/node",
            "npx -y @modelcontextprotocol/server-filesystem /srv/docs",
            Some(("filesystem", Some("filesystem"))),
        ),
        (
            "/usr/bin/node",
            "node node_modules/@modelcontextprotocol/server-everything/dist/index.js stdio",
            Some(("everything", Some("everything"))),
        ),
        ("/usr/bin/python3.12", "python -m mcp_server_fetch", Some(("fetch", Some("fetch")))),
        ("/usr/bin/uv", "uvx mcp-server-git --repository /srv/repo", Some(("git", Some("git")))),
        ("/usr/bin/python3.12", "/venv/bin/python /venv/bin/mcp-server-git -r /srv", Some(("git", Some("git")))),
        ("/usr/bin/docker", "docker run -i --rm -e A=b mcp/fetch:latest --x", Some(("fetch", Some("fetch")))),
        ("/usr/bin/podman", "podman run -i ghcr.io/mcp/git@sha256:00", Some(("git", Some("git")))),
        ("/usr/bin/docker", "docker run -i --name mcp/git acme/other", None),
        ("/home/u/bin/docker", "docker run -i mcp/git", None),
        ("/usr/bin/node", "node server.js", None),
        ("/usr/bin/cat", "cat mcp-server-git", None),
        ("", "", None),
    ];
    for (exe, line, wanted) in cases {
        let found = chosen(&profiles, exe, line).map(|(profile, key)| (profile.name.as_str(), key));
        assert_eq!(found, *wanted, "{line}");
    }
    let image = ServerIdentity { image: Some("mcp/filesystem"), ..ServerIdentity::default() };
    assert_eq!(profiles.matching(&image).map(|profile| profile.name.as_str()), Some("filesystem"));
    let package = ServerIdentity { package: Some("npm:mcp-remote"), ..ServerIdentity::default() };
    assert_eq!(profiles.matching(&package).map(|profile| profile.name.as_str()), Some("mcp-remote"));
}

#[test]
fn packages_from_command_lines_and_paths() {
    for (line, wanted) in [
        ("npx -y @scope/name@1.2.3 a b", Some("npm:@scope/name")),
        ("npx --package=other cmd", Some("npm:other")),
        ("npx -p @a/b cmd", Some("npm:@a/b")),
        ("npm exec --yes -- name@latest", Some("npm:name")),
        ("pnpm dlx name", Some("npm:name")),
        ("bunx name", Some("npm:name")),
        ("bun x name", Some("npm:name")),
        ("bun run /p/node_modules/name/x.js", Some("npm:name")),
        ("node --require ./a.js /p/node_modules/@s/n/x.js", Some("npm:@s/n")),
        ("node /p/node_modules/.bin/tool", Some("npm:tool")),
        ("node /p/app.js", None),
        ("python3 -c open('/a/bin/x')", None),
        ("node -e /a/bin/x", None),
        ("uvx --from Some_Package==1.0 cmd", Some("pypi:some-package")),
        ("uvx name[extra]>=2", Some("pypi:name")),
        ("uv tool run name", Some("pypi:name")),
        ("uv run python -m mod.sub", Some("pypi:mod")),
        ("pipx run name", Some("pypi:name")),
        ("python3 -X dev -m mcp_server_fetch", Some("pypi:mcp-server-fetch")),
        ("/home/a/.local/bin/mcp-server-git", Some("pypi:mcp-server-git")),
        ("npx", None),
        ("npx -p", None),
        ("uvx --from", None),
        ("python -m", None),
        ("", None),
    ] {
        assert_eq!(package_of_argv(&argv(line)).as_deref(), wanted, "{line}");
    }
    for (path, wanted) in [
        ("/a/node_modules/b/node_modules/@c/d/x.js", Some("npm:@c/d")),
        ("/a/node_modules/.pnpm/b@1/node_modules/b/x.js", Some("npm:b")),
        ("/a/node_modules/.bin/b", None),
        ("/a/node_modules/@c", None),
        ("/v/lib/python3/site-packages/some_mod/__main__.py", Some("pypi:some-mod")),
        ("/v/lib/python3/dist-packages/one.py", Some("pypi:one")),
        ("/a/b/c", None),
        ("", None),
    ] {
        assert_eq!(package_of_path(path).as_deref(), wanted, "{path}");
    }
}

#[test]
fn names_are_packages_or_programs() {
    for (exe, line, wanted) in [
        ("/usr/bin/node", "node /r/node_modules/@a/b/dist/index.js x", "@a/b"),
        (
            "/usr/bin/node",
            "npm exec --offline --prefix /srv/dir -- mcp-server-cloudflare run 0",
            "mcp-server-cloudflare",
        ),
        ("/usr/bin/node", "npx --userconfig /etc/npmrc -y some-server@1 /home/u", "some-server"),
        ("/usr/bin/uv", "uv run --no-project --python /v/bin/python python -m mcp_server_git", "mcp-server-git"),
        ("/usr/bin/uv", "uv run --python /v/bin/python -m mcp_server_git --repository /p", "mcp-server-git"),
        ("/usr/bin/uv", "uv --quiet run x", "uv"),
        ("/usr/bin/python3.11", "python -X dev /home/u/srv/server.py --db /x/y", "server.py"),
        ("/usr/bin/python3.11", "python -c import\u{a0}x", "python3.11"),
        ("/usr/bin/env", "env FOO=/a/b node index.js", "env"),
        ("/usr/bin/bash", "bash -lc /home/u/proj", "bash"),
        ("", "cat", "cat"),
        ("", "", "unknown"),
    ] {
        let argv = argv(line);
        let identity = ServerIdentity { exe_path: exe, argv: &argv, ..ServerIdentity::default() };
        assert_eq!(server_name(&identity), wanted, "{line}");
    }
}

#[test]
fn tools_are_keyed_by_server() {
    let profiles = Profiles::builtin();
    let cloudflare = profiles.get("cloudflare").expect("cloudflare");
    type Declared = Option<(Effect, CallSite)>;
    let cases: &[(&str, &str, Declared)] = &[
        (LOCAL, "worker_deploy", Some((Effect::Destroys, CallSite::Host))),
        ("npm:@cloudflare/mcp-server-cloudflare", "worker_list", Some((Effect::Reads, CallSite::Host))),
        ("local-stdio-0.2.0", "zones_list", Some((Effect::Reads, CallSite::Host))),
        ("dns-analytics", "zones_list", Some((Effect::Reads, CallSite::Edge))),
        ("graphql.mcp.cloudflare.com", "zones_list", Some((Effect::Reads, CallSite::Edge))),
        // the same name, different things: unknown servers get no answer
        ("somewhere", "zones_list", None),
        ("somewhere", "search", None),
        ("code-mode", "search", Some((Effect::Reads, CallSite::Edge))),
        ("autorag", "search", Some((Effect::Reads, CallSite::Edge))),
        ("code-mode", "execute", Some((Effect::Destroys, CallSite::Edge))),
        // hints that lie
        ("bindings", "d1_database_query", Some((Effect::Destroys, CallSite::Edge))),
        ("bindings", "hyperdrive_config_edit", Some((Effect::Destroys, CallSite::Edge))),
        // POST that only reads, GET that returns secrets
        ("observability", "query_worker_observability", Some((Effect::Reads, CallSite::Edge))),
        ("bindings", "workers_get_worker_code", Some((Effect::Reads, CallSite::Edge))),
        // code mode's plain variant
        ("code-mode", "get_accounts", Some((Effect::Reads, CallSite::Edge))),
        ("mcp.cloudflare.com", "delete_zones_by_zone_id", Some((Effect::Destroys, CallSite::Edge))),
        ("code-mode", "patch_zones_settings_by_setting_id", Some((Effect::Mutates, CallSite::Edge))),
        ("code-mode", "nonsense", None),
        ("bindings", "get_accounts", None),
        ("bindings-staging.mcp.cloudflare.com", "kv_namespace_delete", Some((Effect::Destroys, CallSite::Edge))),
        // tools of several servers
        ("radar", "accounts_list", Some((Effect::Reads, CallSite::Edge))),
        ("workers-mcp", "whatever", Some((Effect::Unknown, CallSite::Host))),
        ("", "worker_deploy", Some((Effect::Destroys, CallSite::Host))),
        ("", "", None),
    ];
    for (server, tool, wanted) in cases {
        let found = cloudflare.tool(server, tool).map(|spec| (spec.effect, spec.at));
        assert_eq!(found, *wanted, "{tool} of {server}");
    }
    let deploy = cloudflare.tool(LOCAL, "worker_deploy").expect("worker_deploy");
    assert_eq!(deploy.files, FileAccess::Read);
    assert!(deploy.risk.iter().any(|risk| risk == "code-deploy"));
    let put = |path: &str| deploy.apis.iter().any(|api| api.covers("PUT", "api.cloudflare.com", path));
    assert!(put("/client/v4/accounts/0123/workers/scripts/evil"));
    assert!(!put("/client/v4/accounts/0123/workers/scripts/evil/secrets"));
    assert!(!put("/client/v4/accounts//workers/scripts/evil"));
    assert!(!put("/client/v4/accounts/../workers/scripts/evil"));
    let execute = cloudflare.tool("code-mode", "execute").expect("execute");
    assert!(execute.apis.iter().all(|api| api.covers("DELETE", "api.cloudflare.com", "/client/v4/zones/1")));
}

#[test]
fn the_whole_tool_table_is_there() {
    let source: serde_json::Value =
        serde_json::from_str(include_str!("../../profiles/data/cloudflare-tools.json")).expect("JSON");
    let profiles = Profiles::builtin();
    let cloudflare = profiles.get("cloudflare").expect("cloudflare");
    let entries = source.as_array().expect("array");
    assert_eq!(entries.len(), 345);
    for entry in entries {
        let (server, tool) = (entry["server"].as_str().expect("server"), entry["tool"].as_str().expect("tool"));
        if tool.starts_with('<') || server.contains(' ') {
            continue;
        }
        let effect = cloudflare.tool(server, tool).unwrap_or_else(|| panic!("{tool} of {server}")).effect;
        assert_eq!(effect != Effect::Reads, entry["mutates"] == true, "{tool} of {server}");
        assert_eq!(effect == Effect::Destroys, entry["destructive"] == true, "{tool} of {server}");
    }
}

#[test]
fn own_credentials_go_by_server() {
    let profiles = Profiles::builtin();
    let cloudflare = profiles.get("cloudflare").expect("cloudflare");
    for (server, kind, wanted) in [
        (LOCAL, "wrangler_oauth", true),
        (LOCAL, "mcp_remote_tokens", false),
        ("local-stdio-0.2.0", "mcp_remote_tokens", false),
        ("mcp-remote", "mcp_remote_tokens", true),
        ("mcp-remote", "wrangler_oauth", false),
        ("bindings", "mcp_remote_tokens", true),
        ("bindings.mcp.cloudflare.com", "mcp_remote_tokens", true),
        ("bindings", "wrangler_oauth", false),
        ("workers-mcp", "dev_vars", true),
        (LOCAL, "dev_vars", false),
        ("", "wrangler_oauth", true),
        (LOCAL, "aws_credentials", false),
        ("", "ssh_private_key", false),
    ] {
        assert_eq!(cloudflare.owns(server, kind, "/x"), wanted, "{kind} of {server}");
    }
    let generic = profiles.get("generic").expect("generic");
    assert!(!generic.owns("x", "wrangler_oauth", "/x"));
    assert!(profiles.get("filesystem").is_some_and(|profile| !profile.owns("filesystem", "aws_credentials", "/x")));
}

#[test]
fn hosts_children_and_roots() {
    let profiles = Profiles::builtin();
    let cloudflare = profiles.get("cloudflare").expect("cloudflare");
    for (host, port, phase, wanted) in [
        ("api.cloudflare.com", 443, Phase::Idle, true),
        ("api.cloudflare.com", 22, Phase::Idle, false),
        ("dash.cloudflare.com", 443, Phase::Call, true),
        ("docs.mcp.cloudflare.com", 443, Phase::Call, true),
        ("docsmcp.cloudflare.com", 443, Phase::Call, false),
        ("sparrow.cloudflare.com", 443, Phase::Start, true),
        ("sparrow.cloudflare.com", 443, Phase::Call, false),
        ("evil.workers.dev", 443, Phase::Call, false),
        ("region1.v2.argotunnel.com", 7844, Phase::Call, false),
    ] {
        assert_eq!(cloudflare.explains_host(host, port, phase), wanted, "{host}:{port}");
    }
    let told = cloudflare.argv_endpoints(&argv("npx workers-mcp run n https://w.s.workers.dev:8443/x d"));
    assert_eq!(told, [Endpoint { host: "w.s.workers.dev".to_owned(), port: 8443 }]);

    let child = |name: &str, exe: &str, script: Option<&str>, phase| {
        profiles.get(name).expect(name).child(exe, script, phase).is_some()
    };
    assert!(child("cloudflare", "/usr/bin/dash", None, Phase::Start));
    assert!(!child("cloudflare", "/usr/bin/dash", None, Phase::Call));
    assert!(!child("cloudflare", "/usr/bin/curl", None, Phase::Start));
    assert!(!child("cloudflare", "/tmp/node", None, Phase::Start));
    assert!(child("cloudflare", "/usr/bin/dash", Some("/usr/bin/xdg-open"), Phase::Idle));
    assert!(!child("cloudflare", "/usr/bin/dash", Some("/tmp/xdg-open"), Phase::Idle));
    assert!(!child("cloudflare", "/usr/bin/dash", Some("/usr/bin/other"), Phase::Idle));
    assert!(child("git", "/usr/bin/git", None, Phase::Call));
    assert!(!child("git", "/usr/bin/git", None, Phase::Idle));
    assert!(!child("filesystem", "/usr/bin/git", None, Phase::Call));

    let roots = |name: &str, line: &str| profiles.get(name).expect(name).root_folders(&argv(line), "/srv/dir");
    assert_eq!(
        roots("filesystem", "npx -y @modelcontextprotocol/server-filesystem /a/b/ ../c . /"),
        ["/a/b", "/srv/c", "/srv/dir"]
    );
    assert_eq!(
        roots("filesystem", "node /x/node_modules/@modelcontextprotocol/server-filesystem/dist/index.js /a"),
        ["/a"]
    );
    assert_eq!(roots("git", "uvx mcp-server-git --repository /srv/repo -v"), ["/srv/repo"]);
    assert_eq!(roots("git", "python -m mcp_server_git -r=repo"), ["/srv/dir/repo"]);
    assert_eq!(roots("generic", "node x.js"), ["/srv/dir"]);
    assert!(roots("everything", "node x.js /a").is_empty());
    assert!(profiles.get("filesystem").expect("filesystem").root_folders(&argv("npx p a"), "").is_empty());
}

#[test]
fn what_is_normal_for_a_runtime() {
    let profiles = Profiles::builtin();
    let cloudflare = profiles.get("cloudflare").expect("cloudflare");
    for path in [
        "/etc/resolv.conf",
        "/etc/nsswitch.conf",
        "/etc/ssl/openssl.cnf",
        "/etc/ssl/certs/ca-certificates.crt",
        "/usr/lib/x86_64-linux-gnu/libc.so.6",
        "/proc/meminfo",
        "/proc/4711/status",
        "/sys/fs/cgroup/memory.max",
        "/dev/urandom",
        "/srv/app/package.json",
        "/srv/app/node_modules/undici/index.js",
        "/srv/app/dist/index.js",
        "/tmp/x",
        "/home/a/.npm/_cacache/index-v5/x",
    ] {
        assert!(cloudflare.normal_read(path), "{path}");
    }
    for path in ["/home/a/notes.txt", "/etc/shadow", "/proc/1/environ", "/proc/1/mem", "/home/a/.aws/credentials", ""] {
        assert!(!cloudflare.normal_read(path), "{path}");
    }
    for path in ["/dev/null", "/tmp/a/b", "/home/a/.npm/_logs/x.log"] {
        assert!(cloudflare.normal_write(path), "{path}");
    }
    for path in ["/home/a/notes.txt", "/usr/bin/x", "/etc/hosts", "/srv/app/node_modules/x/index.js"] {
        assert!(!cloudflare.normal_write(path), "{path}");
    }
    let fetch = profiles.get("fetch").expect("fetch");
    assert!(fetch.normal_read("/venv/lib/python3.12/site-packages/mcp/__init__.py"));
    assert!(fetch.normal_write("/srv/x/__pycache__/m.cpython-312.pyc"));
}

/// No list of what is normal may cover what is a credential.
#[test]
fn nothing_normal_is_a_key() {
    let profiles = Profiles::builtin();
    let credentials = Credentials::builtin();
    let rows = include_str!("data/credentials.txt").lines().filter(|row| row.contains(" key /"));
    for path in rows.filter_map(|row| row.find('/').map(|at| row.split_at(at).1)) {
        assert!(credentials.lookup(path).is_some());
        for profile in profiles.iter() {
            assert!(!profile.normal_read(path), "{path} in {}", profile.name);
        }
    }
}

#[test]
fn words_in_shipped_profiles_are_known() {
    let credentials = Credentials::builtin();
    let sockets = ["/run/user/1/bus", "/tmp/.X11-unix/X0", "/run/user/1/wayland-0"].map(runtime_socket);
    for profile in Profiles::builtin().iter() {
        let own = profile.servers.iter().map(|rule| &rule.own_credentials).chain([&profile.own_credentials]);
        for kind in own.flat_map(|own| &own.kinds) {
            assert!(credentials.kinds().any(|known| known == kind), "{kind} in {}", profile.name);
        }
        for socket in &profile.sockets {
            assert!(sockets.contains(&Some(socket.as_str())), "{socket} in {}", profile.name);
        }
        assert!(profile.runtimes.iter().all(|name| runtimes::get(name).is_some()));
    }
    let generic = Profiles::builtin().judge("no such profile").map(|profile| profile.network);
    assert_eq!(generic, Some(NetworkPolicy::Open));
}

#[test]
fn annotations_give_an_effect() {
    for (read_only, destructive, wanted) in [
        (None, None, Effect::Unknown),
        (Some(true), None, Effect::Reads),
        (Some(true), Some(true), Effect::Reads),
        (Some(false), None, Effect::Destroys),
        (Some(false), Some(false), Effect::Mutates),
        (None, Some(true), Effect::Destroys),
        (None, Some(false), Effect::Mutates),
    ] {
        assert_eq!(Effect::from_annotations(read_only, destructive), wanted);
    }
}

#[test]
fn an_own_profile_replaces_the_shipped_one() {
    let mut profiles = Profiles::builtin();
    let own = "name = \"git\"\nversion = 7\nsummary = \"ours\"\n[[servers]]\nargv = [\"*/our-git.py\"]\n";
    profiles.add(Profile::parse(own, "git.toml").expect("profile"));
    assert_eq!(profiles.get("git").map(|profile| profile.version), Some(7));
    let found = chosen(&profiles, "/usr/bin/python3", "python3 /srv/our-git.py");
    assert_eq!(found.map(|(profile, _)| profile.version), Some(7));
}
