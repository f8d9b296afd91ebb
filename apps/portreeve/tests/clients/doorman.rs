//! Stands before a server and shows a key with every request. Everything else is handed on byte for byte, so that who asks
//! meets the server itself.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    thread,
};

/// Stands before `server` until this process ends; answers at which port.
pub(crate) fn stand_before(server: &str, key: &str) -> u16 {
    let server = server.strip_prefix("http://").unwrap().to_owned();
    let header = format!("Authorization: Bearer {key}\r\n");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for client in listener.incoming() {
            let (server, header) = (TcpStream::connect(&server).unwrap(), header.clone());
            // A side that goes away ends the connection, and nothing else.
            thread::spawn(move || pass_on(client?, &server, &header));
        }
    });
    port
}

fn pass_on(client: TcpStream, server: &TcpStream, header: &str) -> io::Result<()> {
    let (mut answers, mut to_client) = (server.try_clone()?, client.try_clone()?);
    thread::spawn(move || {
        let _ = io::copy(&mut answers, &mut to_client);
        let _ = to_client.shutdown(Shutdown::Both);
    });
    let mut client = BufReader::new(client);
    let mut server = server.try_clone()?;
    while let Some((head, length)) = head(&mut client)? {
        let (first, rest) = head.split_once("\r\n").unwrap();
        write!(server, "{first}\r\n{header}{rest}")?;
        io::copy(&mut client.by_ref().take(length), &mut server)?;
    }
    server.shutdown(Shutdown::Both)
}

/// The head of a request, and how long its body is. `None` once there are no more.
fn head(client: &mut impl BufRead) -> io::Result<Option<(String, u64)>> {
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let start = head.len();
        if client.read_line(&mut head)? == 0 {
            return Ok(None);
        }
        let line = head[start..].to_ascii_lowercase();
        assert!(
            !line.starts_with("transfer-encoding:"),
            "only lengths are known here: {head}"
        );
        if let Some(given) = line.strip_prefix("content-length:") {
            length = given.trim().parse().unwrap();
        }
        if line == "\r\n" {
            return Ok(Some((head, length)));
        }
    }
}
