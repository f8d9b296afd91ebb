//! Why something was not done for or about a person, and what is told of it.

use {
    portreeve_guard::{Problem, caller, insufficient_scope, not_found, page::bad_cursor},
    portreeve_kernel::{Code, Credential, Role, Scope, UserId},
    portreeve_store::StoreError,
};

/// Why nothing was done.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PeopleError {
    /// Whoever gives the role does not hold all that it may be granted.
    #[error("the role `{role}` may be granted the scope `{scope}`, which your credential does not hold")]
    WiderThanCreator {
        /// The first such scope.
        scope: Scope,
        /// The role.
        role: Role,
    },
    /// Neither built in for people nor brought along by a resource server.
    #[error("the roles of people are owner, viewer, auditor, member, and those of registered resource servers")]
    NoSuchRole,
    /// There is no such user, it was removed, or is another owner's.
    #[error("no such user")]
    NoSuchUser,
    /// Nobody would be an owner any more.
    #[error("nobody would be an owner any more")]
    LastOwner,
    /// Unknown, used, replaced or over: one answer for all.
    #[error("the link is not valid")]
    LinkInvalid,
    /// A passkey that is not known, does not fit what was asked, or has been shown before: one answer for all.
    #[error("the passkey was not accepted")]
    PasskeyRefused,
    /// The caller's own credential was revoked meanwhile.
    #[error("the caller's credential is no longer good")]
    CallerRevoked(Credential),
    /// The position to go on from is none of this list's.
    #[error("not a cursor of this list")]
    BadCursor,
    /// The WebAuthn library or the seal failed, which no input causes.
    #[error("a ceremony cannot be made: {0}")]
    Ceremony(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<PeopleError> for Problem {
    fn from(error: PeopleError) -> Self {
        let detail = error.to_string();
        match error {
            PeopleError::WiderThanCreator { scope, .. } => insufficient_scope(&scope).detail(detail).param("role"),
            PeopleError::NoSuchRole => Self::new(Code::ValidationInvalidEnum).detail(detail).param("role"),
            PeopleError::NoSuchUser => not_found::<UserId>(),
            PeopleError::LastOwner => Self::new(Code::UserLastOwner),
            PeopleError::LinkInvalid => Self::new(Code::AuthLinkInvalid),
            PeopleError::PasskeyRefused => Self::new(Code::AuthPasskeyRefused),
            PeopleError::CallerRevoked(credential) => caller::revoked(&credential),
            PeopleError::BadCursor => bad_cursor(),
            PeopleError::Ceremony(cause) => Self::internal(cause),
            PeopleError::Store(error) => Self::because(error.code(), error),
        }
    }
}
