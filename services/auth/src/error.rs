//! Why something was not done about a key or a client, and what the caller is told.

use {
    crate::{
        oauth::signing::SigningError,
        resources::{new::Unfit, taken::Taken},
    },
    portreeve_guard::{Problem, caller, insufficient_scope, not_found, page::bad_cursor},
    portreeve_kernel::{
        AgentId, Code, Credential, Environment, GrantId, KeyId, ResourceServerId, Role, Scope, Timestamp,
    },
    portreeve_store::StoreError,
};

/// Why a key or a client was not made, listed, changed or ended.
#[derive(Debug, Clone, thiserror::Error)]
pub enum KeyError {
    /// The creator does not hold it.
    #[error("it would hold the scope `{0}`, which its creator does not hold")]
    WiderThanCreator(Scope),
    /// Its role may not hold it.
    #[error("it would hold the scope `{scope}`, which the role `{role}` may not hold")]
    WiderThanRole {
        /// The first such scope.
        scope: Scope,
        /// The role.
        role: Role,
    },
    /// Live keys act on mainnet projects, test keys on all others.
    #[error("`{asked}` keys do not act here, this project takes `{taken}` keys")]
    OtherEnvironment {
        /// What was asked for.
        asked: Environment,
        /// What the project takes.
        taken: Environment,
    },
    /// A key that is expired when it is made.
    #[error("`{0}` is not in the future")]
    ExpiresInThePast(Timestamp),
    /// There is no such agent, or it is somebody else's.
    #[error("no such agent")]
    NoSuchAgent,
    /// There is no such key, or it is somebody else's.
    #[error("no such key")]
    NoSuchKey,
    /// It was rotated before.
    #[error("it was rotated before, to {0}; rotate that one")]
    AlreadyRotated(KeyId),
    /// It is not good any more: there is nothing to go on with.
    #[error("it is expired or revoked; make a new one")]
    KeyEnded,
    /// There is no such client, or it is somebody else's.
    #[error("no such client")]
    NoSuchClient,
    /// There is no such grant, or it is somebody else's.
    #[error("no such grant")]
    NoSuchGrant,
    /// There is no such resource server, or it is somebody else's.
    #[error("no such resource server")]
    NoSuchServer,
    /// One of ours, which goes with the program.
    #[error("this resource server is one of the program's own")]
    OwnServer,
    /// A resource server that nobody can register.
    #[error(transparent)]
    UnfitServer(Unfit),
    /// What it asks for is another's.
    #[error(transparent)]
    ServerTaken(Taken),
    /// The client was ended for good.
    #[error("the client was ended; make a new one")]
    ClientEnded,
    /// The client signs with a key of its own.
    #[error("the client proves itself by its own key and has no secret; make another client with another key")]
    NoSecret,
    /// The caller's own credential was revoked meanwhile.
    #[error("the caller's credential is no longer good")]
    CallerRevoked(Credential),
    /// The position to go on from is none of this list's.
    #[error("not a cursor of this list")]
    BadCursor,
    /// The signing keys could not be used.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<KeyError> for Problem {
    fn from(error: KeyError) -> Self {
        let detail = error.to_string();
        match error {
            KeyError::WiderThanCreator(scope) | KeyError::WiderThanRole { scope, .. } => {
                insufficient_scope(&scope).detail(detail).param("scopes")
            }
            KeyError::OtherEnvironment { .. } => Self::new(Code::ValidationInvalidEnum)
                .detail(detail)
                .param("environment"),
            KeyError::ExpiresInThePast(_) => Self::new(Code::ValidationOutOfRange).detail(detail).param("expiresAt"),
            KeyError::NoSuchAgent => not_found::<AgentId>().param("agentId"),
            KeyError::NoSuchKey => not_found::<KeyId>(),
            KeyError::AlreadyRotated(_) => Self::new(Code::ValidationDuplicate).detail(detail),
            KeyError::KeyEnded => not_found::<KeyId>().detail(detail),
            KeyError::NoSuchClient => Self::new(Code::AuthClientNotFound),
            KeyError::NoSuchGrant => not_found::<GrantId>(),
            KeyError::NoSuchServer => not_found::<ResourceServerId>(),
            KeyError::OwnServer => Self::new(Code::ValidationInvalidFormat)
                .detail(detail)
                .param("serverId"),
            KeyError::UnfitServer(unfit) => Self::new(match unfit {
                Unfit::TooMany | Unfit::TooLong => Code::ValidationOutOfRange,
                Unfit::BuiltInScope(_) | Unfit::BuiltInRole(_) | Unfit::RoleName(_) | Unfit::UnknownScope { .. } => {
                    Code::ValidationInvalidFormat
                }
            })
            .detail(detail)
            .param(unfit.field()),
            KeyError::ServerTaken(taken) => Self::new(Code::ValidationDuplicate).detail(detail).param(taken.field()),
            KeyError::NoSecret => Self::new(Code::ValidationInvalidFormat)
                .detail(detail)
                .param("clientId"),
            KeyError::ClientEnded => Self::new(Code::AuthClientNotFound).detail(detail),
            KeyError::CallerRevoked(credential) => caller::revoked(&credential),
            KeyError::BadCursor => bad_cursor(),
            KeyError::Signing(error @ (SigningError::WrongSeal | SigningError::None | SigningError::Crypto)) => {
                Self::internal(error)
            }
            KeyError::Signing(SigningError::Store(error)) | KeyError::Store(error) => {
                Self::because(error.code(), error)
            }
        }
    }
}
