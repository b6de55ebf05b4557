//! SSH, version control, package managers, databases, and the environment files of projects.

use super::super::table::Secrecy::{Ambient, Config, Key, Token};
use super::Family;
use super::Own::{Node, Program, Python};

pub(super) const FAMILIES: &[Family] = &[
    Family {
        store: "ssh",
        owners: &[
            Program("ssh"),
            Program("sshd"),
            Program("sshd-session"),
            Program("sshd-auth"),
            Program("ssh-add"),
            Program("ssh-agent"),
            Program("ssh-keygen"),
            Program("ssh-keyscan"),
            Program("ssh-copy-id"),
            Program("ssh-keysign"),
            Program("scp"),
            Program("sftp"),
            Program("mosh-client"),
            Program("gnome-keyring-daemon"),
            Program("gcr-ssh-agent"),
            Program("gcr4-ssh-agent"),
        ],
        except: &["~/.ssh/*.pub", "~/.ssh/*-cert.pub"],
        files: &[
            // `id_*` is what ssh-keygen writes; the others are how people name further keys
            (
                "ssh_private_key",
                Key,
                &[
                    "~/.ssh/id_*",
                    "~/.ssh/identity",
                    "~/.ssh/*.{pem,key,ppk}",
                    "~/.ssh/*_{rsa,dsa,ecdsa,ed25519}",
                    "~/.ssh/*{deploy,private}{_,-}key*",
                ],
            ),
            ("ssh_config", Config, &["~/.ssh/config", "~/.ssh/config.d/*", "~/.ssh/known_hosts*"]),
            ("ssh_host_key", Key, &["/etc/ssh/ssh_host_*_key"]),
        ],
    },
    Family {
        store: "git",
        owners: &[
            Program("git"),
            Program("git-remote-http*"),
            Program("git-credential-*"),
            Program("gh"),
            Program("glab"),
            Program("hub"),
            Program("tea"),
            Program("lazygit"),
        ],
        except: &[],
        files: &[
            ("git_credentials", Token, &["~/.git-credentials", "~/.config/git/credentials"]),
            ("gh_token", Token, &["~/.config/gh/hosts.yml", "gh/hosts.yml"]),
            ("glab_token", Token, &["~/.config/glab-cli/config.yml", "glab-cli/config.yml"]),
            ("hub_token", Token, &["~/.config/hub", "~/.config/tea/config.yml"]),
        ],
    },
    Family {
        store: "npm",
        owners: &[
            Node("npm"),
            Node("pnpm"),
            Node("yarn"),
            Node("corepack"),
            Program("yarn"),
            Program("yarn*.cjs"),
            Program("bun"),
            Program("pnpm"),
        ],
        except: &[],
        files: &[
            ("npm_token", Token, &["~/.npmrc", "~/.config/pnpm/{rc,auth.ini}"]),
            ("npm_config", Ambient, &["/etc/npmrc", "/usr/etc/npmrc", "/usr/local/etc/npmrc"]),
            ("yarn_config", Config, &["~/.yarnrc.yml", "~/.yarnrc"]),
        ],
    },
    Family {
        store: "pypi",
        owners: &[
            Python("pip"),
            Python("twine"),
            Python("uv"),
            Python("poetry"),
            Program("pip*"),
            Program("twine"),
            Program("uv"),
            Program("uvx"),
            Program("poetry"),
            Program("hatch"),
        ],
        except: &[],
        files: &[
            ("pypi_token", Token, &["~/.pypirc", "~/.config/pypoetry/auth.toml", "~/.local/share/uv/credentials/**"]),
            // an index URL may hold a password; most hold none, and every pip run reads it
            (
                "pip_config",
                Ambient,
                &["~/.config/pip/pip.conf", "~/.pip/pip.conf", "/etc/pip.conf", "~/.config/uv/uv.toml"],
            ),
        ],
    },
    Family {
        store: "packages",
        owners: &[
            Program("cargo"),
            Program("rustup"),
            Program("gem"),
            Program("bundle"),
            Program("composer*"),
            Program("dotnet"),
            Program("nuget"),
            Program("beam.smp"),
        ],
        except: &[],
        files: &[
            ("cargo_token", Token, &["~/.cargo/credentials", "~/.cargo/credentials.toml"]),
            ("gem_token", Token, &["~/.gem/credentials", "~/.local/share/gem/credentials", "~/.bundle/config"]),
            ("composer_token", Token, &["~/.config/composer/auth.json", "~/.composer/auth.json"]),
            ("nuget_token", Token, &["~/.nuget/NuGet/NuGet.Config", "~/.config/NuGet/NuGet.Config"]),
            ("maven_settings", Token, &["~/.m2/settings.xml", "~/.m2/settings-security.xml"]),
            ("gradle_properties", Config, &["~/.gradle/gradle.properties"]),
            ("hex_token", Token, &["~/.hex/hex.config"]),
        ],
    },
    Family {
        store: "netrc",
        owners: &[
            Program("curl"),
            Program("wget"),
            Program("git"),
            Program("git-remote-http*"),
            Program("heroku"),
            Node("heroku"),
            Program("ftp"),
            Program("lftp"),
            Program("go"),
        ],
        except: &[],
        files: &[("netrc", Token, &["~/.netrc", "~/_netrc"])],
    },
    Family {
        store: "databases",
        owners: &[
            Program("psql"),
            Program("pg_dump*"),
            Program("pg_restore"),
            Program("mysql*"),
            Program("mariadb*"),
            Program("dbeaver"),
        ],
        except: &[],
        files: &[
            ("pgpass", Token, &["~/.pgpass"]),
            ("mysql_password", Token, &["~/.my.cnf", "~/.mylogin.cnf", "/etc/mysql/debian.cnf"]),
            ("dbeaver_credentials", Token, &["~/.local/share/DBeaverData/*/*/.dbeaver/credentials-config.json"]),
        ],
    },
    Family {
        store: "dotenv",
        owners: &[],
        // committed on purpose, and hold no secret
        except: &[
            ".env.{example,sample,template,dist,defaults,schema,test.example}",
            ".env.*.{example,sample,template,dist}",
        ],
        // ambient: half of all programs load the one in their working directory, so reading it says nothing by itself
        files: &[("dotenv", Ambient, &[".env", ".env.*", ".envrc"])],
    },
];
