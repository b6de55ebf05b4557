//! Rebuild when the BPF linker changes.

fn main() {
    println!("cargo:rerun-if-env-changed=PATH");
    // CARGO_CFG_BPF_TARGET_ARCH is passed by aya-build; the check-cfg keeps rustc from warning about it.
    println!("cargo::rustc-check-cfg=cfg(bpf_target_arch, values(\"x86_64\", \"aarch64\"))");
}
