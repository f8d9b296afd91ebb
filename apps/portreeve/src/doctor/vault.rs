//! The vault, where the settings name one.

use {
    super::Finding,
    crate::config::Vault,
    portreeve_notes::{Jail, Root},
    std::{path::Path, process::Command},
};

const CHECK: &str = "vault";

/// Whether the folder is there, the kernel can keep us within it, and changes can be committed where they should be.
pub(super) fn look(settings: &Vault) -> Option<Finding> {
    let named = settings.root.as_deref()?;
    let root = match Root::at(named) {
        Ok(root) => root,
        Err(why) => {
            let todo = "mount or make the folder, or name another in `vault.root`";
            return Some(Finding::fail(CHECK, why.to_string(), todo));
        }
    };
    if let Err(why) = Jail::new(&root) {
        let todo = "run the server on Linux 5.6 or newer, as a user that may read the folder";
        return Some(Finding::fail(CHECK, why.to_string(), todo));
    }
    if settings.git && !is_repository(root.path()) {
        let why = format!("`{}` is no git repository that git can use here", root.path().display());
        let todo = "run `git init` there as the server's user, install git, or set `vault.git` to false";
        return Some(Finding::fail(CHECK, why, todo));
    }
    let commits = if settings.git { ", changes are committed" } else { "" };
    Some(Finding::ok(CHECK, format!("{}{commits}", root.path().display())))
}

fn is_repository(root: &Path) -> bool {
    let mut git = Command::new("git");
    let asked = git
        .arg("-C")
        .arg(root)
        .args(["rev-parse", "--is-inside-work-tree"])
        .output();
    asked.is_ok_and(|answer| answer.status.success())
}

#[cfg(test)]
mod tests {
    use {super::*, crate::doctor::State};

    fn told(root: Option<&Path>, git: bool) -> Option<Finding> {
        let root = root.map(Path::to_owned);
        look(&Vault { root, git })
    }

    #[test]
    fn a_vault_that_cannot_be_served_is_told_with_what_to_do() {
        assert_eq!(told(None, false), None, "where there is none, nothing is told");
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(told(Some(folder.path()), false).unwrap().status, State::Ok);
        assert_eq!(
            told(Some(folder.path()), true).unwrap().status,
            State::Fail,
            "no repository"
        );
        let missing = told(Some(&folder.path().join("no")), false).unwrap();
        assert!(missing.status == State::Fail && missing.todo.unwrap().contains("vault.root"));
        let made = Command::new("git")
            .arg("-C")
            .arg(folder.path())
            .args(["init", "-q"])
            .status();
        assert!(made.unwrap().success());
        assert_eq!(told(Some(folder.path()), true).unwrap().status, State::Ok);
    }
}
