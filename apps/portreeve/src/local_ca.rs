//! The local authority: so that a server on somebody's own machine speaks TLS from its first start, as one that is called
//! from elsewhere does.
//!
//! What must stay true: what it signs is believed of this very machine alone, also when its key is stolen. Whoever trusts it
//! trusts it for `localhost` and loopback addresses; its own certificate says so (RFC 5280, 4.2.1.10).

use {
    crate::{
        home::{self, FileError, Home},
        world::SystemEntropy,
    },
    portreeve_kernel::{Timestamp, id::random_base32},
    rcgen::{
        BasicConstraints, CertificateParams, CertifiedIssuer, CidrSubnet, DnType, ExtendedKeyUsagePurpose,
        GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints, PublicKeyData, date_time_ymd,
    },
    std::{
        fs::{self, Permissions},
        io::Write,
        os::unix::fs::PermissionsExt,
        path::{Path, PathBuf},
        time::Duration,
    },
    x509_parser::{parse_x509_certificate, pem::parse_x509_pem},
};

/// What the server is called on its own machine.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

const DAY: i64 = 24 * 60 * 60;

/// How long the authority lasts. To replace it, everybody has to trust another one.
const AUTHORITY: i64 = 10 * 365 * DAY;

/// How long a server's certificate lasts. Some clients take none that lasts more than 825 days.
const LEAF: i64 = 365 * DAY;

/// A certificate that ends sooner is renewed.
const SOON: i64 = 30 * DAY;

/// By how much clocks may be behind ours.
const BEHIND: i64 = DAY;

/// Why there is no certificate of the local authority.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LocalCaError {
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file is something else.
    #[error("`{}` is not what `portreeve init` made; {CURE}", .0.display())]
    Malformed(PathBuf),
    /// A file was lost.
    #[error("`{}` is not there; {CURE}", .0.display())]
    Lost(PathBuf),
    /// It is too old.
    #[error("the local authority in `{}` has ended; {CURE}", .0.display())]
    Ended(PathBuf),
    /// The cryptography.
    #[error("no certificate can be made: {0}")]
    Crypto(#[from] rcgen::Error),
}

/// What helps when the authority is not whole.
const CURE: &str = "put it back, or remove the folder `tls` that it belongs into: the next start makes a new authority, \
                    which everybody has to trust anew";

/// Makes an authority, and a certificate of it for the server.
pub(crate) fn make(home: &Home, now: Timestamp) -> Result<(), LocalCaError> {
    // Whole or not at all: put into place by its name.
    let mut draft = tempfile::Builder::new();
    draft.prefix("tls-").permissions(Permissions::from_mode(0o700));
    let draft = draft.tempdir_in(home.path()).map_err(FileError::at(home.path()))?;
    let key = KeyPair::generate()?;
    let authority = authority(now)?;
    let authority = CertifiedIssuer::self_signed(authority, key)?;
    let (certificate, key) = (authority.pem(), authority.key().serialize_pem());
    let place = |path: PathBuf| draft.path().join(path.file_name().unwrap_or_default());
    home::write_private_file(&place(home.tls_server()), &signed(&certificate, &key, now, home)?)?;
    home::write_private_file(&place(home.tls_authority_key()), &key)?;
    home::write_private_file(&place(home.tls_authority()), &certificate)?;
    fs::rename(draft.path(), home.tls()).map_err(FileError::at(&home.tls()))?;
    Ok(())
}

/// Sees that there is a certificate, and that it does not end soon. Says whether it made one.
pub(crate) fn renew(home: &Home, now: Timestamp) -> Result<bool, LocalCaError> {
    if !home.tls().exists() {
        make(home, now)?;
        return Ok(true);
    }
    let authority = home::read(&home.tls_authority()).map_err(|error| lost(error, home.tls_authority()))?;
    let about = About::of(&authority).ok_or_else(|| LocalCaError::Malformed(home.tls_authority()))?;
    // What is not by this authority is made anew, as one that has ended is.
    let server = match home::read(&home.tls_server()) {
        Ok(text) => About::of(&text).filter(|server| server.issuer == about.subject),
        Err(error) if error.is_missing() => None,
        Err(error) => return Err(error.into()),
    };
    let is_good = server.as_ref().is_some_and(|server| server.ends > now);
    let is_last = server.as_ref().is_some_and(|server| server.ends == about.ends);
    if server.is_some_and(|server| !ends_soon(server.ends, now)) || is_good && is_last {
        return Ok(false);
    }
    let made = home::read(&home.tls_authority_key())
        .map_err(|error| lost(error, home.tls_authority_key()))
        .and_then(|key| signed(&authority, &key, now, home));
    match made {
        Ok(made) => replace(&home.tls_server(), &made)?,
        // There is time to look after it.
        Err(error) if is_good => {
            tracing::warn!(%error, "the server's certificate ends soon and cannot be renewed");
            return Ok(false);
        }
        Err(error) => return Err(error),
    }
    Ok(true)
}

