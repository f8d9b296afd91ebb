//! A wire to PostgreSQL that can be cut or held at a chosen statement.

use {
    portreeve_store::testing::{POSTGRES, TestDatabase},
    std::{
        mem,
        sync::{Arc, Mutex},
    },
    tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::{TcpListener, TcpStream},
        sync::Semaphore,
    },
};

/// What happens to the next request that has a text in it.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// The server does not get it, and both ends lose the connection.
    CutBefore,
    /// The server gets and answers it; then both ends lose the connection.
    CutAfter,
    /// It waits: one permit is added to the first, and one taken from the second, before the server gets it.
    Hold(Arc<Semaphore>, Arc<Semaphore>),
}

#[derive(Debug)]
struct Trap {
    text: &'static str,
    /// So many requests with the text pass first.
    pass: u32,
    fault: Fault,
}

/// The wire.
pub(crate) struct Wire {
    url: String,
    trap: Arc<Mutex<Option<Trap>>>,
}

impl Wire {
    /// A wire to the server of `place`.
    pub(crate) async fn to(place: &TestDatabase) -> Self {
        let server = std::env::var(POSTGRES).unwrap();
        let (_, rest) = server.rsplit_once('@').unwrap();
        let host = rest.split_once('/').unwrap().0.to_owned();
        let address = if host.contains(':') {
            host.clone()
        } else {
            format!("{host}:5432")
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let here = listener.local_addr().unwrap();
        let trap = Arc::new(Mutex::new(None));
        let set = Arc::clone(&trap);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&address).await.unwrap();
                tokio::spawn(pass(client, server, Arc::clone(&set)));
            }
        });
        let url = place.url().replace(&format!("@{host}"), &format!("@{here}"));
        Self {
            url: format!("{url}&sslmode=disable"),
            trap,
        }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Once, `fault` happens to a request with `text` in it, after `pass` others had it too.
    pub(crate) fn set(&self, text: &'static str, pass: u32, fault: Fault) {
        *self.trap.lock().unwrap() = Some(Trap { text, pass, fault });
    }
}

/// The fault that befalls `request`, if any.
fn spring(trap: &Mutex<Option<Trap>>, request: &[u8]) -> Option<Fault> {
    let mut trap = trap.lock().unwrap();
    let set = trap.as_mut()?;
    if !request.windows(set.text.len()).any(|part| part == set.text.as_bytes()) {
        return None;
    }
    if set.pass > 0 {
        set.pass -= 1;
        return None;
    }
    mem::take(&mut *trap).map(|trap| trap.fault)
}

async fn pass(client: TcpStream, server: TcpStream, trap: Arc<Mutex<Option<Trap>>>) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let (mut asked, mut said) = (vec![0; 65_536], vec![0; 65_536]);
    loop {
        tokio::select! {
            read = from_client.read(&mut asked) => {
                let Ok(length @ 1..) = read else { return };
                let request = &asked[..length];
                let fault = spring(&trap, request);
                match &fault {
                    Some(Fault::CutBefore) => return,
                    Some(Fault::Hold(reached, go_on)) => {
                        reached.add_permits(1);
                        go_on.acquire().await.unwrap().forget();
                    }
                    Some(Fault::CutAfter) | None => {}
                }
                to_server.write_all(request).await.unwrap();
                if matches!(fault, Some(Fault::CutAfter)) {
                    assert!(from_server.read(&mut said).await.unwrap() > 0);
                    return;
                }
            }
            read = from_server.read(&mut said) => {
                let Ok(length @ 1..) = read else { return };
                if to_client.write_all(&said[..length]).await.is_err() {
                    return;
                }
            }
        }
    }
}
