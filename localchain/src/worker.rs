//! The one thread that owns the chain. Everybody else sends it requests.

use {
    crate::{
        chain::{Chain, Settings, StartError},
        faults::Faults,
        rpc::{self, Face, Reply},
    },
    std::{sync::mpsc, thread},
    tokio::sync::oneshot,
};

/// Bytes of stack. Anchor's account parsing, unoptimised, wants a deep one; only touched pages cost memory.
const STACK_BYTES: usize = 64 << 20;

struct Job {
    face: Face,
    body: Vec<u8>,
    reply: oneshot::Sender<Reply>,
}

/// A way to ask the chain. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Handle(mpsc::Sender<Job>);

impl Handle {
    /// The answer to one HTTP body; `None` when the chain's thread is gone.
    pub(crate) async fn ask(&self, face: Face, body: Vec<u8>) -> Option<Reply> {
        let (reply, answer) = oneshot::channel();
        self.0.send(Job { face, body, reply }).ok()?;
        answer.await.ok()
    }
}

/// Builds the chain on its own thread (parts of it cannot change threads) and waits until it stands.
/// # Errors
/// [`StartError`] says what was missing.
pub(crate) fn start(settings: Settings) -> Result<Handle, StartError> {
    let (jobs, inbox) = mpsc::channel::<Job>();
    let (started, outcome) = mpsc::channel();
    thread::Builder::new()
        .name("chain".into())
        .stack_size(STACK_BYTES)
        .spawn(move || {
            let mut chain = match Chain::new(settings) {
                Ok(chain) => {
                    let _ = started.send(Ok(()));
                    chain
                }
                Err(error) => {
                    let _ = started.send(Err(error));
                    return;
                }
            };
            let mut faults = Faults::default();
            for Job { face, body, reply } in inbox {
                // A client that hung up has no more interest in the answer.
                let _ = reply.send(rpc::answer(&mut chain, &mut faults, face, &body));
            }
        })?;
    outcome.recv().map_err(|_| StartError::Died)??;
    Ok(Handle(jobs))
}
