//! Who is signed in, as the pages of every service see them.

use {
    crate::form_token,
    axum::http::HeaderMap,
    portreeve_guard::{Origin, Problem},
    portreeve_kernel::{Principal, Secret, control::Boxed},
    std::fmt,
};

/// Somebody who is signed in.
#[derive(Clone)]
pub struct Visitor {
    /// Who, and what they may do.
    pub principal: Principal,
    /// What people call them.
    pub name: String,
    cookie: Secret,
}

impl fmt::Debug for Visitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Visitor")
            .field("credential", &self.principal.credential)
            .finish_non_exhaustive()
    }
}

impl Visitor {
    /// Whose session has that cookie.
    #[must_use]
    pub const fn new(principal: Principal, name: String, cookie: Secret) -> Self {
        Self {
            principal,
            name,
            cookie,
        }
    }

    /// What a page puts into its form called `form`.
    #[must_use]
    pub fn form_token(&self, form: &str) -> String {
        form_token::of(&self.cookie, form)
    }

    /// True when `shown` came out of that form, shown to this very session.
    #[must_use]
    pub fn filled_in(&self, form: &str, shown: &str) -> bool {
        form_token::is_of(&self.cookie, form, shown)
    }
}

/// Who knows people: what a service with pages asks, that keeps no sessions of its own.
pub trait Visitors: Send + Sync {
    /// Where pages of this server are.
    fn origin(&self) -> Origin;

    /// Who is signed in, by the request's cookie; `None` when nobody is.
    fn visitor<'a>(&'a self, headers: &'a HeaderMap) -> Boxed<'a, Result<Option<Visitor>, Problem>>;
}
