//! Between the paths of a vault and those of whoever stands before a terminal.

use {
    portreeve_notes::{NotePath, Root},
    std::{
        fs, io,
        path::{Path, PathBuf},
    },
};

/// What a path on the command line leads to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Leads {
    /// To all of the vault.
    Everywhere,
    /// To something in the vault, as findings call it.
    Within(String),
    /// Out of the vault.
    Elsewhere,
}

/// Where a path leads that is given as on any command line: absolute, or from where one stands. Its last name is not followed
/// when it is a link, because the link itself may be what is wrong.
///
/// # Errors
/// When there is nothing.
pub(super) fn leads(root: &Root, given: &Path) -> io::Result<Leads> {
    let absolute = std::path::absolute(given)?;
    let real = match (absolute.parent(), absolute.file_name()) {
        (Some(folder), Some(name)) => fs::canonicalize(folder)?.join(name),
        _ => fs::canonicalize(&absolute)?,
    };
    // The vault itself may be named by a link.
    if fs::symlink_metadata(&real)?.is_symlink() && fs::canonicalize(&real).is_ok_and(|real| real == root.path()) {
        return Ok(Leads::Everywhere);
    }
    let Ok(within) = real.strip_prefix(root.path()) else {
        return Ok(Leads::Elsewhere);
    };
    let text = within.to_string_lossy();
    Ok(match NotePath::parse(&text) {
        _ if text.is_empty() => Leads::Everywhere,
        Ok(path) => Leads::Within(path.as_str().to_owned()),
        // Such names are findings too.
        Err(_) => Leads::Within(text.into_owned()),
    })
}

/// Whether a finding's path is this one or lies below it.
pub(super) fn is_within(path: &str, folder: &str) -> bool {
    let rest = path.strip_prefix(folder);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// What stands before each path of a vault so that it is found from `base`: nothing at the root itself, and all of the root's
/// path where that lies elsewhere.
pub(super) fn prefix(root: &Root, base: Option<&Path>) -> PathBuf {
    let base = base.and_then(|base| fs::canonicalize(base).ok());
    let within = base.and_then(|base| root.path().strip_prefix(base).map(Path::to_owned).ok());
    within.unwrap_or_else(|| root.path().to_owned())
}

/// Whether a folder lies in a vault, also when it is not there yet.
///
/// # Errors
/// When it cannot be said.
pub(super) fn lies_in(root: &Root, folder: &Path) -> io::Result<bool> {
    let absolute = std::path::absolute(folder)?;
    for ancestor in absolute.ancestors() {
        match fs::canonicalize(ancestor) {
            Ok(real) => return Ok(real.starts_with(root.path())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use {super::*, std::os::unix::fs::symlink};

    #[test]
    fn a_path_leads_into_the_vault_however_it_is_written_and_out_of_it_only_when_it_does() {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        fs::create_dir_all(at("notes/a")).unwrap();
        fs::create_dir_all(at("notes-2")).unwrap();
        for file in ["notes/a/b.md", "notes-2/c.md", "notes/a/bad\\name.md"] {
            fs::write(at(file), "x").unwrap();
        }
        symlink(at("notes"), at("door")).unwrap();
        symlink(at("notes-2/c.md"), at("notes/a/link.md")).unwrap();
        let root = Root::at(&at("notes")).unwrap();
        let within = |path: &str| Leads::Within(path.to_owned());
        for (given, wanted) in [
            ("notes/a/b.md", within("a/b.md")),
            ("notes/a/../a/b.md", within("a/b.md")),
            ("door/a/b.md", within("a/b.md")),
            ("notes/a", within("a")),
            ("notes/a/link.md", within("a/link.md")),
            ("notes/a/bad\\name.md", within("a/bad\\name.md")),
            ("notes", Leads::Everywhere),
            ("notes/a/..", Leads::Everywhere),
            ("door", Leads::Everywhere),
            ("notes-2/c.md", Leads::Elsewhere),
            ("notes/../notes-2/c.md", Leads::Elsewhere),
        ] {
            assert_eq!(leads(&root, &at(given)).unwrap(), wanted, "{given}");
        }
        assert!(leads(&root, &at("notes/none.md")).is_err());
        assert!(leads(&root, &at("none/none.md")).is_err());
    }

    #[test]
    fn a_path_is_shown_as_it_is_found_from_where_one_stands() {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir_all(home.path().join("repo/notes")).unwrap();
        fs::create_dir_all(home.path().join("other")).unwrap();
        let root = Root::at(&home.path().join("repo/notes")).unwrap();
        let from = |base: &str| prefix(&root, Some(&home.path().join(base))).join("a.md");
        assert_eq!(from("repo"), Path::new("notes/a.md"));
        assert_eq!(from("repo/notes"), Path::new("a.md"));
        assert_eq!(from("other"), root.path().join("a.md"));
        assert_eq!(prefix(&root, None), root.path());
    }

    #[test]
    fn a_folder_that_is_not_there_yet_lies_where_it_would_be() {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir_all(home.path().join("notes/a")).unwrap();
        symlink(home.path().join("notes"), home.path().join("door")).unwrap();
        let root = Root::at(&home.path().join("notes")).unwrap();
        for (folder, inside) in [
            ("notes/x/y", true),
            ("notes/a/x", true),
            ("notes", true),
            ("door/x", true),
            ("notes-2/x", false),
            ("state", false),
        ] {
            assert_eq!(lies_in(&root, &home.path().join(folder)).unwrap(), inside, "{folder}");
        }
    }

    #[test]
    fn what_begins_alike_is_not_within() {
        assert!(is_within("a/b.md", "a") && is_within("a/b.md", "a/b.md"));
        assert!(!is_within("ab/b.md", "a") && !is_within("a/b.md", "a/b"));
    }
}
