//! TLS as every server of ours speaks it: 1.2 and 1.3, HTTP/1.1 in it, and a certificate that can be changed while it runs.
//!
//! What must stay true: a certificate is shown only with the key that belongs to it.

use {
    rustls::{
        ServerConfig,
        client::verify_server_name,
        crypto::{CryptoProvider, aws_lc_rs},
        pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem, pem::PemObject},
        server::{ClientHello, ParsedCertificate, ResolvesServerCert},
        sign::CertifiedKey,
    },
    std::{
        fmt, io,
        sync::{Arc, PoisonError, RwLock},
    },
    tokio::net::TcpStream,
    tokio_rustls::{TlsAcceptor, server::TlsStream},
};

/// What every TLS handshake begins with (RFC 8446, 5.1). No request in plain HTTP does.
const HANDSHAKE: u8 = 0x16;

/// The one protocol that is spoken inside (RFC 7301).
const HTTP_1_1: &[u8] = b"http/1.1";

/// Who this server is: a chain of certificates, its own first, and the key of that one.
#[derive(Clone)]
pub struct Identity(Arc<CertifiedKey>);

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identity")
    }
}

impl PartialEq for Identity {
    /// True when both show the same certificates.
    fn eq(&self, other: &Self) -> bool {
        self.0.cert == other.0.cert
    }
}

/// Why there is no identity to show.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// No certificates, or what are none.
    #[error("the certificates are not PEM: {0}")]
    Certificates(pem::Error),
    /// There is none among what is in it.
    #[error("there is no certificate in it")]
    Empty,
    /// No key, or what is none.
    #[error("the key is not PEM: {0}")]
    Key(pem::Error),
    /// Each by itself is one, and they do not fit, or are of a kind that is not known here.
    #[error("certificate and key do not fit together: {0}")]
    Unfit(rustls::Error),
}

impl Identity {
    /// Reads PEM; both may be the same text.
    ///
    /// # Errors
    /// [`IdentityError`].
    pub fn from_pem(certificates: &[u8], key: &[u8]) -> Result<Self, IdentityError> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificates).collect();
        let chain = chain.map_err(IdentityError::Certificates)?;
        if chain.is_empty() {
            return Err(IdentityError::Empty);
        }
        let key = PrivateKeyDer::from_pem_slice(key).map_err(IdentityError::Key)?;
        let certified = CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider());
        certified.map(Arc::new).map(Self).map_err(IdentityError::Unfit)
    }

    /// Whether clients that call `host` may find this certificate: a name, or an address without brackets.
    #[must_use]
    pub fn is_for(&self, host: &str) -> bool {
        let certificate = self.0.cert.first().map(ParsedCertificate::try_from);
        match (certificate, ServerName::try_from(host)) {
            (Some(Ok(certificate)), Ok(name)) => verify_server_name(&certificate, &name).is_ok(),
            _ => false,
        }
    }

    /// The server's own certificate, in DER.
    #[must_use]
    pub fn certificate(&self) -> &[u8] {
        self.0.cert.first().map_or(&[], |certificate| certificate)
    }
}

/// Takes handshakes. Its copies show the same identity, and change it together.
#[derive(Clone)]
pub struct Tls {
    acceptor: TlsAcceptor,
    shown: Arc<Shown>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

struct Shown(RwLock<Identity>);

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shown")
    }
}

impl Shown {
    fn now(&self) -> Identity {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.now().0)
    }
}

impl Tls {
    /// Shows `identity` to everybody, whatever name they call.
    ///
    /// # Errors
    /// When the cryptography that it is built on offers nothing for TLS 1.2 or 1.3.
    pub fn new(identity: Identity) -> Result<Self, rustls::Error> {
        let provider: Arc<CryptoProvider> = Arc::new(aws_lc_rs::default_provider());
        let shown = Arc::new(Shown(RwLock::new(identity)));
        let versions = [&rustls::version::TLS13, &rustls::version::TLS12];
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&versions)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&shown) as _);
        config.alpn_protocols = vec![HTTP_1_1.to_vec()];
        Ok(Self {
            acceptor: Arc::new(config).into(),
            shown,
        })
    }

    /// What new connections are shown.
    #[must_use]
    pub fn shows(&self) -> Identity {
        self.shown.now()
    }

    /// Shows another one from now on. Connections that there are keep what they were shown.
    pub fn show(&self, identity: Identity) {
        *self.shown.0.write().unwrap_or_else(PoisonError::into_inner) = identity;
    }

    /// Takes the handshake of a new connection. Who speaks plain HTTP gets nothing: not a hint of where to go instead either,
    /// because whatever secret such a request carries was readable on its way, and must not be sent again unnoticed.
    ///
    /// # Errors
    /// The client's, or the system's.
    pub(crate) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let mut first = [0];
        stream.peek(&mut first).await?;
        if first != [HANDSHAKE] {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it does not speak TLS"));
        }
        self.acceptor.accept(stream).await
    }
}
