//! The certificate that `serve` shows: of the local authority, or of the owner's own. Looked after while the server runs.

use {
    crate::{
        config,
        home::{self, FileError, Home},
        local_ca::{self, LocalCaError},
    },
    portreeve_guard::tls::{Identity, IdentityError, Tls},
    portreeve_kernel::{Clock, Timestamp},
    std::{path::PathBuf, pin::pin, time::Duration},
    tokio::time::{MissedTickBehavior, interval},
};

/// How often somebody looks whether there is a newer certificate, or one has to be made.
const LOOK_EVERY: Duration = Duration::from_secs(60 * 60);

/// Why there is no certificate to show.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CertificateError {
    /// The local authority's.
    #[error(transparent)]
    Local(#[from] LocalCaError),
    /// A file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// It is none.
    #[error("`{}`: {cause}", file.display())]
    Unusable {
        /// Which.
        file: PathBuf,
        /// Why.
        cause: IdentityError,
    },
    /// The cryptography offers nothing.
    #[error("TLS cannot be spoken: {0}")]
    Unspoken(#[from] rustls::Error),
}

/// Where the certificate is.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// In the data folder, by the local authority.
    Local(Home),
    /// Where the settings say.
    Own {
        /// The chain.
        certificate: PathBuf,
        /// The key of its first.
        key: PathBuf,
    },
}

impl Source {
    /// Where the settings say; `None` without TLS.
    pub(crate) fn of(settings: &config::Tls, home: &Home) -> Option<Self> {
        match settings {
            config::Tls::Off => None,
            config::Tls::Local => Some(Self::Local(home.clone())),
            config::Tls::Own { certificate, key } => Some(Self::Own {
                certificate: certificate.clone(),
                key: key.clone(),
            }),
        }
    }

    /// The file that the certificate is in.
    pub(crate) fn certificate(&self) -> PathBuf {
        match self {
            Self::Local(home) => home.tls_server(),
            Self::Own { certificate, .. } => certificate.clone(),
        }
    }

    /// Reads it.
    pub(crate) fn read(&self) -> Result<Identity, CertificateError> {
        let file = self.certificate();
        let certificates = home::read(&file)?;
        let identity = match self {
            Self::Local(_) => Identity::from_pem(certificates.as_bytes(), certificates.as_bytes()),
            Self::Own { key, .. } => Identity::from_pem(certificates.as_bytes(), home::read(key)?.as_bytes()),
        };
        identity.map_err(|cause| CertificateError::Unusable { file, cause })
    }

    /// The same, made or renewed first where that is ours to do.
    fn renewed(&self, now: Timestamp) -> Result<Identity, CertificateError> {
        if let Self::Local(home) = self
            && local_ca::renew(home, now)?
        {
            tracing::info!(authority = %home.tls_authority().display(), "made a certificate for this machine");
        }
        self.read()
    }
}

/// A certificate that is shown, and from where it comes.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    source: Source,
    tls: Tls,
}

impl Shown {
    /// Reads what is to be shown.
    pub(crate) fn open(source: Source, now: Timestamp) -> Result<Self, CertificateError> {
        let tls = Tls::new(source.renewed(now)?)?;
        Ok(Self { source, tls })
    }

    /// What takes handshakes with it.
    pub(crate) fn tls(&self) -> Tls {
        self.tls.clone()
    }

    /// Shows what is in the files by now, when that can be used. One that cannot changes nothing: it may be half written.
    fn refresh(&self, now: Timestamp) {
        match self.source.renewed(now) {
            Ok(identity) if identity != self.tls.shows() => {
                tracing::info!("shows another certificate from now on");
                self.tls.show(identity);
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "the certificate was not replaced"),
        }
    }

    /// Looks after it until `shutdown`. One task per process.
    pub(crate) async fn upkeep(self, clock: impl Clock, shutdown: impl Future<Output = ()>) {
        let mut shutdown = pin!(shutdown);
        let mut looks = interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first comes at once, and it was just read.
        looks.tick().await;
        loop {
            tokio::select! {
                biased;
                () = &mut shutdown => return,
                _ = looks.tick() => self.refresh(clock.now().for_expiry()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use {super::*, std::fs};

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
    const LATER: Timestamp = Timestamp::from_seconds(1_800_000_000 + 340 * 24 * 60 * 60);

    #[test]
    fn a_server_that_runs_for_a_year_shows_what_was_renewed_meanwhile() {
        let folder = tempfile::tempdir().unwrap();
        let shown = Shown::open(Source::Local(Home::at(folder.path())), NOW).unwrap();
        let first = shown.tls.shows();
        shown.refresh(NOW);
        assert!(shown.tls.shows() == first);
        shown.refresh(LATER);
        assert!(shown.tls.shows() != first);
    }

    #[test]
    fn own_files_are_read_again_and_half_of_a_pair_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = (folder.path().join("certificate"), folder.path().join("key"));
        let pair = |name: &str| rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        let (one, other) = (pair("one.example"), pair("other.example"));
        fs::write(&certificate, one.cert.pem()).unwrap();
        fs::write(&key, one.signing_key.serialize_pem()).unwrap();
        let source = Source::Own {
            certificate: certificate.clone(),
            key: key.clone(),
        };
        let shown = Shown::open(source, NOW).unwrap();
        assert!(shown.tls.shows().is_for("one.example"));
        for half in ["", "nonsense", &other.cert.pem()] {
            fs::write(&certificate, half).unwrap();
            shown.refresh(NOW);
            assert!(shown.tls.shows().is_for("one.example"), "{half}");
        }
        fs::write(&key, other.signing_key.serialize_pem()).unwrap();
        shown.refresh(NOW);
        assert!(shown.tls.shows().is_for("other.example"));
    }
}
