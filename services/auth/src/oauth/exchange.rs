//! What comes of showing a code, a refresh token or a device code: tokens, a refusal, or the end of a grant.

use {
    crate::{
        oauth::{IssueError, Issued, Issuer, clients::Registered, grants::Given},
        token,
    },
    portreeve_kernel::{GrantId, ScopeSet, Secret},
    portreeve_oauth::{Grant, OAuthError},
    std::net::IpAddr,
};

/// What was decided, and is committed either way: what a second showing ends stays ended.
pub(crate) enum Exchanged {
    /// Tokens of these scopes, and the refresh token for the next.
    Granted(Box<Given>, ScopeSet, Option<Secret>),
    /// It ended this grant.
    Ended(GrantId, OAuthError),
    /// Nothing has changed.
    Refused(OAuthError),
}

impl Issuer {
    /// Makes the tokens that were decided on, for who asks from `address`, once that is committed.
    ///
    /// # Errors
    /// The refusal; [`IssueError`].
    pub(crate) fn settle(&self, exchanged: Exchanged, address: IpAddr) -> Result<Issued, IssueError> {
        match exchanged {
            Exchanged::Granted(given, scopes, refresh) => self.for_person(&given, &scopes, refresh, address),
            Exchanged::Refused(error) => Err(error.into()),
            Exchanged::Ended(grant, error) => {
                self.recent.forget_grant(&grant);
                Err(error.into())
            }
        }
    }

    /// The refresh token that `client` begins with, when it registered for any.
    pub(crate) fn first_refresh(&self, client: &Registered) -> Option<Secret> {
        let wants = client.client.grants.has(Grant::RefreshToken);
        wants.then(|| token::refresh(&*self.entropy))
    }
}
