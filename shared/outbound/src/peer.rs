//! A server that the configuration names, such as the issuer whose tokens a resource server takes. Whoever configures it says
//! where it is, so it may lie within; for the rest it is called as carefully as strangers' addresses are.

use {
    crate::outbound::{AT_ONCE, OutboundError, SetupError, TOTAL, extra_ca, failed, is_json, read, whole},
    portreeve_kernel::Secret,
    reqwest::{
        Client, RequestBuilder, StatusCode,
        header::{ACCEPT, CONTENT_TYPE},
        redirect::Policy,
    },
    std::{fmt, net::IpAddr, path::PathBuf},
    tokio::{sync::Semaphore, time::timeout},
    url::{Host, Url, form_urlencoded::Serializer},
};

/// Where a server is, and as whom it is called.
#[derive(Debug, Clone)]
pub struct PeerRules {
    /// Scheme, host and port: `https`, or `http` on loopback.
    pub origin: String,
    /// The client that asks, and its secret.
    pub client: (String, Secret),
    /// A file with certificate authorities (PEM) that are believed beside the system's.
    pub extra_ca: Option<PathBuf>,
}

/// Whoever asks one configured server.
#[async_trait::async_trait]
pub trait Trusted: Send + Sync {
    /// The JSON document at `path`, of at most `most` bytes.
    ///
    /// # Errors
    /// [`OutboundError`].
    async fn document(&self, path: &str, most: usize) -> Result<Vec<u8>, OutboundError>;

    /// What the server answers to a form that the configured client sends to `path`: JSON of at most `most` bytes.
    ///
    /// # Errors
    /// [`OutboundError`].
    async fn answer(&self, path: &str, form: &[(&str, &str)], most: usize) -> Result<Vec<u8>, OutboundError>;
}

/// The client of one configured server.
pub struct Peer {
    client: Client,
    origin: Box<str>,
    who: (String, Secret),
    asked: Semaphore,
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Peer").field("origin", &self.origin).finish()
    }
}

/// `https`, or `http` to this very machine, and nothing behind the port.
fn is_fit(origin: &str) -> bool {
    let Ok(url) = Url::parse(origin) else {
        return false;
    };
    let is_loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::from(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::from(address).is_loopback(),
        None => return false,
    };
    let is_scheme = url.scheme() == "https" || (url.scheme() == "http" && is_loopback);
    // Written as it is read: no path, no query, no user, no capital letters.
    is_scheme && url.origin().ascii_serialization() == origin
}

impl Peer {
    /// A client for the server of these rules.
    ///
    /// # Errors
    /// [`SetupError`].
    pub fn new(rules: PeerRules) -> Result<Self, SetupError> {
        if !is_fit(&rules.origin) {
            let why = "a server is configured as `https://name:port`, or `http` on loopback, without a path";
            return Err(SetupError::Client(why.to_owned()));
        }
        let client = Client::builder()
            .https_only(rules.origin.starts_with("https://"))
            .http1_only()
            .no_proxy()
            .referer(false)
            .redirect(Policy::none())
            .user_agent("portreeve")
            .tls_certs_merge(extra_ca(rules.extra_ca.as_deref())?);
        Ok(Self {
            client: client.build().map_err(|error| SetupError::Client(whole(&error)))?,
            origin: rules.origin.into(),
            who: rules.client,
            asked: Semaphore::new(AT_ONCE),
        })
    }

    /// Only what lies on this server: a path never leads elsewhere.
    fn at(&self, path: &str) -> Result<Url, OutboundError> {
        let url = Url::parse(&format!("{}{path}", self.origin)).map_err(|_| OutboundError::Address)?;
        let is_here = path.starts_with('/') && url.origin().ascii_serialization() == *self.origin;
        if is_here { Ok(url) } else { Err(OutboundError::Address) }
    }

    async fn ask(&self, request: RequestBuilder, most: usize) -> Result<Vec<u8>, OutboundError> {
        let asked = async {
            let _asking = self.asked.acquire().await;
            let answer = request.header(ACCEPT, "application/json").send().await;
            let answer = answer.map_err(|error| failed(&error))?;
            if answer.status() != StatusCode::OK {
                return Err(OutboundError::Status(answer.status().as_u16()));
            }
            if !is_json(answer.headers()) {
                return Err(OutboundError::MediaType);
            }
            Ok(read(answer, most).await?.into())
        };
        timeout(TOTAL, asked).await.map_err(|_| OutboundError::TimedOut)?
    }
}

#[async_trait::async_trait]
impl Trusted for Peer {
    async fn document(&self, path: &str, most: usize) -> Result<Vec<u8>, OutboundError> {
        self.ask(self.client.get(self.at(path)?), most).await
    }

    async fn answer(&self, path: &str, form: &[(&str, &str)], most: usize) -> Result<Vec<u8>, OutboundError> {
        let (id, secret) = &self.who;
        let body = Serializer::new(String::new()).extend_pairs(form).finish();
        let request = self
            .client
            .post(self.at(path)?)
            .basic_auth(id, Some(secret.expose()))
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(body);
        self.ask(request, most).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_https_or_on_this_machine_and_has_no_path() {
        for good in [
            "https://p.example",
            "https://10.0.0.1:8443",
            "http://localhost:8787",
            "http://127.0.0.1:1",
            "http://[::1]:1",
        ] {
            assert!(is_fit(good), "{good}");
        }
        for bad in [
            "",
            "p.example",
            "http://p.example",
            "http://10.0.0.1",
            "https://p.example/",
            "https://p.example/mcp",
            "https://p.example?x",
            "https://p.example#x",
            "https://ada@p.example",
            "https://P.example",
            "https://p.example:443",
            "ftp://localhost",
        ] {
            assert!(!is_fit(bad), "{bad}");
        }
    }

    #[test]
    fn a_path_leads_nowhere_else() {
        let peer = Peer::new(PeerRules {
            origin: "https://p.example".to_owned(),
            client: ("clt_1".to_owned(), Secret::new("wcs_1".to_owned())),
            extra_ca: None,
        });
        let Ok(peer) = peer else {
            return; // A machine without certificate authorities.
        };
        assert!(peer.at("/oauth/jwks").is_ok());
        for bad in ["", "oauth", ".evil.example/", "@evil.example/", ":8443/x"] {
            assert_eq!(peer.at(bad).err(), Some(OutboundError::Address), "{bad}");
        }
        assert!(!format!("{peer:?}").contains("wcs_"));
    }
}
