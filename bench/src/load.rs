//! A client that asks as fast as it is answered: keep-alive connections, one request under way on each, one thread.
//!
//! Any answer but 2xx ends the program: a run in which something was refused measures refusals.

use {
    crate::stats::percentile,
    serde_json::Value,
    std::{
        io::{Read, Write},
        net::SocketAddr,
        sync::Arc,
        thread,
        time::{Duration, Instant},
    },
    tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpStream,
        task::JoinSet,
    },
};

/// What came back.
#[derive(Debug, Default)]
pub(crate) struct Load {
    /// How many answers, all of them 2xx.
    pub(crate) answers: u64,
    /// In how long.
    pub(crate) seconds: f64,
    /// Bytes of the largest one, headers included.
    pub(crate) bytes: usize,
    /// Bytes of the smallest one; zero when there was none.
    pub(crate) least: usize,
    microseconds: Vec<f64>,
}

impl Load {
    /// Answers a second.
    pub(crate) fn rate(&self) -> f64 {
        self.answers as f64 / self.seconds
    }

    /// The time within which `percent` of the requests were answered, in microseconds.
    pub(crate) fn within(&self, percent: usize) -> f64 {
        percentile(&self.microseconds, percent)
    }

    fn add(&mut self, other: Self) {
        self.answers += other.answers;
        self.bytes = self.bytes.max(other.bytes);
        self.least = smaller(self.least, other.least);
        self.microseconds.extend(other.microseconds);
    }
}

/// The smaller of two lengths, of which zero stands for none yet.
pub(crate) fn smaller(one: usize, other: usize) -> usize {
    if one == 0 || other == 0 {
        one.max(other)
    } else {
        one.min(other)
    }
}

/// When to stop.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Until {
    /// After this time; the requests are sent again and again.
    Over(Duration),
    /// When each request was answered once.
    AllAnswered,
}

/// A read of `agent` with `key`, as it goes over the wire.
pub(crate) fn request(agent: &str, key: &str) -> Vec<u8> {
    format!("GET /api/v1/agents/{agent} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\n\r\n")
        .into_bytes()
}

/// A read of `path`, by nobody in particular.
pub(crate) fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").into_bytes()
}

/// A message to `path`, with more headers, each a line without its end.
pub(crate) fn post(path: &str, headers: &[&str], body: &str) -> Vec<u8> {
    let headers: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    let length = body.len();
    format!("POST {path} HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: {length}\r\n\r\n{body}").into_bytes()
}

/// One answer.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Names in small letters, values.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    /// The body, which is JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

/// Sends one request and reads its answer, which has to be 2xx like all others.
pub(crate) fn ask(server: SocketAddr, request: &[u8]) -> Answer {
    let mut stream = std::net::TcpStream::connect(server).unwrap();
    stream.write_all(request).unwrap();
    let (mut buffer, mut filled) = (vec![0; 64 * 1024], 0);
    while length(&buffer[..filled]).is_none_or(|length| filled < length) {
        let read = stream.read(&mut buffer[filled..]).unwrap();
        assert_ne!(read, 0, "closed after {:?}", String::from_utf8_lossy(&buffer[..filled]));
        filled += read;
    }
    let text = String::from_utf8(buffer[..filled].to_vec()).unwrap();
    assert!(text.starts_with("HTTP/1.1 2"), "{text}");
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let headers = head.lines().skip(1).map(|line| line.split_once(": ").unwrap());
    Answer {
        headers: headers
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect(),
        body: body.to_owned(),
    }
}

/// Sends `requests` over `connections`, each its share of them in turn.
pub(crate) fn run(server: SocketAddr, requests: &[Vec<u8>], connections: usize, until: Until) -> Load {
    let shares: Vec<Vec<Vec<u8>>> = (0..connections)
        .map(|connection| requests.iter().skip(connection).step_by(connections).cloned().collect())
        .collect();
    let client = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async move {
            let start = Instant::now();
            let mut running = JoinSet::new();
            for share in shares {
                running.spawn(connection(server, Arc::from(share), start, until));
            }
            let mut load = Load::default();
            while let Some(done) = running.join_next().await {
                load.add(done.unwrap());
            }
            load.seconds = start.elapsed().as_secs_f64();
            load
        })
    });
    client.join().unwrap()
}

