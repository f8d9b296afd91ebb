//! The client.

use {
    crate::{
        fresh::fresh_for,
        name::{Forbidden, Judge, Lookup, Pinned, SystemLookup},
    },
    bytes::Bytes,
    portreeve_kernel::Network,
    reqwest::{
        Certificate, Client, Response, StatusCode,
        header::{ACCEPT, CONTENT_TYPE, HeaderMap},
        redirect::Policy,
    },
    std::{
        error::Error,
        fmt,
        net::IpAddr,
        path::{Path, PathBuf},
        sync::Arc,
        time::Duration,
    },
    tokio::{sync::Semaphore, time::timeout},
    url::{Host, Url},
};

/// For all of it: looking up the name, connecting, asking, and reading the answer.
pub(crate) const TOTAL: Duration = Duration::from_secs(5);

/// How many are asked at once. Beyond that others wait, within their own time. It is more than one address keeps busy that
/// asks as often as it may, and is answered as late as can be.
pub(crate) const AT_ONCE: usize = 128;

/// What may be called beside everybody's internet.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// Networks that are called although they are inner ones: closed networks, and tests.
    pub allowed: Vec<Network>,
    /// A file with certificate authorities (PEM) that are believed beside the system's.
    pub extra_ca: Option<PathBuf>,
}

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The file of certificate authorities.
    #[error("the certificate authorities in `{}` cannot be read: {why}", file.display())]
    ExtraCa {
        /// Which.
        file: PathBuf,
        /// Why not.
        why: String,
    },
    /// The rest, which is mostly a system without certificate authorities.
    #[error("{0}")]
    Client(String),
}

/// Why there is no document. For the log: whoever gave the address learns nothing of it, or they could look around in here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OutboundError {
    /// It is no address of a document.
    #[error("it is no `https` address without a user")]
    Address,
    /// It leads within.
    #[error("it leads to `{0}`, which is an inner or a special-purpose address")]
    Forbidden(IpAddr),
    /// It is not there; a redirect is no document either.
    #[error("the answer has status {0}")]
    Status(u16),
    /// It is none.
    #[error("the answer is no JSON by its media type")]
    MediaType,
    /// There is too much of it.
    #[error("the answer has more than {0} bytes")]
    TooLarge(usize),
    /// It takes too long.
    #[error("there was no whole answer within {} seconds", TOTAL.as_secs())]
    TimedOut,
    /// Name, connection or certificate.
    #[error("{0}")]
    Network(String),
}

/// A document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// As it came.
    pub body: Bytes,
    /// For how long it may be used again: at most a day, and not at all when its server says so.
    pub fresh_for: Duration,
}

/// Whoever brings documents from outside.
#[async_trait::async_trait]
pub trait Outside: Send + Sync {
    /// The JSON document at `address`, of at most `most` bytes. It is not read yet, and may be anything.
    ///
    /// # Errors
    /// [`OutboundError`].
    async fn json(&self, address: &str, most: usize) -> Result<Fetched, OutboundError>;
}

/// The client. One per process.
pub struct Outbound {
    client: Client,
    judge: Judge,
    asked: Semaphore,
}

impl fmt::Debug for Outbound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbound")
            .field("allowed", &self.judge.allowed)
            .finish()
    }
}

impl Outbound {
    /// A client that looks names up as this system does.
    ///
    /// # Errors
    /// [`SetupError`].
    pub fn new(rules: &Rules) -> Result<Self, SetupError> {
        Self::with_lookup(rules, Arc::new(SystemLookup))
    }

    /// The same with another way to look names up.
    ///
    /// # Errors
    /// [`SetupError`].
    pub fn with_lookup(rules: &Rules, lookup: Arc<dyn Lookup>) -> Result<Self, SetupError> {
        let judge = Judge {
            allowed: rules.allowed.as_slice().into(),
        };
        let client = Client::builder()
            .https_only(true)
            .http1_only()
            .no_proxy()
            .referer(false)
            .redirect(Policy::none())
            // What was judged is asked once.
            .pool_max_idle_per_host(0)
            .dns_resolver(Arc::new(Pinned {
                lookup,
                judge: judge.clone(),
            }))
            .user_agent("portreeve");
        let client = client.tls_certs_merge(extra_ca(rules.extra_ca.as_deref())?);
        Ok(Self {
            client: client.build().map_err(|error| SetupError::Client(whole(&error)))?,
            judge,
            asked: Semaphore::new(AT_ONCE),
        })
    }

