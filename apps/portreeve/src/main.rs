//! The binary: where crates become programs. Commands for owners and agents, the server, and what it takes from the world.

mod cli;
mod client;
mod config;
#[cfg(feature = "conformance")]
mod conformance;
mod demo;
mod doctor;
mod home;
mod init;
mod issuer_key;
mod local_ca;
mod money;
mod output;
mod owner;
mod relay;
mod schema;
mod serve;
mod signer_process;
mod tls;
mod trust;
mod world;

use std::process::ExitCode;

// Requests allocate small things on one thread and let them go on another.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // The allocator asks for huge pages, and most of each would stay empty: a server takes twice the memory with them, and starts
    // no sooner. Where the system cannot do without them, they are only large.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
    cli::run()
}
