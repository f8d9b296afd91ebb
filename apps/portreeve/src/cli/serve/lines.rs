//! Log lines on their way out, gathered in memory and written by a thread of their own.
//!
//! What must stay true: whoever reads the log, or no longer does, never holds up a request; and what is left out because of
//! that is counted.

use {
    std::{
        io::{self, Write},
        mem,
        sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
        thread,
        time::Duration,
    },
    tracing_subscriber::fmt::MakeWriter,
};

/// How long a line may wait for others to be written with it. To write them one by one would take a system call and a wake-up for
/// each.
const MOMENT: Duration = Duration::from_millis(5);

/// What may wait to be written, in bytes.
const MOST: usize = 4 * 1024 * 1024;

/// What is kept for the next lines once a flood is over, in bytes.
const USUAL: usize = 64 * 1024;

/// How long whoever reads the log is waited for at the end.
const LAST_WAIT: Duration = Duration::from_secs(1);

/// Takes lines. Cheap to clone.
#[derive(Clone)]
pub(super) struct Lines(Arc<Shared>);

#[derive(Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    woken: Condvar,
}

#[derive(Default)]
struct Waiting {
    bytes: Vec<u8>,
    left_out: u64,
    /// The thread waits to be woken.
    is_idle: bool,
    /// Nothing comes any more.
    is_over: bool,
    /// Everything has been written.
    is_done: bool,
}

impl Lines {
    /// Writes to `out`, from now on.
    ///
    /// # Errors
    /// When there can be no thread.
    pub(super) fn to(mut out: impl Write + Send + 'static) -> io::Result<Self> {
        let lines = Self(Arc::default());
        let shared = Arc::clone(&lines.0);
        let work = move || {
            let mut bytes = Vec::with_capacity(USUAL);
            while shared.exchange(&mut bytes) {
                // Whoever cannot be written to gets nothing; there is nobody else to tell.
                let _ = out.write_all(&bytes).and_then(|()| out.flush());
                bytes.clear();
                bytes.shrink_to(USUAL);
            }
            shared.lock().is_done = true;
            shared.woken.notify_all();
        };
        thread::Builder::new().name("log".into()).spawn(work)?;
        Ok(lines)
    }

    /// Adds whole lines. What finds no room, or comes after the end, is left out and counted.
    pub(super) fn push(&self, text: &[u8]) {
        let mut waiting = self.0.lock();
        if waiting.is_over || waiting.bytes.len().saturating_add(text.len()) > MOST {
            waiting.left_out = waiting.left_out.saturating_add(1);
            return;
        }
        waiting.bytes.extend_from_slice(text);
        let wake = mem::take(&mut waiting.is_idle);
        drop(waiting);
        if wake {
            self.0.woken.notify_all();
        }
    }

    /// How many were left out so far.
    pub(super) fn left_out(&self) -> u64 {
        self.0.lock().left_out
    }

    /// Waits a while until everything is written; nothing is taken any more.
    pub(super) fn end(&self) {
        let mut waiting = self.0.lock();
        waiting.is_over = true;
        self.0.woken.notify_all();
        let done = self
            .0
            .woken
            .wait_timeout_while(waiting, LAST_WAIT, |waiting| !waiting.is_done);
        drop(done);
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes what waits, once there is something, for `empty`; false when it is over.
    fn exchange(&self, empty: &mut Vec<u8>) -> bool {
        let mut waiting = self.lock();
        while waiting.bytes.is_empty() && !waiting.is_over {
            waiting.is_idle = true;
            waiting = self.woken.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        waiting.is_idle = false;
        if !waiting.is_over {
            drop(waiting);
            thread::sleep(MOMENT);
            waiting = self.lock();
        }
        mem::swap(&mut waiting.bytes, empty);
        !empty.is_empty()
    }
}

/// Takes one line after another from `tracing`, each whole.
impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.push(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use {
        super::*,
        std::sync::mpsc::{Receiver, SyncSender, sync_channel},
    };

    /// Somebody who reads only when asked to.
    struct Slow(SyncSender<Vec<u8>>);

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
            self.0.send(bytes.to_vec()).map_err(gone).map(|()| bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn slow() -> (Lines, Receiver<Vec<u8>>) {
        let (to, read) = sync_channel(0);
        (Lines::to(Slow(to)).unwrap(), read)
    }

    #[test]
    fn lines_come_whole_and_in_order_and_many_at_once() {
        let (lines, read) = slow();
        let mut expected = Vec::new();
        for number in 0..1_000 {
            let line = format!("line {number}\n");
            lines.push(line.as_bytes());
            expected.extend(line.into_bytes());
        }
        let (mut came, mut writes) = (Vec::new(), 0);
        while came.len() < expected.len() {
            came.extend(read.recv().unwrap());
            writes += 1;
        }
        assert!(came == expected && writes < 100, "{writes} writes");
        // And when nothing has come for a while.
        thread::sleep(MOMENT * 4);
        lines.push(b"late\n");
        assert_eq!(read.recv().unwrap(), b"late\n");
    }

    #[test]
    fn who_does_not_read_costs_lines_that_are_counted_and_holds_nobody_up() {
        let (lines, read) = slow();
        let line = vec![b'x'; 1024];
        // The first are taken out of memory and wait to be read.
        lines.push(&line);
        while !lines.0.lock().bytes.is_empty() {
            thread::sleep(MOMENT);
        }
        for _ in 0..MOST / line.len() + 7 {
            lines.push(&line);
        }
        assert_eq!(lines.left_out(), 7);
        lines.end();
        assert_eq!(read.recv().unwrap(), line, "what was gathered is still there");
        assert_eq!(read.recv().unwrap().len(), MOST);
        lines.push(&line);
        assert_eq!(lines.left_out(), 8, "nobody writes it any more");
    }

    #[test]
    fn at_the_end_what_waits_is_written() {
        let (lines, read) = slow();
        lines.push(b"last\n");
        let reader = thread::spawn(move || read.recv().unwrap());
        lines.end();
        assert!(lines.0.lock().is_done);
        assert_eq!(reader.join().unwrap(), b"last\n");
    }
}
