//! Something outside to call: an HTTPS server on this machine whose certificate authority nobody knows, and which answers
//! whatever a test puts there, also what no honest server says.

use {
    rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair},
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
    std::{
        collections::HashMap,
        error::Error,
        net::{Ipv4Addr, SocketAddr, TcpListener},
        path::Path,
        sync::{Arc, Mutex, MutexGuard, PoisonError},
        thread,
        time::Duration,
    },
    tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpStream,
        runtime::Builder,
        time::sleep,
    },
    tokio_rustls::TlsAcceptor,
};

/// Longer than any head that our client sends.
const HEAD: usize = 16 * 1024;

/// What is answered at a path.
#[derive(Debug, Clone)]
pub struct Page {
    /// The status.
    pub status: u16,
    /// More header lines than the length.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
    /// The body again and again, with this pause, and no end.
    pub endless: Option<Duration>,
}

impl Page {
    /// A JSON document that may be kept for as long as `cache` says, which is a `Cache-Control`.
    #[must_use]
    pub fn json(body: impl ToString, cache: &str) -> Self {
        Self {
            status: 200,
            headers: Vec::new(),
            body: body.to_string().into_bytes(),
            endless: None,
        }
        .with("Content-Type", "application/json")
        .with("Cache-Control", cache)
    }

    /// With one more header line, or another value of one that is there.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    fn head(&self) -> String {
        let mut lines = vec![format!("HTTP/1.1 {} x", self.status), "Connection: close".to_owned()];
        lines.extend(self.headers.iter().map(|(name, value)| format!("{name}: {value}")));
        if self.endless.is_none() {
            lines.push(format!("Content-Length: {}", self.body.len()));
        }
        lines.push("\r\n".to_owned());
        lines.join("\r\n")
    }
}

#[derive(Debug, Default)]
struct State {
    pages: HashMap<String, Page>,
    asked: Vec<String>,
}

/// The server. It ends with its process.
#[derive(Debug)]
pub struct World {
    port: u16,
    ca: String,
    state: Arc<Mutex<State>>,
}

impl World {
    /// A server on a free port of this machine, believed to be each of `names` by whoever believes [`World::ca`].
    ///
    /// # Errors
    /// When there is no port, no thread or no certificate to be had.
    pub fn start(names: &[&str]) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let (ca, tls) = certificates(names)?;
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let state = Arc::new(Mutex::new(State::default()));
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let shared = Arc::clone(&state);
        thread::Builder::new().name("world".to_owned()).spawn(move || {
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener)?;
                loop {
                    let (stream, _) = listener.accept().await?;
                    // Whoever hangs up early has what they wanted.
                    tokio::spawn(answer(tls.clone(), stream, Arc::clone(&shared)));
                }
                #[expect(unreachable_code, reason = "gives the block its type")]
                Ok::<_, std::io::Error>(())
            })
        })?;
        Ok(Self { port, ca, state })
    }

    /// Puts `page` at `path`.
    pub fn put(&self, path: &str, page: Page) {
        self.lock().pages.insert(path.to_owned(), page);
    }

    /// Takes away what is at `path`.
    pub fn take_away(&self, path: &str) {
        self.lock().pages.remove(path);
    }

    /// How often `path` was asked for.
    #[must_use]
    pub fn asked(&self, path: &str) -> usize {
        self.lock().asked.iter().filter(|asked| *asked == path).count()
    }

    /// Where it listens.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The address of `path` here, under `name`.
    #[must_use]
    pub fn at(&self, name: &str, path: &str) -> String {
        format!("https://{name}:{}{path}", self.port)
    }

    /// Writes its certificate authority to `file`.
    ///
    /// # Errors
    /// When that cannot be written.
    pub fn write_ca(&self, file: &Path) -> std::io::Result<()> {
        std::fs::write(file, &self.ca)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An authority, and what a server of these names needs that it vouches for.
fn certificates(names: &[&str]) -> Result<(String, TlsAcceptor), Box<dyn Error + Send + Sync>> {
    let mut ca = CertificateParams::new(Vec::new())?;
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(ca, KeyPair::generate()?)?;
    let key = KeyPair::generate()?;
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let leaf = CertificateParams::new(names)?.signed_by(&key, &ca)?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let tls = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], key)?;
    Ok((ca.pem(), TlsAcceptor::from(Arc::new(tls))))
}

async fn answer(tls: TlsAcceptor, stream: TcpStream, state: Arc<Mutex<State>>) -> std::io::Result<()> {
    let mut stream = tls.accept(stream).await?;
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") && head.len() < HEAD {
        if stream.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
    let page = {
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        let page = state.pages.get(&path).cloned();
        state.asked.push(path);
        page.unwrap_or(Page {
            status: 404,
            ..Page::json("{}", "no-store")
        })
    };
    stream.write_all(page.head().as_bytes()).await?;
    stream.write_all(&page.body).await?;
    stream.flush().await?;
    while let Some(pause) = page.endless {
        sleep(pause).await;
        stream.write_all(&page.body).await?;
        stream.flush().await?;
    }
    stream.shutdown().await
}
