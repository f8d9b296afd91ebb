//! A Solana JSON-RPC endpoint on loopback, backed by an in-memory VM and the real Squads v4 program.
//!
//! It exists so that tests and demos meet what mainnet would say: the same program, the same refusals, the same
//! response shapes, and on request the same misfortunes (lost answers, held transactions, a lying provider).
//!
//! Nothing is kept: a new start is a new chain, though always with the same genesis hash, by which a client may know it.

mod chain;
mod cli;
mod faults;
mod genesis;
mod http;
mod rpc;
mod shutdown;
mod squads;
mod worker;

use {
    clap::Parser,
    std::{
        error::Error,
        io::{self, Write},
        process::ExitCode,
    },
    tokio::net::TcpListener,
};

fn main() -> ExitCode {
    let args = cli::Args::parse();
    match serve(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("portreeve-localchain: {error}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn serve(args: &cli::Args) -> Result<(), Box<dyn Error>> {
    // First of all: who learns that we are ready may ask us to stop at once.
    let stop = shutdown::listen(args.exit_with_parent)?;
    let chain = worker::start(args.settings()?)?;
    let honest = TcpListener::bind((args.host, args.port)).await?;
    let address = honest.local_addr()?;
    let mut ports = vec![address.port()];
    let liar = match args.liar_port {
        Some(port) => Some(TcpListener::bind((args.host, port)).await?),
        None => None,
    };
    if let Some(liar) = &liar {
        ports.push(liar.local_addr()?.port());
        eprintln!("lying on request on http://{}", liar.local_addr()?);
    }
    if let Some(path) = &args.port_file {
        cli::write_ports(path, &ports)?;
    }
    writeln!(io::stdout(), "listening on http://{address}")?;
    let faces = [
        Some((honest, rpc::Face::Honest)),
        liar.map(|listener| (listener, rpc::Face::Liar)),
    ];
    http::serve(faces.into_iter().flatten(), &chain, stop).await;
    Ok(())
}
