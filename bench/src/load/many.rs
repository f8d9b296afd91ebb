//! Asks as fast as it is answered: connections that stay, one request under way on each, all of them by one thread. What it
//! takes of the processor is missing to the server on the same machine, so it does no more than it must: one read and one
//! write for each answer.

use {
    super::{Load, Until, length, smaller},
    crate::processors::{self, Whose},
    mio::{Events, Interest, Poll, Token, net::TcpStream},
    std::{
        io::{ErrorKind, Read, Write},
        net::SocketAddr,
        time::Instant,
    },
};

/// Sends `requests` over `connections`, each its share of them in turn, from the client's own processor.
pub(crate) fn run(server: SocketAddr, requests: &[Vec<u8>], connections: usize, until: Until) -> Load {
    processors::on(Whose::Client, || drive(server, requests, connections, until))
}

fn drive(server: SocketAddr, requests: &[Vec<u8>], connections: usize, until: Until) -> Load {
    let mut poll = Poll::new().unwrap();
    let mut all: Vec<Connection<'_>> = (0..connections)
        .map(|number| {
            let share = requests.iter().skip(number).step_by(connections).map(Vec::as_slice);
            Connection::open(server, share.collect(), &poll, Token(number))
        })
        .collect();
    let mut load = Load::default();
    let start = Instant::now();
    let mut running = all
        .iter_mut()
        .map(|connection| connection.ask(start))
        .filter(|asked| *asked)
        .count();
    let mut events = Events::with_capacity(connections);
    while running > 0 {
        if let Err(error) = poll.poll(&mut events, None) {
            assert_eq!(error.kind(), ErrorKind::Interrupted, "{error}");
            continue;
        }
        for event in &events {
            let connection = &mut all[event.token().0];
            let Some(length) = connection.answer() else { continue };
            let now = Instant::now();
            load.microseconds.push((now - connection.asked).as_secs_f64() * 1e6);
            load.answers += 1;
            load.bytes = load.bytes.max(length);
            load.least = smaller(load.least, length);
            let over = match until {
                Until::Over(time) => now - start >= time,
                Until::AllAnswered => connection.next == connection.share.len(),
            };
            if over || !connection.ask(now) {
                running -= 1;
            }
        }
    }
    load.seconds = start.elapsed().as_secs_f64();
    load
}

struct Connection<'a> {
    stream: TcpStream,
    share: Vec<&'a [u8]>,
    /// The place in `share` of what is asked next; its length when that is the first again.
    next: usize,
    asked: Instant,
    buffer: Vec<u8>,
    filled: usize,
}

impl<'a> Connection<'a> {
    fn open(server: SocketAddr, share: Vec<&'a [u8]>, poll: &Poll, token: Token) -> Self {
        let stream = std::net::TcpStream::connect(server).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_nonblocking(true).unwrap();
        let mut stream = TcpStream::from_std(stream);
        poll.registry()
            .register(&mut stream, token, Interest::READABLE)
            .unwrap();
        Self {
            stream,
            share,
            next: 0,
            asked: Instant::now(),
            buffer: vec![0; 64 * 1024],
            filled: 0,
        }
    }

    /// Sends the next request at `now`; false when there is none.
    fn ask(&mut self, now: Instant) -> bool {
        if self.next == self.share.len() {
            self.next = 0;
        }
        let Some(request) = self.share.get(self.next) else {
            return false;
        };
        self.next += 1;
        self.asked = now;
        // A request is far smaller than what a socket takes at once; were it not, this would end the program.
        self.stream.write_all(request).unwrap();
        true
    }

    /// Reads what is there; the length of the answer once it is whole.
    fn answer(&mut self) -> Option<usize> {
        loop {
            let read = match self.stream.read(&mut self.buffer[self.filled..]) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => return None,
                read => read.unwrap(),
            };
            let text = || String::from_utf8_lossy(&self.buffer[..self.filled]);
            assert_ne!(read, 0, "closed after {:?}", text());
            self.filled += read;
            if let Some(length) = length(&self.buffer[..self.filled])
                && self.filled >= length
            {
                let text = || String::from_utf8_lossy(&self.buffer[..self.filled]);
                assert_eq!(self.filled, length, "more than one answer: {}", text());
                assert!(self.buffer.starts_with(b"HTTP/1.1 2"), "{}", text());
                self.filled = 0;
                return Some(length);
            }
            if self.filled == self.buffer.len() {
                self.buffer.resize(2 * self.filled, 0);
            }
        }
    }
}
