//! `portreeve doctor`: looks at everything an installation needs, changes nothing, and says what to do about what is wrong.
//!
//! Each check stands by itself, so that one that fails hides no other; what cannot be looked at without something that is
//! missing is left out, because that is told already.

mod certificate;
mod chain;
mod files;
mod parts;
mod vault;

use {
    crate::{
        config::Config,
        home::{Home, OwnerFolder},
    },
    portreeve_kernel::Secret,
    serde::Serialize,
    std::time::Duration,
};

/// How long anything that is asked may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// How a thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// As it should be.
    Ok,
    /// It works, and somebody should look at it.
    Warn,
    /// It does not work like this.
    Fail,
}

impl State {
    /// As it is printed.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// What was looked at.
    pub(crate) check: &'static str,
    /// How it is.
    pub(crate) status: State,
    /// What was seen.
    pub(crate) detail: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) todo: Option<String>,
}

impl Finding {
    fn ok(check: &'static str, detail: impl Into<String>) -> Self {
        Self::new(check, State::Ok, detail, None)
    }

    fn warn(check: &'static str, detail: impl Into<String>, todo: impl Into<String>) -> Self {
        Self::new(check, State::Warn, detail, Some(todo.into()))
    }

    fn fail(check: &'static str, detail: impl Into<String>, todo: impl Into<String>) -> Self {
        Self::new(check, State::Fail, detail, Some(todo.into()))
    }

    fn new(check: &'static str, status: State, detail: impl Into<String>, todo: Option<String>) -> Self {
        let detail = detail.into();
        Self {
            check,
            status,
            detail,
            todo,
        }
    }
}

/// What is looked at.
pub(crate) struct Patient {
    /// The data folder.
    pub(crate) home: Home,
    /// The owner's folder.
    pub(crate) owner: OwnerFolder,
    /// The settings, or what is wrong with them.
    pub(crate) config: Result<Config, String>,
    /// The server that commands ask, when another one is named than that of the settings.
    pub(crate) server: Option<String>,
    /// The key that commands ask with, when another one is named than the owner's.
    pub(crate) key: Option<Secret>,
}

/// Looks at everything. `now_looking_at` hears what comes next.
pub(crate) async fn examine(patient: &Patient, now_looking_at: impl Fn(&str)) -> Vec<Finding> {
    let mut found = Vec::new();
    now_looking_at("settings and files");
    found.push(files::settings(patient));
    found.extend(files::folder(patient));
    found.push(files::disk(patient));
    let Ok(config) = &patient.config else {
        return found;
    };
    found.extend(certificate::look(patient, config));
    found.push(parts::clients(config));
    found.extend(vault::look(&config.vault));
    now_looking_at("programs");
    found.push(parts::programs(config).await);
    now_looking_at("the database");
    let (project, of_database) = parts::database(patient, config).await;
    found.extend(of_database);
    if project.is_some() {
        found.extend(parts::signing_keys(patient, config).await);
    }
    now_looking_at("the server");
    let (runs, of_server) = parts::server(patient, config).await;
    found.extend(of_server);
    now_looking_at("the signer");
    let (enrolment, of_signer) = parts::signer(patient, config, runs).await;
    found.push(of_signer);
    found.extend(parts::isolation(patient, config).await);
    now_looking_at("the chain");
    found.extend(chain::look(config, project.as_ref(), enrolment.as_ref()).await);
    found
}