/// Whether a certificate that ends at `ends` should be replaced by now.
pub(crate) const fn ends_soon(ends: Timestamp, now: Timestamp) -> bool {
    ends.seconds() < now.seconds().saturating_add(SOON)
}

/// What a certificate says of itself.
pub(crate) struct About {
    /// Whom it is about, in DER.
    subject: Vec<u8>,
    /// Who signed it, in DER.
    issuer: Vec<u8>,
    /// When it ends.
    pub(crate) ends: Timestamp,
}

impl About {
    /// The first in a PEM text; `None` when there is none.
    pub(crate) fn of(text: &str) -> Option<Self> {
        let (_, pem) = parse_x509_pem(text.as_bytes()).ok()?;
        Self::of_der(&pem.contents)
    }

    /// The same in DER.
    pub(crate) fn of_der(der: &[u8]) -> Option<Self> {
        let (_, certificate) = parse_x509_certificate(der).ok()?;
        Some(Self {
            subject: certificate.subject().as_raw().to_vec(),
            issuer: certificate.issuer().as_raw().to_vec(),
            ends: Timestamp::from_seconds(certificate.validity().not_after.timestamp()),
        })
    }
}

fn lost(error: FileError, path: PathBuf) -> LocalCaError {
    match error.is_missing() {
        true => LocalCaError::Lost(path),
        false => error.into(),
    }
}

fn authority(now: Timestamp) -> Result<CertificateParams, rcgen::Error> {
    let mut authority = CertificateParams::default();
    // Told apart by its name: a browser that meets two of one name believes neither.
    let name = format!("Portreeve local authority {}", random_base32(8, &SystemEntropy));
    authority.distinguished_name.push(DnType::CommonName, name);
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    authority.name_constraints = Some(NameConstraints {
        permitted_subtrees: vec![
            GeneralSubtree::DnsName("localhost".to_owned()),
            GeneralSubtree::IpAddress(CidrSubnet::from_v4_prefix([127, 0, 0, 0], 8)),
            GeneralSubtree::IpAddress(CidrSubnet::from_v6_prefix(std::net::Ipv6Addr::LOCALHOST.octets(), 128)),
        ],
        excluded_subtrees: Vec::new(),
    });
    lasts(
        &mut authority,
        now,
        Timestamp::from_seconds(now.seconds().saturating_add(AUTHORITY)),
    )?;
    Ok(authority)
}

/// A new key and a certificate for this machine's names, in one PEM text.
fn signed(authority: &str, key: &str, now: Timestamp, home: &Home) -> Result<String, LocalCaError> {
    let malformed = |path: PathBuf| move |_| LocalCaError::Malformed(path);
    let malformed_pem = || LocalCaError::Malformed(home.tls_authority());
    let key = KeyPair::from_pem(key).map_err(malformed(home.tls_authority_key()))?;
    let (_, pem) = parse_x509_pem(authority.as_bytes()).map_err(|_| malformed_pem())?;
    let (_, of_authority) = parse_x509_certificate(&pem.contents).map_err(|_| malformed_pem())?;
    if of_authority.public_key().raw != key.subject_public_key_info() {
        return Err(LocalCaError::Malformed(home.tls_authority_key()));
    }
    let last = of_authority.validity().not_after.timestamp();
    if last <= now.seconds() {
        return Err(LocalCaError::Ended(home.tls()));
    }
    let issuer = Issuer::from_ca_cert_pem(authority, key).map_err(malformed(home.tls_authority()))?;
    let mut leaf = CertificateParams::new(NAMES.map(str::to_owned))?;
    leaf.distinguished_name.push(DnType::CommonName, "localhost");
    leaf.is_ca = IsCa::ExplicitNoCa;
    leaf.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    leaf.use_authority_key_identifier_extension = true;
    let end = now.seconds().saturating_add(LEAF).min(last);
    lasts(&mut leaf, now, Timestamp::from_seconds(end))?;
    let own = KeyPair::generate()?;
    let certificate = leaf.signed_by(&own, &issuer)?;
    Ok(format!("{}{}", certificate.pem(), own.serialize_pem()))
}

/// Says from when to when it is good.
fn lasts(params: &mut CertificateParams, now: Timestamp, end: Timestamp) -> Result<(), rcgen::Error> {
    let from = Timestamp::from_seconds(now.seconds().saturating_sub(BEHIND));
    // The type of a moment is that of a crate which nothing else here needs, so it has no name.
    let moment = |at: Timestamp| {
        let since = Duration::from_secs(u64::try_from(at.seconds()).ok()?);
        date_time_ymd(1970, 1, 1).checked_add(since.try_into().ok()?)
    };
    let both = moment(from).zip(moment(end));
    (params.not_before, params.not_after) = both.ok_or(rcgen::Error::Time)?;
    Ok(())
}

