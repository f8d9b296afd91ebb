//! The public vault: a team's Markdown knowledge, its entities and how they stand to one another, read and written under
//! scopes by people, programs and models.
//!
//! What must stay true: a request sees one moment of the vault; what a scope may not see never reaches a serializer, and
//! no search, count or link tells of it; a file is the old one or the new one, whoever writes and whatever crashes.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects,
        reason = "a test that fails may panic"
    )
)]

pub mod acts;
mod http;
pub mod impact;
mod judge;
pub mod listing;
pub mod mcp;
pub mod members;
mod moment;
mod open;
mod page;
pub mod scopes;
#[cfg(test)]
mod served;
pub mod shown;
mod write;

pub use {
    http::router,
    moment::{Moment, Served},
    open::{Open, OpenError, Place, told},
    page::pages_router,
    write::{Made, Wish, create_offline},
};

use {
    jiff::civil::Date,
    portreeve_guard::{Gate, Origin, Problem},
    portreeve_kernel::{Clock, Code, Entropy, control::CredentialCheck},
    portreeve_notes::{Index, Refused, Snapshot, Vault as Notes},
    portreeve_pages::Visitors,
    portreeve_store::{Database, StoreError, Tx},
    std::{fmt, path::PathBuf, sync::Arc},
};

/// What the vault needs from the house.
#[derive(Clone)]
pub struct Parts {
    /// The notes, and what finds them.
    pub open: Arc<Open>,
    /// Who may come in.
    pub gate: Gate,
    /// Where the audit log is.
    pub database: Database,
    /// The wall's time.
    pub clock: Arc<dyn Clock>,
    /// For ids.
    pub entropy: Arc<dyn Entropy>,
    /// Whether a credential is still good when an act commits.
    pub checks: Arc<dyn CredentialCheck<Tx, StoreError>>,
    /// Who is signed in, for our pages.
    pub visitors: Arc<dyn Visitors>,
    /// The git repository that each write is committed to, when it is.
    pub git: Option<PathBuf>,
}

/// The vault service. Cheap to clone; the state of its router.
#[derive(Clone)]
pub struct Vault(Arc<Parts>, Option<write::Git>);

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault")
    }
}

impl Vault {
    /// Makes the service.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let git = parts.git.clone().map(write::Git::at);
        Self(Arc::new(parts), git)
    }

    /// The vault at this moment. One request asks once.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.notes().snapshot()
    }

    /// That what we have open is what people find at the vault's path.
    ///
    /// # Errors
    /// `VAULT_MOVED`
    pub(crate) fn stands(&self) -> Result<(), Problem> {
        if self.notes().has_moved() {
            return Err(Problem::because(Code::VaultMoved, Refused::Moved));
        }
        Ok(())
    }

    /// The vault at this moment, for what only looks. One request asks once.
    ///
    /// # Errors
    /// `VAULT_MOVED`
    pub(crate) fn moment(&self) -> Result<Moment, Problem> {
        self.stands()?;
        let now = self.0.clock.now().for_expiry().civil();
        let today = now.map_or(Date::ZERO, |now| now.date());
        Ok(Moment::of(Arc::clone(self.notes()), today))
    }

    /// Looks at the vault on a thread that may wait for the disk, so that those who answer requests do not.
    ///
    /// # Errors
    /// Those of the act.
    pub(crate) async fn look<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Moment, Option<&Index>) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let own = self.clone();
        self.0.open.look(move |open| act(&own.moment()?, open.text())).await?
    }

    pub(crate) fn open(&self) -> &Arc<Open> {
        &self.0.open
    }

    pub(crate) fn visitors(&self) -> &dyn Visitors {
        &*self.0.visitors
    }

    pub(crate) fn notes(&self) -> &Arc<Notes> {
        self.0.open.notes()
    }
}

impl axum::extract::FromRef<Vault> for Gate {
    fn from_ref(vault: &Vault) -> Self {
        vault.0.gate.clone()
    }
}

impl axum::extract::FromRef<Vault> for Origin {
    fn from_ref(vault: &Vault) -> Self {
        vault.0.visitors.origin()
    }
}
