//! Builds the eBPF object and puts it into `OUT_DIR`, from where `sensor/object.rs` embeds it.

use anyhow::Result;

fn main() -> Result<()> {
    // One toolchain for everything: the object needs `-Z build-std=core`, which the pinned stable compiler allows
    // with this variable. It is set for the object's build only.
    // SAFETY: a build script's main, before any thread is started.
    unsafe { std::env::set_var("RUSTC_BOOTSTRAP", "1") };
    let package = aya_build::Package { name: "monitor-ebpf", root_dir: "../monitor-ebpf", ..Default::default() };
    println!("cargo:rerun-if-changed=../monitor-abi/src");
    aya_build::build_ebpf([package], aya_build::Toolchain::Custom(&toolchain()?))
}

/// The toolchain: what `TRIPLINE_EBPF_TOOLCHAIN` names, the one that this build runs under, or the pinned channel.
fn toolchain() -> Result<String> {
    for name in ["TRIPLINE_EBPF_TOOLCHAIN", "RUSTUP_TOOLCHAIN"] {
        println!("cargo:rerun-if-env-changed={name}");
        if let Ok(value) = std::env::var(name) {
            return Ok(value);
        }
    }
    let text = std::fs::read_to_string("../rust-toolchain.toml")?;
    println!("cargo:rerun-if-changed=../rust-toolchain.toml");
    text.lines()
        .find_map(|line| line.strip_prefix("channel = "))
        .map(|value| value.trim().trim_matches('"').to_owned())
        .ok_or_else(|| anyhow::anyhow!("../rust-toolchain.toml names no channel"))
}
