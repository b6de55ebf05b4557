//! Places from which code is started later: a write there outlives the server.
//!
//! Sources: the manual pages bash(1), zsh(1), crontab(5), systemd.unit(5), ld.so(8), sudoers(5), githooks(5), udev(7),
//! the desktop autostart specification, and each client's documentation.

use std::sync::LazyLock;

use crate::pattern::{Index, Pattern};

/// What kind of persistence point `path` (resolved, absolute) is, as a stable word: `shell_profile`,
/// `ssh_authorized_keys`, `cron`, `systemd_unit`, `autostart`, `ld_preload`, `mcp_client_config`, ….
#[must_use]
pub fn lookup(path: &str) -> Option<&'static str> {
    INDEX.find(path).flatten()
}

/// The kind of the persistence points that lie below the folder `path`: who moves or replaces it, moves or replaces them.
/// Only folders that hold little else.
#[must_use]
pub fn folder(path: &str) -> Option<&'static str> {
    FOLDERS.find(path)
}

static FOLDERS: LazyLock<Index<&'static str>> = LazyLock::new(|| {
    let mut index = Index::default();
    for (&(kind, patterns), rank) in BELOW.iter().zip(0..) {
        for text in patterns {
            // a test parses every pattern: none is left out here
            if let Ok(pattern) = Pattern::new(text) {
                index.insert(&pattern, rank, kind);
            }
        }
    }
    index
});

const BELOW: &[(&str, &[&str])] = &[
    ("ssh_authorized_keys", &["~/.ssh"]),
    (
        "systemd_unit",
        &[
            "~/.config/systemd",
            "~/.config/systemd/user",
            "~/.local/share/systemd",
            "~/.local/share/systemd/user",
            "/etc/systemd",
            "/etc/systemd/{system,user}",
        ],
    ),
    ("autostart", &["~/.config", "~/.config/{autostart,autostart-scripts}", "/etc/xdg/autostart"]),
    ("shell_profile", &["~/.config/fish", "~/.config/fish/conf.d", "~/.bashrc.d", "/etc/profile.d"]),
    ("cron", &["/etc/cron.{d,hourly,daily,weekly,monthly}", "/var/spool/cron", "/var/spool/cron/crontabs"]),
    ("git_hook", &[".git/hooks", "~/.config/git", "~/.config/git/hooks"]),
    ("path_program", &["~/bin", "~/.local/bin"]),
];

static INDEX: LazyLock<Index<Option<&'static str>>> = LazyLock::new(|| {
    let mut index = Index::default();
    for (&(kind, patterns), rank) in POINTS.iter().zip(0..) {
        for text in patterns {
            // a test parses every pattern: none is left out here
            if let Ok(pattern) = Pattern::new(text) {
                index.insert(&pattern, rank, (!kind.is_empty()).then_some(kind));
            }
        }
    }
    index
});

