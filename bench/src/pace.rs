//! A client that asks at a steady pace, whether or not it was answered: what had to wait counts from when it was due.

use {
    crate::{load, stats::percentile},
    std::{
        net::{SocketAddr, TcpStream},
        sync::atomic::{AtomicU32, Ordering},
        thread,
        time::{Duration, Instant},
    },
};

/// Connections, each with a thread of its own: more are never under way at once.
const CONNECTIONS: usize = 16;

/// How long each answer took from when it was due, in milliseconds.
#[derive(Debug, Default)]
pub(crate) struct Pace(Vec<f64>);

impl Pace {
    /// The time within which `percent` of the requests were answered, in milliseconds.
    pub(crate) fn within(&self, percent: usize) -> f64 {
        percentile(&self.0, percent)
    }
}

/// Asks `request` so often a second, for so long.
pub(crate) fn run(server: SocketAddr, request: &[u8], rate: u32, length: Duration) -> Pace {
    let all = rate * u32::try_from(length.as_secs()).unwrap();
    let (next, start) = (AtomicU32::new(0), Instant::now());
    let work = || {
        let mut stream = TcpStream::connect(server).unwrap();
        stream.set_nodelay(true).unwrap();
        let mut took = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= all {
                return took;
            }
            let due = start + Duration::from_secs(1) / rate * number;
            thread::sleep(due.saturating_duration_since(Instant::now()));
            load::on(&mut stream, request);
            took.push(due.elapsed().as_secs_f64() * 1e3);
        }
    };
    let took = thread::scope(|scope| {
        let workers = [(); CONNECTIONS].map(|()| scope.spawn(work));
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    Pace(took)
}
