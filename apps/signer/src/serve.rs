//! The socket: who may connect, how long they may take, and how it all ends.

mod connection;
mod listener;

pub(crate) use listener::SocketError;

use {
    crate::{
        Failure,
        cli::ServeArguments,
        clock::Clock,
        init,
        journal::Journal,
        keystore::Keystore,
        passphrase,
        peers::Peers,
        worker::{Job, Worker},
    },
    connection::Connections,
    listener::{Listener, Next},
    std::{
        io::{self, Read, Write},
        os::unix::net::UnixStream,
        sync::mpsc::sync_channel,
        thread,
        time::Duration,
    },
};

/// Requests that may wait for the worker. More senders than that wait themselves.
const QUEUE: usize = 1024;

/// How long replies that are decided already may take to be written, once we stop.
const FAREWELL: Duration = Duration::from_secs(2);

/// Serves until SIGTERM or SIGINT, the parent's end if asked for, or a journal that cannot be written.
pub(crate) fn run(arguments: &ServeArguments) -> Result<(), Failure> {
    let dir = &arguments.place.dir;
    let passphrase = passphrase::read(&arguments.place)?;
    let keystore = Keystore::open(dir, &passphrase)?;
    drop(passphrase);
    let (journal, state) = Journal::open(dir, keystore.journal_key()?)?;
    let settings = init::Settings::read(dir)?;
    let local_rpc = arguments.local_rpc.as_deref().or(settings.local_rpc.as_deref());
    let clock = Clock::of(state.enrolment().cluster, local_rpc)?;
    let peers = Peers::new(arguments.allowed_uids.clone());

    let (wake, woken) = UnixStream::pair().map_err(SocketError::Signals)?;
    let listener = Listener::bind(&arguments.socket, peers, woken)?;
    wake_on_end(&wake, arguments.exit_with_parent)?;
    let (jobs, queue) = sync_channel(QUEUE);
    let worker = Worker::new(state, journal, keystore, clock);
    let done = wake.try_clone().map_err(SocketError::Signals)?;
    let worker = thread::spawn(move || {
        // Dropped however the worker ends, so that the listener hears of it.
        let _done = Wake(done);
        worker.run(&queue)
    });
    writeln!(io::stdout(), "listening on {}", arguments.socket.display())?;
    io::stdout().flush()?;

    let connections = Connections::default();
    while let Next::Connection(stream) = listener.next()? {
        connections.serve(stream, jobs.clone());
    }
    drop(listener);
    // The worker may have ended by itself; then its result says why.
    let _ = jobs.send(Job::Stop);
    let ended = worker
        .join()
        .map_err(|_| Failure::Other("the worker failed".to_owned()))?;
    connections.farewell(FAREWELL);
    Ok(ended?)
}

/// Wakes the listener when it goes out of scope.
struct Wake(UnixStream);

impl Drop for Wake {
    fn drop(&mut self) {
        // If nobody listens any more there is nothing to wake.
        let _ = self.0.write_all(b"x");
    }
}

/// Signals, and the parent's end if asked for, wake the listener.
fn wake_on_end(wake: &UnixStream, exit_with_parent: bool) -> Result<(), SocketError> {
    for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT] {
        let end = wake.try_clone().map_err(SocketError::Signals)?;
        signal_hook::low_level::pipe::register(signal, end).map_err(SocketError::Signals)?;
    }
    if exit_with_parent {
        let end = Wake(wake.try_clone().map_err(SocketError::Signals)?);
        thread::spawn(move || {
            let _end = end;
            let mut byte = [0];
            while io::stdin().read(&mut byte).is_ok_and(|read| read > 0) {}
        });
    }
    Ok(())
}