    async fn fetch(&self, address: Url, most: usize) -> Result<Fetched, OutboundError> {
        let _asking = self
            .asked
            .acquire()
            .await
            .map_err(|error| OutboundError::Network(error.to_string()))?;
        let request = self.client.get(address).header(ACCEPT, "application/json");
        let answer = request.send().await.map_err(|error| failed(&error))?;
        if answer.status() != StatusCode::OK {
            return Err(OutboundError::Status(answer.status().as_u16()));
        }
        if !is_json(answer.headers()) {
            return Err(OutboundError::MediaType);
        }
        let fresh_for = fresh_for(answer.headers());
        let body = read(answer, most).await?;
        Ok(Fetched { body, fresh_for })
    }
}

#[async_trait::async_trait]
impl Outside for Outbound {
    async fn json(&self, address: &str, most: usize) -> Result<Fetched, OutboundError> {
        let address = Url::parse(address).map_err(|_| OutboundError::Address)?;
        if address.scheme() != "https" || !address.username().is_empty() || address.password().is_some() {
            return Err(OutboundError::Address);
        }
        // Nobody looks up a number, so nobody would judge it.
        let literal = match address.host() {
            Some(Host::Ipv4(literal)) => Some(IpAddr::from(literal)),
            Some(Host::Ipv6(literal)) => Some(IpAddr::from(literal)),
            Some(Host::Domain(_)) => None,
            None => return Err(OutboundError::Address),
        };
        literal
            .map_or(Ok(()), |literal| self.judge.judge(literal))
            .map_err(forbidden)?;
        timeout(TOTAL, self.fetch(address, most))
            .await
            .map_err(|_| OutboundError::TimedOut)?
    }
}

pub(crate) fn extra_ca(file: Option<&Path>) -> Result<Vec<Certificate>, SetupError> {
    let Some(file) = file else {
        return Ok(Vec::new());
    };
    let unreadable = |why: String| SetupError::ExtraCa {
        file: file.to_owned(),
        why,
    };
    let text = std::fs::read(file).map_err(|error| unreadable(error.to_string()))?;
    let all = Certificate::from_pem_bundle(&text).map_err(|error| unreadable(whole(&error)))?;
    if all.is_empty() {
        return Err(unreadable("there is none in it".to_owned()));
    }
    Ok(all)
}

/// `application/json`, or a kind of it such as `application/jwk-set+json`.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok()?.split(';').next());
    kind.is_some_and(|kind| {
        let kind = kind.trim().to_ascii_lowercase();
        kind.strip_prefix("application/")
            .is_some_and(|kind| kind == "json" || kind.ends_with("+json"))
    })
}

/// Piece by piece, and no piece beyond what is wanted, whatever length was announced.
pub(crate) async fn read(mut answer: Response, most: usize) -> Result<Bytes, OutboundError> {
    let mut all = Vec::new();
    while let Some(piece) = answer.chunk().await.map_err(|error| failed(&error))? {
        if all.len().saturating_add(piece.len()) > most {
            return Err(OutboundError::TooLarge(most));
        }
        all.extend_from_slice(&piece);
    }
    Ok(all.into())
}

fn forbidden(Forbidden(address): Forbidden) -> OutboundError {
    OutboundError::Forbidden(address)
}

pub(crate) fn failed(error: &reqwest::Error) -> OutboundError {
    let mut cause: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(inner) = cause {
        if let Some(found) = inner.downcast_ref::<Forbidden>() {
            return forbidden(*found);
        }
        cause = inner.source();
    }
    OutboundError::Network(whole(error))
}

/// An error with its causes. The client's own words name the address, which may be a stranger's, so only the causes speak.
pub(crate) fn whole(error: &reqwest::Error) -> String {
    let mut words = Vec::new();
    let mut cause = error.source();
    while let Some(inner) = cause {
        words.push(inner.to_string());
        cause = inner.source();
    }
    if words.is_empty() {
        "the connection failed".to_owned()
    } else {
        words.join(": ")
    }
}
