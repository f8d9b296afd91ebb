//! The certificate that the server shows: whether it can be read, whom it is for, and when it ends.

use {
    super::{Finding, Patient},
    crate::{
        config::Config,
        home,
        local_ca::{About, ends_soon},
        tls::Source,
        world::SystemClock,
    },
    portreeve_kernel::{Clock, Timestamp},
    std::{fs, os::unix::fs::PermissionsExt},
};

const CHECK: &str = "certificate";

/// What to do about one of the local authority.
const RESTART: &str = "restart `portreeve serve`, which renews it";

/// What to do about one of the owner's own.
const REPLACE: &str = "renew it and put it into the files of `server.tls`; the server reads them every hour";

/// What to do about the local authority itself.
const ANEW: &str = "remove the folder `tls`: the next start makes a new authority, which everybody has to trust anew";

/// Nothing without a data folder, which is told already.
pub(super) fn look(patient: &Patient, config: &Config) -> Option<Finding> {
    let Some(source) = Source::of(&config.server.tls, &patient.home) else {
        return Some(Finding::ok(
            CHECK,
            "there is no TLS; without it the server listens on loopback alone",
        ));
    };
    let now = SystemClock::start().now().for_expiry();
    if let Source::Local(home) = &source {
        if !home.path().is_dir() {
            return None;
        }
        if !home.tls().exists() {
            return Some(Finding::warn(
                CHECK,
                "there is none yet",
                "the next start of `portreeve serve` makes one",
            ));
        }
        let authority = home.tls_authority();
        match home::read(&authority).ok().and_then(|text| About::of(&text)) {
            None => {
                let why = format!("`{}` is not the local authority's certificate", authority.display());
                return Some(Finding::fail(CHECK, why, format!("put it back, or {ANEW}")));
            }
            Some(About { ends, .. }) if ends_soon(ends, now) => {
                return Some(ending(
                    &format!("the local authority in `{}`", authority.display()),
                    ends,
                    now,
                    ANEW,
                ));
            }
            Some(_) => {}
        }
    }
    let file = source.certificate().display().to_string();
    let cure = match &source {
        Source::Local(_) => RESTART,
        Source::Own { .. } => REPLACE,
    };
    let identity = match source.read() {
        Ok(identity) => identity,
        Err(error) => return Some(Finding::fail(CHECK, error.to_string(), cure)),
    };
    let Some(About { ends, .. }) = About::of_der(identity.certificate()) else {
        return Some(Finding::fail(
            CHECK,
            format!("`{file}` does not say when it ends"),
            cure,
        ));
    };
    if ends_soon(ends, now) {
        return Some(ending(&format!("`{file}`"), ends, now, cure));
    }
    if let Source::Own { key, .. } = &source {
        let origin = config.origin(config.server.listen.port());
        if !identity.is_for(origin.host()) {
            let why = format!("`{file}` is not for `{}`, which the server is called", origin.host());
            return Some(Finding::fail(CHECK, why, "use one that is, or correct `server.origin`"));
        }
        let is_open = fs::metadata(key).is_ok_and(|about| about.permissions().mode() & 0o007 != 0);
        if is_open {
            let why = format!("everybody on this machine can reach `{}`", key.display());
            return Some(Finding::fail(CHECK, why, format!("chmod o= '{}'", key.display())));
        }
    }
    Some(Finding::ok(CHECK, format!("`{file}`, good until {ends}")))
}

fn ending(what: &str, ends: Timestamp, now: Timestamp, cure: &str) -> Finding {
    match ends > now {
        true => Finding::warn(CHECK, format!("{what} ends soon, at {ends}"), cure),
        false => Finding::fail(CHECK, format!("{what} has ended, at {ends}"), cure),
    }
}
