//! Keyrings, password managers, browsers, wallets.

use super::super::table::Secrecy::{Config, Key, Token};
use super::Family;
use super::Own::{Node, Program};

pub(super) const FAMILIES: &[Family] = &[
    Family {
        store: "gnupg",
        owners: &[Program("gpg*"), Program("keyboxd"), Program("scdaemon"), Program("dirmngr")],
        except: &[],
        files: &[(
            "gpg_private_key",
            Key,
            &["~/.gnupg/private-keys-v1.d/*", "~/.gnupg/secring.gpg", "~/.gnupg/openpgp-revocs.d/*"],
        )],
    },
    Family {
        store: "keyring",
        owners: &[Program("gnome-keyring-daemon"), Program("kwalletd*"), Program("ksecretd"), Program("oo7-daemon")],
        except: &[],
        files: &[("keyring", Key, &["~/.local/share/keyrings/*", "~/.local/share/kwalletd/*"])],
    },
    Family {
        store: "password_manager",
        owners: &[
            Program("op"),
            Program("1password"),
            Program("bw"),
            Node("@bitwarden/cli"),
            Program("bitwarden"),
            Program("keepassxc*"),
            Program("lpass"),
            Program("pass"),
            Program("gopass"),
            Program("gpg*"),
            Program("sops"),
            Program("age"),
            Program("rage"),
        ],
        except: &["~/.password-store/.git/**", "~/.password-store/.gpg-id"],
        files: &[
            ("onepassword", Token, &["~/.config/op/**", "~/.config/1Password/**", "~/.op/config"]),
            ("bitwarden", Key, &["~/.config/Bitwarden CLI/data.json", "~/.config/Bitwarden/data.json"]),
            ("keepass", Key, &["*.kdbx", "*.kdb"]),
            ("lastpass", Key, &["~/.local/share/lpass/**", "~/.lpass/**"]),
            ("password_store", Token, &["~/.password-store/**"]),
            ("age_key", Key, &["~/.config/sops/age/keys.txt", "~/.config/age/**", "~/.age/**"]),
            ("ansible_vault_password", Token, &[".vault_pass", ".vault_pass.txt", ".vault_password"]),
        ],
    },
    Family {
        store: "browser",
        owners: &[
            Program("firefox*"),
            Program("chrome"),
            Program("google-chrome*"),
            Program("chromium*"),
            Program("brave*"),
            Program("msedge*"),
            Program("microsoft-edge*"),
            Program("vivaldi*"),
            Program("opera*"),
        ],
        except: &[],
        files: &[
            (
                "browser_logins",
                Key,
                &[
                    "~/.mozilla/firefox/*/{logins.json,key4.db,key3.db,signons.sqlite}",
                    "~/snap/firefox/common/.mozilla/firefox/*/{logins.json,key4.db}",
                    "~/.config/{google-chrome,google-chrome-beta,chromium,microsoft-edge,vivaldi,opera}/{*/,}{Login Data,Login Data For Account,Web Data}",
                    "~/.config/BraveSoftware/*/{*/,}{Login Data,Login Data For Account,Web Data}",
                ],
            ),
            (
                "browser_cookies",
                Token,
                &[
                    "~/.mozilla/firefox/*/cookies.sqlite*",
                    "~/snap/firefox/common/.mozilla/firefox/*/cookies.sqlite*",
                    "~/.config/{google-chrome,google-chrome-beta,chromium,microsoft-edge,vivaldi,opera}/**/Cookies",
                    "~/.config/BraveSoftware/**/Cookies",
                ],
            ),
            (
                "browser_state",
                Config,
                &[
                    "~/.config/{google-chrome,google-chrome-beta,chromium,microsoft-edge,vivaldi,opera}/Local State",
                    "~/.config/BraveSoftware/*/Local State",
                ],
            ),
        ],
    },
    Family {
        store: "wallet",
        owners: &[
            Program("bitcoind"),
            Program("bitcoin-qt"),
            Program("geth"),
            Program("electrum"),
            Program("solana*"),
            Program("Exodus"),
        ],
        except: &[],
        files: &[(
            "crypto_wallet",
            Key,
            &[
                "~/.bitcoin/{,wallets/**/}wallet.dat",
                "~/.ethereum/keystore/*",
                "~/.config/solana/id.json",
                "~/.electrum/wallets/*",
                "~/.config/Exodus/exodus.wallet/*",
            ],
        )],
    },
];
