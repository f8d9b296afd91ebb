//! A client: requests as they go over the wire, and answers as they come back.
//!
//! Any answer but 2xx ends the program: a run in which something was refused measures refusals.

mod many;

pub(crate) use many::run;
use {
    crate::stats::percentile,
    serde_json::Value,
    std::{
        io::{Read, Write},
        net::SocketAddr,
        time::Duration,
    },
};

/// More than any answer has.
const HEADERS: usize = 64;

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
    get_as(&format!("/api/v1/agents/{agent}"), key)
}

/// A read of `path`, by nobody in particular.
pub(crate) fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").into_bytes()
}

/// A read of `path` with a key or a token.
pub(crate) fn get_as(path: &str, secret: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {secret}\r\n\r\n").into_bytes()
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
    on(&mut std::net::TcpStream::connect(server).unwrap(), request)
}

/// The same, over a connection that stays.
pub(crate) fn on(stream: &mut std::net::TcpStream, request: &[u8]) -> Answer {
    let text = whole(stream, request);
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

/// Whether the answer is 503: the server says that it is not there yet. Any other has to be 2xx.
pub(crate) fn is_unavailable(server: SocketAddr, request: &[u8]) -> bool {
    let text = whole(&mut std::net::TcpStream::connect(server).unwrap(), request);
    let unavailable = text.starts_with("HTTP/1.1 503");
    assert!(unavailable || text.starts_with("HTTP/1.1 2"), "{text}");
    unavailable
}

fn whole(stream: &mut std::net::TcpStream, request: &[u8]) -> String {
    stream.write_all(request).unwrap();
    let (mut buffer, mut filled) = (vec![0; 64 * 1024], 0);
    while length(&buffer[..filled]).is_none_or(|length| filled < length) {
        if filled == buffer.len() {
            buffer.resize(2 * filled, 0);
        }
        let read = stream.read(&mut buffer[filled..]).unwrap();
        assert_ne!(read, 0, "closed after {:?}", String::from_utf8_lossy(&buffer[..filled]));
        filled += read;
    }
    buffer.truncate(filled);
    String::from_utf8(buffer).unwrap()
}

/// How long the answer is that begins here, once its head is complete.
fn length(answer: &[u8]) -> Option<usize> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut head = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(body) = head.parse(answer).unwrap() else {
        return None;
    };
    let mut lengths = (head.headers.iter()).filter(|header| header.name.eq_ignore_ascii_case("content-length"));
    let length = lengths.next().map(|header| str::from_utf8(header.value).unwrap());
    let length: usize = length.map_or_else(
        || panic!("an answer without a length: {}", String::from_utf8_lossy(answer)),
        |length| length.parse().unwrap(),
    );
    Some(body + length)
}

#[cfg(test)]
mod tests {
    use {
        super::*,
        std::{net::TcpListener, panic::catch_unwind, thread},
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
