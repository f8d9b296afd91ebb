//! One connection: a frame in, a frame out, again and again. Each has a thread; there are only so many.

use {
    crate::worker::Job,
    portreeve_signing::{
        Reason, Refusal,
        frame::{self, FrameError},
        protocol::{Outcome, Reply},
    },
    std::{
        io::{self, Read, Write},
        os::unix::net::UnixStream,
        sync::{
            Arc, Condvar, Mutex, PoisonError,
            mpsc::{SyncSender, sync_channel},
        },
        thread,
        time::Duration,
    },
};

/// Connections at once. Whoever comes when all are taken waits for [`FRAME`] and is then cut off.
const MOST: usize = 256;

/// How long a connection may be silent between two requests.
const IDLE: Duration = Duration::from_secs(60);

/// How long a frame that has begun may take to arrive or to leave.
const FRAME: Duration = Duration::from_secs(5);

/// How many connections there are, and how many of them owe somebody a reply.
#[derive(Default)]
struct Count {
    open: usize,
    owing: usize,
}

/// All connections.
#[derive(Clone, Default)]
pub(crate) struct Connections {
    count: Arc<(Mutex<Count>, Condvar)>,
}

impl Connections {
    /// Serves `stream` on a thread of its own, if there is room for it soon.
    pub(crate) fn serve(&self, stream: UnixStream, jobs: SyncSender<Job>) {
        let (lock, changed) = &*self.count;
        let count = lock.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut count, waited) = changed
            .wait_timeout_while(count, FRAME, |count| count.open >= MOST)
            .unwrap_or_else(PoisonError::into_inner);
        if waited.timed_out() {
            crate::note(&format_args!("cut off a connection: there are {MOST} already"));
            return;
        }
        count.open = count.open.saturating_add(1);
        drop(count);
        let connections = self.clone();
        let serve = move || {
            let _open = Counted {
                connections: connections.clone(),
                which: |count| &mut count.open,
            };
            // It ends when the peer hangs up, falls silent, or sends what is no frame; nobody needs to hear of that.
            let _ = connections.talk(stream, &jobs);
        };
        if thread::Builder::new().spawn(serve).is_err() {
            crate::note(&"no thread for another connection");
        }
    }

    /// Waits until every reply that was decided is written, but not longer than `most`.
    pub(crate) fn farewell(&self, most: Duration) {
        let (lock, changed) = &*self.count;
        let count = lock.lock().unwrap_or_else(PoisonError::into_inner);
        drop(changed.wait_timeout_while(count, most, |count| count.owing > 0));
    }

    fn talk(&self, mut stream: UnixStream, jobs: &SyncSender<Job>) -> io::Result<()> {
        stream.set_write_timeout(Some(FRAME))?;
        while let Some(body) = read_frame(&mut stream)? {
            let owing = self.owe();
            let (reply, good) = match body.and_then(|body| frame::decode(&body)) {
                Ok(envelope) => {
                    let (to, from) = sync_channel(1);
                    let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
                    jobs.send(Job::Answer(Box::new(envelope), to)).map_err(|_| gone(()))?;
                    (from.recv().map_err(|_| gone(()))?, true)
                }
                Err(cause) => (malformed(&cause), false),
            };
            let bytes = frame::encode(&reply).map_err(io::Error::other)?;
            stream.write_all(&bytes)?;
            drop(owing);
            if !good {
                break; // where the next frame would begin is anybody's guess
            }
        }
        Ok(())
    }

    fn owe(&self) -> Counted {
        let (lock, _) = &*self.count;
        let mut count = lock.lock().unwrap_or_else(PoisonError::into_inner);
        count.owing = count.owing.saturating_add(1);
        Counted {
            connections: self.clone(),
            which: |count| &mut count.owing,
        }
    }
}

/// Takes one off a count when it goes out of scope.
struct Counted {
    connections: Connections,
    which: fn(&mut Count) -> &mut usize,
}

impl Drop for Counted {
    fn drop(&mut self) {
        let (lock, changed) = &*self.connections.count;
        let mut count = lock.lock().unwrap_or_else(PoisonError::into_inner);
        let which = (self.which)(&mut count);
        *which = which.saturating_sub(1);
        changed.notify_all();
    }
}

fn malformed(cause: &FrameError) -> Reply {
    let refusal = Refusal::new(Reason::Malformed, cause.to_string());
    Reply {
        receipt: None,
        outcome: Outcome::Refused(refusal),
    }
}

/// The next frame's body, or why it is none; `None` when the peer hung up.
fn read_frame(stream: &mut UnixStream) -> io::Result<Option<Result<Vec<u8>, FrameError>>> {
    let mut header = [0; frame::HEADER];
    let (first, rest) = header.split_at_mut(1);
    stream.set_read_timeout(Some(IDLE))?;
    if stream.read(first)? == 0 {
        return Ok(None);
    }
    stream.set_read_timeout(Some(FRAME))?;
    stream.read_exact(rest)?;
    let length = match frame::body_length(header) {
        Ok(length) => length,
        Err(cause) => return Ok(Some(Err(cause))),
    };
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok(Some(Ok(body)))
}
