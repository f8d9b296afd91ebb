//! Settings, the data folder, who may read what lies in it, and the room that is left.

use {
    super::{Finding, Patient, State},
    crate::home::Home,
    rustix::fs::statvfs,
    std::{
        fs,
        os::unix::fs::{MetadataExt, PermissionsExt},
        path::{Path, PathBuf},
    },
};

/// Below this many bytes somebody should make room, and below that nothing can be written for long.
const ROOM: u64 = 1 << 30;
const LEAST_ROOM: u64 = 100 << 20;

pub(super) fn settings(patient: &Patient) -> Finding {
    let file = patient.home.config();
    match &patient.config {
        Ok(_) if file.is_file() => Finding::ok("settings", file.display().to_string()),
        Ok(_) => Finding::ok(
            "settings",
            format!("`{}` is not there, so the defaults hold", file.display()),
        ),
        Err(why) => Finding::fail(
            "settings",
            why,
            "correct it; `portreeve reference settings` lists what can be set",
        ),
    }
}

/// The data folder and the owner's, and whether others can read what is secret in them.
pub(super) fn folder(patient: &Patient) -> Vec<Finding> {
    let (home, owner) = (&patient.home, &patient.owner);
    if !home.path().is_dir() {
        let why = format!("`{}` is not there", home.path().display());
        let todo = "make an installation with `portreeve init`, or name the one there is with --home";
        return vec![Finding::fail("data folder", why, todo)];
    }
    let missing = |paths: Vec<PathBuf>| paths.into_iter().find(|path| !path.exists());
    let mut needed = vec![home.config(), home.issuer_key()];
    // A signer that somebody else runs has its files elsewhere.
    if patient
        .config
        .as_ref()
        .is_ok_and(|config| config.signer.socket.is_none())
    {
        needed.extend([home.signer(), home.signer_passphrase()]);
    }
    let parts = missing(needed);
    let mut secrets = vec![
        home.path().to_owned(),
        home.config(),
        home.signer(),
        home.signer_passphrase(),
        home.issuer_key(),
        home.tls(),
        home.tls_authority_key(),
        home.tls_server(),
    ];
    secrets.retain(|path| path.exists());
    let of_home = match parts {
        Some(path) => Finding::fail(
            "data folder",
            format!("`{}` is missing", path.display()),
            "put it back from a backup; `portreeve init` makes a new installation and never repairs one",
        ),
        None => privacy("data folder", home.path(), &secrets),
    };
    let secrets = [
        owner.path().to_owned(),
        owner.api_key(),
        owner.approval_key(),
        owner.passphrase(),
    ];
    let of_owner = match missing(secrets.to_vec()) {
        Some(path) => Finding::new(
            "owner's folder",
            // The server does not need it, and where it is moved to is the owner's business.
            State::Warn,
            format!("`{}` is not there", path.display()),
            Some(
                "when it was moved, name the owner's folder with --owner; else policies cannot be approved".to_owned(),
            ),
        ),
        None => privacy("owner's folder", owner.path(), &secrets),
    };
    vec![of_home, of_owner]
}

/// Whether only its user can read each of `secrets`, and is who we are.
fn privacy(check: &'static str, folder: &Path, secrets: &[PathBuf]) -> Finding {
    let me = rustix::process::geteuid().as_raw();
    for path in secrets {
        let about = match fs::symlink_metadata(path) {
            Ok(about) => about,
            Err(error) => {
                let why = format!("`{}` cannot be looked at: {error}", path.display());
                return Finding::fail(check, why, "run this as the user that owns the installation");
            }
        };
        let mode = about.permissions().mode() & 0o777;
        let kept = if about.is_dir() { "700" } else { "600" };
        if mode & 0o077 != 0 {
            let why = format!("others can reach `{}` (mode {mode:o})", path.display());
            return Finding::fail(check, why, format!("chmod {kept} '{}'", path.display()));
        }
        if about.uid() != me && me != 0 {
            let why = format!(
                "`{}` belongs to user {}, and this is user {me}",
                path.display(),
                about.uid()
            );
            return Finding::fail(check, why, "run this as the user that owns the installation");
        }
    }
    Finding::ok(check, format!("{}, closed to others", folder.display()))
}

/// How much can still be written where the data folder is, or would be.
pub(super) fn disk(patient: &Patient) -> Finding {
    let place = standing(&patient.home);
    match statvfs(&place) {
        Err(error) => Finding::warn(
            "disk",
            format!("`{}`: {error}", place.display()),
            "see that the disk can be read",
        ),
        Ok(about) => room("disk", about.f_bavail.saturating_mul(about.f_frsize), &place),
    }
}

fn room(check: &'static str, free: u64, place: &Path) -> Finding {
    let said = format!("{} MiB are free at {}", free >> 20, place.display());
    let todo = "make room; when nothing can be written any more, nothing is paid";
    match free {
        ROOM.. => Finding::ok(check, said),
        LEAST_ROOM.. => Finding::warn(check, said, todo),
        _ => Finding::fail(check, said, todo),
    }
}

/// The folder, or the nearest above it that is there.
fn standing(home: &Home) -> PathBuf {
    let there = home.path().ancestors().find(|path| path.exists());
    there.unwrap_or(Path::new("/")).to_owned()
}

#[cfg(test)]
mod tests {
    use {super::*, crate::home};

    #[test]
    fn what_others_can_read_is_named_with_the_command_that_closes_it() {
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("secret");
        home::write_private_file(&secret, "x").unwrap();
        let look = || privacy("data folder", folder.path(), std::slice::from_ref(&secret));
        assert_eq!(look().status, State::Ok);
        for mode in [0o640, 0o604, 0o610] {
            fs::set_permissions(&secret, fs::Permissions::from_mode(mode)).unwrap();
            let found = look();
            assert_eq!(found.status, State::Fail, "{mode:o}");
            assert!(found.todo.unwrap().starts_with("chmod 600 "));
        }
    }

    #[test]
    fn room_is_warned_about_before_it_is_gone() {
        for (free, status) in [
            (ROOM, State::Ok),
            (ROOM - 1, State::Warn),
            (LEAST_ROOM, State::Warn),
            (LEAST_ROOM - 1, State::Fail),
            (0, State::Fail),
        ] {
            assert_eq!(room("disk", free, Path::new("/")).status, status, "{free}");
        }
    }

    #[test]
    fn a_folder_that_is_not_there_is_on_the_disk_it_would_be_on() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(&folder.path().join("not/there/yet"));
        assert_eq!(standing(&home), folder.path());
    }
}