/// Puts a file into the place of another, whole or not at all.
fn replace(path: &Path, text: &str) -> Result<(), FileError> {
    let folder = path.parent().unwrap_or(path);
    let fail = || FileError::at(path);
    let mut new = tempfile::NamedTempFile::new_in(folder).map_err(fail())?;
    new.write_all(text.as_bytes()).map_err(fail())?;
    new.as_file().sync_all().map_err(fail())?;
    new.persist(path).map_err(|error| fail()(error.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use {super::*, portreeve_guard::tls::Identity};

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn in_days(days: i64) -> Timestamp {
        NOW.plus_millis(days.saturating_mul(DAY).saturating_mul(1_000))
    }

    fn installed() -> (tempfile::TempDir, Home) {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path());
        assert!(renew(&home, NOW).unwrap());
        (folder, home)
    }

    fn shown(home: &Home) -> Identity {
        let text = home::read(&home.tls_server()).unwrap();
        Identity::from_pem(text.as_bytes(), text.as_bytes()).unwrap()
    }

    fn ends(home: &Home) -> Timestamp {
        About::of_der(shown(home).certificate()).unwrap().ends
    }

    #[test]
    fn a_certificate_is_for_this_machine_and_lasts_a_year() {
        let (_folder, home) = installed();
        let shown = shown(&home);
        for name in NAMES {
            assert!(shown.is_for(name), "{name}");
        }
        for other in ["localhost.example", "127.0.0.2", "example.com", "0.0.0.0"] {
            assert!(!shown.is_for(other), "{other}");
        }
        assert_eq!(ends(&home), in_days(365));
        for secret in [home.tls_server(), home.tls_authority_key()] {
            assert_eq!(fs::metadata(&secret).unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert_eq!(fs::metadata(home.tls()).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(
            fs::read_dir(home.path()).unwrap().count(),
            1,
            "nothing is left beside it"
        );
    }

    #[test]
    fn it_is_renewed_in_its_last_month_by_the_same_authority() {
        let (_folder, home) = installed();
        let authority = home::read(&home.tls_authority()).unwrap();
        let first = shown(&home);
        assert!(!renew(&home, in_days(335)).unwrap(), "thirty days are left");
        assert!(shown(&home) == first);
        assert!(renew(&home, in_days(336)).unwrap());
        assert_eq!(ends(&home), in_days(336 + 365));
        assert_eq!(home::read(&home.tls_authority()).unwrap(), authority);
        // Also long after it has ended, or when it was lost.
        assert!(renew(&home, in_days(1_000)).unwrap());
        fs::remove_file(home.tls_server()).unwrap();
        assert!(renew(&home, in_days(1_000)).unwrap());
    }

    #[test]
    fn none_outlives_the_authority_and_after_it_there_is_none() {
        let (_folder, home) = installed();
        let last = in_days(3_650);
        assert!(renew(&home, in_days(3_640)).unwrap());
        assert_eq!(ends(&home), last);
        assert!(
            !renew(&home, in_days(3_649)).unwrap(),
            "there is none that lasts longer"
        );
        assert!(matches!(renew(&home, last), Err(LocalCaError::Ended(_))));
    }

    #[test]
    fn a_certificate_of_another_authority_gives_way_to_one_of_this() {
        let ((_folder, home), (_other_folder, other)) = (installed(), installed());
        for file in [Home::tls_authority, Home::tls_authority_key] {
            fs::copy(file(&other), file(&home)).unwrap();
        }
        let strange = shown(&home);
        assert!(renew(&home, NOW).unwrap());
        assert!(shown(&home) != strange);
        assert!(!renew(&home, NOW).unwrap());
    }

    #[test]
    fn an_authority_that_is_not_whole_is_told_when_it_is_needed() {
        let (_folder, home) = installed();
        fs::remove_file(home.tls_authority_key()).unwrap();
        assert!(!renew(&home, NOW).unwrap(), "it may be kept elsewhere");
        assert!(!renew(&home, in_days(350)).unwrap(), "there is time");
        let error = renew(&home, in_days(365)).unwrap_err();
        assert!(
            matches!(&error, LocalCaError::Lost(_)) && error.to_string().contains("remove the folder"),
            "{error}"
        );
        let other = KeyPair::generate().unwrap().serialize_pem();
        home::write_private_file(&home.tls_authority_key(), &other).unwrap();
        assert!(
            matches!(renew(&home, in_days(365)), Err(LocalCaError::Malformed(path)) if path == home.tls_authority_key())
        );
        fs::write(home.tls_authority(), "nonsense").unwrap();
        assert!(
            matches!(renew(&home, in_days(365)), Err(LocalCaError::Malformed(path)) if path == home.tls_authority())
        );
        fs::remove_file(home.tls_authority()).unwrap();
        assert!(
            matches!(renew(&home, NOW), Err(LocalCaError::Lost(_))),
            "nobody could come to trust it"
        );
    }
}
