//! Where a vault lies. It is said, by flag, environment or configuration, and never guessed: a server that looks around
//! for a vault may find somebody else's.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// What was said about where the vault lies, by each way of saying it.
#[derive(Debug, Clone, Default)]
pub struct Given {
    /// On the command line. It goes first.
    pub flag: Option<PathBuf>,
    /// In the environment.
    pub environment: Option<PathBuf>,
    /// In the configuration file.
    pub config: Option<PathBuf>,
}

/// A folder that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// Its real path.
    real: PathBuf,
    /// What was said, which links may lead elsewhere one day.
    said: PathBuf,
}

/// Why there is no root.
#[derive(Debug, thiserror::Error)]
pub enum RootError {
    /// Nobody said where.
    #[error("nobody said where the vault lies")]
    NotGiven,
    /// Somebody said nothing.
    #[error("the path of the vault is empty")]
    Empty,
    /// It cannot be looked at.
    #[error("cannot open the vault `{}`", path.display())]
    Unreadable {
        /// What was said.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is a file.
    #[error("the vault `{}` is not a folder", .0.display())]
    NotAFolder(PathBuf),
    /// One vault lies in another, or is it: whoever may read the outer one would read the inner one too.
    #[error("the vault `{}` lies within the vault `{}`", inner.display(), outer.display())]
    Nested {
        /// The one within.
        inner: PathBuf,
        /// The one around it.
        outer: PathBuf,
    },
}

impl Root {
    /// The first that was given: flag, environment, configuration. A later one does not stand in for one that is wrong.
    ///
    /// # Errors
    /// [`RootError`] when none was given, or the first is not a folder that can be opened.
    pub fn find(given: Given) -> Result<Self, RootError> {
        let path = given
            .flag
            .or(given.environment)
            .or(given.config)
            .ok_or(RootError::NotGiven)?;
        Self::at(&path)
    }

    /// This folder.
    ///
    /// # Errors
    /// [`RootError`] when it is not a folder that can be opened.
    pub fn at(path: &Path) -> Result<Self, RootError> {
        if path.as_os_str().is_empty() {
            return Err(RootError::Empty);
        }
        let unreadable = |source| RootError::Unreadable {
            path: path.to_owned(),
            source,
        };
        let real = fs::canonicalize(path).map_err(unreadable)?;
        if !fs::metadata(&real).map_err(unreadable)?.is_dir() {
            return Err(RootError::NotAFolder(path.to_owned()));
        }
        let said = std::path::absolute(path).map_err(unreadable)?;
        Ok(Self { real, said })
    }

    /// Its real path. Not for answers: where a vault lies is nobody's business but the operator's.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.real
    }

    /// The path under which people know it.
    pub(crate) fn said(&self) -> &Path {
        &self.said
    }

    /// Refuses roots of which one contains another, by name or because the same folder is mounted in two places.
    ///
    /// # Errors
    /// [`RootError::Nested`], or [`RootError::Unreadable`] when a folder has gone meanwhile.
    pub fn apart(roots: &[Self]) -> Result<(), RootError> {
        for (place, inner) in roots.iter().enumerate() {
            for (other, outer) in roots.iter().enumerate() {
                if place != other && inner.is_within(outer)? {
                    return Err(RootError::Nested {
                        inner: inner.real.clone(),
                        outer: outer.real.clone(),
                    });
                }
            }
        }
        Ok(())
    }

    fn is_within(&self, outer: &Self) -> Result<bool, RootError> {
        let sought = identity(&outer.real)?;
        for ancestor in self.real.ancestors() {
            if ancestor == outer.real || identity(ancestor)? == sought {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Which folder it is, whatever it is called.
fn identity(path: &Path) -> Result<(u64, u64), RootError> {
    fs::metadata(path)
        .map(|found| (found.dev(), found.ino()))
        .map_err(|source| RootError::Unreadable {
            path: path.to_owned(),
            source,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folders(names: &[&str]) -> (tempfile::TempDir, Vec<Root>) {
        let home = tempfile::tempdir().unwrap();
        let roots = names
            .iter()
            .map(|name| {
                let path = home.path().join(name);
                fs::create_dir_all(&path).unwrap();
                Root::at(&path).unwrap()
            })
            .collect();
        (home, roots)
    }

    #[test]
    fn the_flag_goes_before_the_environment_and_that_before_the_configuration() {
        let (_home, roots) = folders(&["a", "b", "c"]);
        let given = |flag: Option<usize>, environment: Option<usize>, config: Option<usize>| {
            let path = |index: Option<usize>| index.map(|index| roots[index].path().to_owned());
            Root::find(Given {
                flag: path(flag),
                environment: path(environment),
                config: path(config),
            })
        };
        assert_eq!(given(Some(0), Some(1), Some(2)).unwrap(), roots[0]);
        assert_eq!(given(None, Some(1), Some(2)).unwrap(), roots[1]);
        assert_eq!(given(None, None, Some(2)).unwrap(), roots[2]);
        assert!(matches!(given(None, None, None), Err(RootError::NotGiven)));
    }

    #[test]
    fn a_wrong_first_choice_is_an_error_and_not_a_reason_to_try_the_next() {
        let (home, roots) = folders(&["a"]);
        let given = |flag: PathBuf| {
            Root::find(Given {
                flag: Some(flag),
                config: Some(roots[0].path().to_owned()),
                ..Given::default()
            })
        };
        assert!(matches!(
            given(home.path().join("none")),
            Err(RootError::Unreadable { .. })
        ));
        assert!(matches!(given(PathBuf::new()), Err(RootError::Empty)));
        fs::write(home.path().join("file"), "x").unwrap();
        assert!(matches!(given(home.path().join("file")), Err(RootError::NotAFolder(_))));
    }

    #[test]
    fn a_root_within_another_is_refused_in_either_order() {
        let (_home, roots) = folders(&["notes", "notes/inner/deep"]);
        for pair in [[0, 1], [1, 0]] {
            let pair = pair.map(|index| roots[index].clone());
            assert!(matches!(Root::apart(&pair), Err(RootError::Nested { inner, .. }) if inner == roots[1].path()));
        }
        assert!(matches!(
            Root::apart(&[roots[0].clone(), roots[0].clone()]),
            Err(RootError::Nested { .. })
        ));
    }

    #[test]
    fn a_root_that_leads_into_another_by_a_link_is_refused() {
        let (home, roots) = folders(&["notes/inner"]);
        let link = home.path().join("elsewhere");
        std::os::unix::fs::symlink(roots[0].path(), &link).unwrap();
        let outer = Root::at(&home.path().join("notes")).unwrap();
        assert!(matches!(
            Root::apart(&[outer, Root::at(&link).unwrap()]),
            Err(RootError::Nested { .. })
        ));
    }

    #[test]
    fn siblings_whose_names_begin_alike_are_apart() {
        let (_home, roots) = folders(&["notes", "notes-2", "notes2/x"]);
        Root::apart(&roots).unwrap();
    }
}