/// Kind and patterns; where two match, the earlier one wins. The empty kind names look-alikes.
const POINTS: &[(&str, &[&str])] = &[
    // `git init` and `git clone` write these, and git never runs them
    ("", &[".git/hooks/*.sample"]),
    (
        "shell_profile",
        &[
            "~/.{profile,bashrc,bash_profile,bash_login,bash_logout,bash_aliases}",
            "~/.{zshrc,zshenv,zprofile,zlogin,zlogout}",
            "~/.{kshrc,mkshrc,cshrc,tcshrc,login,logout,shrc}",
            "~/.bashrc.d/*",
            "~/.config/fish/config.fish",
            "~/.config/fish/conf.d/*.fish",
            "~/.config/nushell/{config,env}.nu",
            "/etc/{profile,bash.bashrc,bashrc,zshenv,environment,csh.cshrc,csh.login}",
            "/etc/profile.d/*",
            "/etc/zsh/*",
            "/etc/fish/**",
        ],
    ),
    ("session_environment", &["~/.pam_environment", "~/.config/environment.d/*.conf", "/etc/environment.d/*.conf"]),
    ("ssh_authorized_keys", &["~/.ssh/authorized_keys", "~/.ssh/authorized_keys2"]),
    (
        "ssh_config",
        &[
            "~/.ssh/{config,rc,environment}",
            "~/.ssh/config.d/*",
            "/etc/ssh/{ssh_config,sshd_config,sshrc}",
            "/etc/ssh/{ssh,sshd}_config.d/*",
        ],
    ),
    (
        "cron",
        &[
            "/etc/{crontab,anacrontab}",
            "/etc/cron.{d,hourly,daily,weekly,monthly}/*",
            "/var/spool/cron/**",
            "/var/spool/{at,atjobs}/*",
            "/var/spool/cron/atjobs/*",
        ],
    ),
    (
        "systemd_unit",
        &[
            "/{etc,usr/lib,lib,run,usr/local/lib}/systemd/{system,user}/**",
            "/{etc,usr/lib,lib,run}/systemd/{system,user}-{generators,environment-generators}/*",
            "~/.config/systemd/user/**",
            "~/.local/share/systemd/user/**",
            "/run/user/*/systemd/**",
        ],
    ),
    (
        "init_script",
        &["/etc/init.d/*", "/etc/rc.local", "/etc/rc.d/**", "/etc/rc?.d/*", "/etc/inittab", "/etc/init/*.conf"],
    ),
    (
        "autostart",
        &[
            "~/.config/autostart/*",
            "~/.config/autostart-scripts/*",
            "~/.config/plasma-workspace/{env,shutdown}/*",
            "/etc/xdg/autostart/*",
            "~/.{xinitrc,xsession,xsessionrc,xprofile,Xsession}",
            "/etc/X11/Xsession.d/*",
            "~/.config/{i3,sway,hypr}/*",
        ],
    ),
    ("ld_preload", &["/etc/ld.so.preload", "/etc/ld.so.conf", "/etc/ld.so.conf.d/*"]),
    ("sudoers", &["/etc/sudoers", "/etc/sudoers.d/*", "/etc/doas.conf", "/etc/polkit-1/rules.d/*"]),
    ("pam", &["/etc/pam.d/*", "/etc/pam.conf", "/{usr/,}lib/{,x86_64-linux-gnu/,aarch64-linux-gnu/}security/*.so"]),
    ("accounts", &["/etc/{passwd,shadow,group,gshadow}"]),
    ("udev_rule", &["/{etc,usr/lib,lib,run}/udev/rules.d/*"]),
    ("kernel_module", &["/etc/modules", "/etc/modules-load.d/*", "/etc/modprobe.d/*"]),
    ("dbus_service", &["~/.local/share/dbus-1/services/*", "/usr/share/dbus-1/{services,system-services}/*"]),
    (
        "package_hook",
        &[
            "/etc/apt/apt.conf.d/*",
            "/etc/dpkg/dpkg.cfg.d/*",
            "/etc/yum/pluginconf.d/*",
            "/etc/pacman.d/hooks/*",
            "/etc/update-motd.d/*",
        ],
    ),
    (
        "network_hook",
        &["/etc/network/if-*.d/*", "/etc/NetworkManager/dispatcher.d/**", "/etc/dhcp/dhclient-*-hooks.d/*"],
    ),
    ("git_hook", &[".git/hooks/*", "~/.config/git/hooks/*", "~/.git-templates/**"]),
    ("git_config", &["~/.gitconfig", "~/.config/git/config", "/etc/gitconfig"]),
    ("path_program", &["~/bin/*", "~/.local/bin/*"]),
    ("build_config", &["~/.cargo/{config,config.toml}"]),
    ("python_startup", &["sitecustomize.py", "usercustomize.py"]),
    (
        "editor_startup",
        &["~/.vimrc", "~/.vim/{plugin,autoload,ftplugin}/**", "~/.config/nvim/**", "~/.emacs", "~/.emacs.d/init.el"],
    ),
    (
        "editor_task",
        &[
            ".vscode/tasks.json",
            ".vscode/launch.json",
            ".vscode/settings.json",
            "~/.config/{Code,Code - Insiders,VSCodium}/User/tasks.json",
        ],
    ),
    (
        "agent_settings",
        &[
            ".claude/settings.json",
            ".claude/settings.local.json",
            ".claude/{hooks,commands,agents,plugins}/**",
            "~/.codex/hooks.json",
            ".cursor/hooks.json",
            "~/.gemini/extensions/**",
        ],
    ),
    (
        "mcp_client_config",
        &[
            "claude_desktop_config.json",
            "~/.claude.json",
            ".mcp.json",
            ".cursor/mcp.json",
            ".vscode/mcp.json",
            "~/.config/{Code,Code - Insiders,VSCodium}/User/{mcp,settings}.json",
            "~/.codeium/windsurf/mcp_config.json",
            "~/.config/zed/settings.json",
            ".zed/settings.json",
            ".gemini/settings.json",
            ".qwen/settings.json",
            "~/.codex/config.toml",
            ".codex/config.toml",
            "cline_mcp_settings.json",
            "~/.continue/config.{yaml,json}",
            ".continue/mcpServers/*",
            "~/.config/goose/config.yaml",
            "~/.config/opencode/opencode.{json,jsonc}",
            "~/.copilot/mcp-config.json",
            "~/.aws/amazonq/mcp.json",
            "~/.openclaw/openclaw.json",
            "~/.clawdbot/clawdbot.json",
            "/etc/claude-code/{managed-mcp,managed-settings}.json",
            "/etc/codex/config.toml",
        ],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_parses() {
        for (kind, patterns) in POINTS.iter().chain(BELOW) {
            for text in *patterns {
                if let Err(error) = Pattern::new(text) {
                    panic!("{kind}: {text}: {error}");
                }
            }
        }
    }
}
