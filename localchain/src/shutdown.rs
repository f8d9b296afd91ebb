//! When to stop: on SIGTERM, on SIGINT, and when the parent is gone.
//!
//! The parent is watched through standard input, not through `PR_SET_PDEATHSIG`: that signal comes when the *thread*
//! that started us ends, which in a parent with worker threads may be long before the parent does.

use {
    std::io::{self, Read},
    tokio::{
        signal::unix::{SignalKind, signal},
        sync::watch,
    },
};

/// Tells when it is time to go. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Comes back when it is time to go, at once if it has been for a while.
    pub(crate) async fn asked(&mut self) {
        // An error means that nobody is left to ask, and we would never hear of it: go.
        let _ = self.0.wait_for(|stop| *stop).await;
    }
}

/// Starts to listen for reasons to stop.
/// # Errors
/// When the signal handlers cannot be installed.
pub(crate) fn listen(watch_parent: bool) -> io::Result<Stop> {
    let (say, stop) = watch::channel(false);
    let mut term = signal(SignalKind::terminate())?;
    let mut int = signal(SignalKind::interrupt())?;
    let by_signal = say.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
        by_signal.send_replace(true);
    });
    if watch_parent {
        std::thread::Builder::new().name("parent".into()).spawn(move || {
            wait_for_end_of_input();
            say.send_replace(true);
        })?;
    }
    Ok(Stop(stop))
}

fn wait_for_end_of_input() {
    let mut input = io::stdin().lock();
    let mut ignored = [0; 256];
    while let Ok(read) = input.read(&mut ignored) {
        if read == 0 {
            return;
        }
    }
}
