//! Whom the commands believe that they speak with a server: whom this machine believes, and the local authority of the data
//! folder. And what to do when nobody vouches for it.

use {
    crate::home::Home,
    reqwest::{Certificate, ClientBuilder},
    rustls::{CertificateError, Error as TlsError},
    std::{error::Error, fs, io, path::PathBuf},
};

/// What vouches for servers.
#[derive(Debug, Clone)]
pub(crate) struct Trust {
    authority: PathBuf,
}

/// Why nothing can vouch for a server.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TrustError {
    /// The authority's file cannot be used.
    #[error("`{}` cannot be used to know servers by: {why}", file.display())]
    Authority {
        /// Which.
        file: PathBuf,
        /// Why.
        why: String,
    },
}

impl Trust {
    /// As commands of this data folder have it.
    pub(crate) fn of(home: &Home) -> Self {
        Self {
            authority: home.tls_authority(),
        }
    }

    /// A client that believes those for the server at `url`.
    pub(crate) fn client(&self, url: &str) -> Result<ClientBuilder, TrustError> {
        let client = reqwest::Client::builder().no_proxy();
        if !url.starts_with("https:") {
            // Nobody is asked who they are, so nothing is read.
            return Ok(client.tls_certs_only([]));
        }
        let unusable = |why: String| TrustError::Authority {
            file: self.authority.clone(),
            why,
        };
        match fs::read(&self.authority) {
            Ok(pem) => {
                let certificates = Certificate::from_pem_bundle(&pem).map_err(|error| unusable(reason(&error)))?;
                Ok(client.tls_certs_merge(certificates))
            }
            // A server elsewhere, or one that is known by other authorities.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(client),
            Err(error) => Err(unusable(error.to_string())),
        }
    }

    /// What to do about `error`, when it is about who the server is.
    pub(crate) fn advice(&self, error: &reqwest::Error) -> Option<String> {
        let TlsError::InvalidCertificate(why) = tls_error(error)? else {
            return None;
        };
        let authority = self.authority.display();
        Some(match why {
            CertificateError::UnknownIssuer | CertificateError::BadSignature => format!(
                "Nobody that this machine believes vouches for it, nor does `{authority}`.\nA server that `portreeve init` \
                 made is vouched for by `tls/ca.pem` in its data folder: name that folder with --home, or copy the file to \
                 `{authority}`.\nAnother program is told with: curl --cacert FILE, NODE_EXTRA_CA_CERTS=FILE, SSL_CERT_FILE=FILE"
            ),
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "Its certificate is for another name: call it by the one in `server.origin`".to_owned()
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "Its certificate has ended: restart `portreeve serve`, which renews it, or renew your own".to_owned()
            }
            _ => "Its certificate cannot be believed".to_owned(),
        })
    }
}

/// What TLS says, when it is TLS that failed.
fn tls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a TlsError> {
    let mut next = Some(error);
    while let Some(one) = next {
        if let Some(found) = one.downcast_ref::<TlsError>() {
            return Some(found);
        }
        // It tells what is inside of what it wraps, and not that itself.
        let wrapped = one.downcast_ref::<io::Error>().and_then(|error| error.get_ref());
        next = match wrapped {
            Some(wrapped) => Some(wrapped),
            None => one.source(),
        };
    }
    None
}

/// The innermost cause, which alone says what happened.
pub(crate) fn reason(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(next) = last.source() {
        last = next;
    }
    last.to_string()
}
