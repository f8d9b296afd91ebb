//! The authority's certificate, and what is signed with it. No file is looked at here.

use {
    crate::world::SystemEntropy,
    portreeve_kernel::{Timestamp, id::random_base32},
    rcgen::{
        BasicConstraints, CertificateParams, CertifiedIssuer, CidrSubnet, DnType, ExtendedKeyUsagePurpose,
        GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose, NameConstraints, PublicKeyData, date_time_ymd,
    },
    std::{net::Ipv6Addr, time::Duration},
    x509_parser::{parse_x509_certificate, pem::parse_x509_pem},
};

/// What the server is called on its own machine.
pub(super) const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

pub(super) const DAY: i64 = 24 * 60 * 60;

/// How long the authority lasts. To replace it, everybody has to trust another one.
const AUTHORITY: i64 = 10 * 365 * DAY;

/// How long a server's certificate lasts. Some clients take none that lasts more than 825 days.
const LEAF: i64 = 365 * DAY;

/// By how much clocks may be behind ours.
const BEHIND: i64 = DAY;

/// Why nothing is signed.
#[derive(Debug)]
pub(super) enum SignError {
    /// The authority's certificate is none.
    Certificate,
    /// The authority's key is none, or of another certificate.
    Key,
    /// The authority has ended.
    Ended,
    /// The cryptography.
    Crypto(rcgen::Error),
}

impl From<rcgen::Error> for SignError {
    fn from(error: rcgen::Error) -> Self {
        Self::Crypto(error)
    }
}

/// What a certificate says of itself.
pub(crate) struct About {
    /// Whom it is about, in DER.
    pub(super) subject: Vec<u8>,
    /// Who signed it, in DER.
    pub(super) issuer: Vec<u8>,
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

/// A certificate or a key, in PEM.
pub(super) type Pem = String;

/// A new authority: its certificate, and its key.
pub(super) fn authority(now: Timestamp) -> Result<(Pem, Pem), rcgen::Error> {
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
            GeneralSubtree::IpAddress(CidrSubnet::from_v6_prefix(Ipv6Addr::LOCALHOST.octets(), 128)),
        ],
        excluded_subtrees: Vec::new(),
    });
    let end = now.seconds().saturating_add(AUTHORITY);
    lasts(&mut authority, now, Timestamp::from_seconds(end))?;
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
    Ok((authority.pem(), authority.key().serialize_pem()))
}

/// A new key and a certificate for this machine's names, in one PEM text.
pub(super) fn server(authority: &str, key: &str, now: Timestamp) -> Result<Pem, SignError> {
    let key = KeyPair::from_pem(key).map_err(|_| SignError::Key)?;
    let (_, pem) = parse_x509_pem(authority.as_bytes()).map_err(|_| SignError::Certificate)?;
    let (_, of_authority) = parse_x509_certificate(&pem.contents).map_err(|_| SignError::Certificate)?;
    if of_authority.public_key().raw != key.subject_public_key_info() {
        return Err(SignError::Key);
    }
    let last = of_authority.validity().not_after.timestamp();
    if last <= now.seconds() {
        return Err(SignError::Ended);
    }
    let issuer = Issuer::from_ca_cert_pem(authority, key).map_err(|_| SignError::Certificate)?;
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

#[cfg(test)]
mod tests {
    use {
        super::*,
        rustls::{
            RootCertStore,
            client::{WebPkiServerVerifier, danger::ServerCertVerifier},
            pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
        },
        std::sync::Arc,
    };

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    /// Whether who trusts this authority, and no other, believes `certificate` of `name`.
    fn believed(authority: &str, certificate: &CertificateDer<'_>, name: &'static str) -> bool {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_slice(authority.as_bytes()).unwrap())
            .unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider);
        let verifier = verifier.build().unwrap();
        let at = UnixTime::since_unix_epoch(Duration::from_secs(NOW.seconds().try_into().unwrap()));
        let name = ServerName::try_from(name).unwrap();
        verifier.verify_server_cert(certificate, &[], &name, &[], at).is_ok()
    }

    #[test]
    fn whoever_trusts_it_is_fooled_about_no_other_site_even_by_a_thief_of_its_key() {
        let (certificate, key) = authority(NOW).unwrap();
        let own = server(&certificate, &key, NOW).unwrap();
        let own = CertificateDer::from_pem_slice(own.as_bytes()).unwrap();
        for name in NAMES {
            assert!(believed(&certificate, &own, name), "{name}");
        }
        let issuer = Issuer::from_ca_cert_pem(&certificate, KeyPair::from_pem(&key).unwrap()).unwrap();
        for name in ["bank.example", "localhost.example", "192.0.2.1"] {
            let mut forged = CertificateParams::new([name.to_owned()]).unwrap();
            forged.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
            lasts(&mut forged, NOW, NOW.plus_millis(1_000)).unwrap();
            let forged = forged.signed_by(&KeyPair::generate().unwrap(), &issuer).unwrap();
            assert!(!believed(&certificate, forged.der(), name), "{name}");
        }
    }
}
