//! The local authority: so that a server on somebody's own machine speaks TLS from its first start, as one that is called
//! from elsewhere does.
//!
//! What must stay true: what it signs is believed of this very machine alone, also when its key is stolen. Whoever trusts it
//! trusts it for `localhost` and loopback addresses; its own certificate says so (RFC 5280, 4.2.1.10).

mod sign;

pub(crate) use sign::About;

use {
    crate::home::{self, FileError, Home},
    portreeve_kernel::Timestamp,
    sign::{DAY, SignError},
    std::{
        fs::{self, Permissions},
        io::Write,
        os::unix::fs::PermissionsExt,
        path::{Path, PathBuf},
    },
};

/// A certificate that ends sooner is renewed.
const SOON: i64 = 30 * DAY;

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
    let (certificate, key) = sign::authority(now)?;
    let place = |path: PathBuf| draft.path().join(path.file_name().unwrap_or_default());
    home::write_private_file(&place(home.tls_server()), &signed(home, &certificate, &key, now)?)?;
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
        .and_then(|key| signed(home, &authority, &key, now));
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

/// A certificate for the server, and which file is to blame when there is none.
fn signed(home: &Home, authority: &str, key: &str, now: Timestamp) -> Result<String, LocalCaError> {
    sign::server(authority, key, now).map_err(|error| match error {
        SignError::Certificate => LocalCaError::Malformed(home.tls_authority()),
        SignError::Key => LocalCaError::Malformed(home.tls_authority_key()),
        SignError::Ended => LocalCaError::Ended(home.tls()),
        SignError::Crypto(error) => error.into(),
    })
}

fn lost(error: FileError, path: PathBuf) -> LocalCaError {
    match error.is_missing() {
        true => LocalCaError::Lost(path),
        false => error.into(),
    }
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
    use {super::*, portreeve_guard::tls::Identity, sign::NAMES};

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
        let other = rcgen::KeyPair::generate().unwrap().serialize_pem();
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
