//! Tripline's eBPF programs: what the kernel lets us see, reported; no policy.
#![no_std]
#![no_main]
#![feature(asm_experimental_arch)] // one atomic addition, see emit.rs; the object is built with RUSTC_BOOTSTRAP

mod conn;
mod emit;
mod kernel;
mod maps;
mod path;
mod probes;
mod scope;

#[cfg(not(test))]
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";