async fn connection(server: SocketAddr, requests: Arc<[Vec<u8>]>, start: Instant, until: Until) -> Load {
    let mut stream = TcpStream::connect(server).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let mut load = Load::default();
    let mut buffer = vec![0; 64 * 1024];
    let rounds = match until {
        Until::Over(_) => usize::MAX,
        Until::AllAnswered => 1,
    };
    for request in std::iter::repeat_n(&requests, rounds).flat_map(|requests| requests.iter()) {
        let begin = Instant::now();
        if let Until::Over(length) = until
            && begin - start >= length
        {
            break;
        }
        stream.write_all(request).await.unwrap();
        let length = answer(&mut stream, &mut buffer).await;
        load.microseconds.push(begin.elapsed().as_secs_f64() * 1e6);
        load.answers += 1;
        load.bytes = load.bytes.max(length);
        load.least = smaller(load.least, length);
    }
    load
}

/// Reads one answer and gives its length.
async fn answer(stream: &mut TcpStream, buffer: &mut [u8]) -> usize {
    let mut filled = 0;
    loop {
        let read = stream.read(&mut buffer[filled..]).await.unwrap();
        assert_ne!(read, 0, "closed after {:?}", String::from_utf8_lossy(&buffer[..filled]));
        filled += read;
        if let Some(length) = length(&buffer[..filled])
            && filled >= length
        {
            let text = || String::from_utf8_lossy(&buffer[..filled]);
            assert_eq!(filled, length, "more than one answer: {}", text());
            assert!(buffer.starts_with(b"HTTP/1.1 2"), "{}", text());
            return length;
        }
    }
}

/// How long the answer is that begins here, once its head is complete.
fn length(answer: &[u8]) -> Option<usize> {
    let head = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n")? + 4;
    let name = b"\r\ncontent-length: ";
    let mut places = answer[..head].windows(name.len());
    let value = places.position(|bytes| bytes.eq_ignore_ascii_case(name))? + name.len();
    let digits = answer[value..].iter().take_while(|byte| byte.is_ascii_digit());
    Some(head + digits.fold(0, |sum, digit| sum * 10 + usize::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use {
        super::*,
        std::{net::TcpListener, panic::catch_unwind},
    };

    /// Answers three requests on one connection, the second as `second` says.
    fn server(second: &'static str) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            for status in ["200 OK", second, "200 OK"] {
                let mut asked = Vec::new();
                let mut byte = [0];
                while !asked.ends_with(b"\r\n\r\n") {
                    if stream.read(&mut byte).unwrap_or(0) == 0 {
                        return;
                    }
                    asked.extend(byte);
                }
                let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 2\r\n\r\n{{}}");
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        address
    }

    #[test]
    fn an_answer_that_is_not_2xx_ends_the_run() {
        let ask = |second| {
            let requests = [(); 3].map(|()| request("agt", "key"));
            catch_unwind(|| run(server(second), &requests, 1, Until::AllAnswered).answers)
        };
        for good in ["200 OK", "201 Created"] {
            assert_eq!(ask(good).ok(), Some(3), "{good}");
        }
        for bad in ["302 Found", "429 Too Many Requests", "503 Service Unavailable"] {
            assert_eq!(ask(bad).ok(), None, "{bad}");
        }
    }

    #[test]
    fn an_answer_is_complete_when_its_body_is() {
        let whole = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 5\r\n\r\nhello";
        assert_eq!(length(whole), Some(whole.len()));
        assert_eq!(length(&whole[..whole.len() - 3]), Some(whole.len()));
        assert_eq!(length(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n"), None);
        assert_eq!(length(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"), Some(43));
    }
}
