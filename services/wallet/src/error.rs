//! What can go wrong in here: a refusal that the caller is told, or a store that failed.

use {
    crate::ports::{ChainError, SignerError},
    portreeve_guard::Problem,
    portreeve_kernel::Code,
    portreeve_store::StoreError,
};

/// Why an act did not happen.
#[derive(Debug, Clone)]
pub(crate) enum Failure {
    /// The caller's matter, or a dependency's: what the caller is told.
    Refused(Problem),
    /// The store's.
    Store(StoreError),
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Refused(problem)
    }
}

impl From<Code> for Failure {
    fn from(code: Code) -> Self {
        Self::Refused(code.into())
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Refused(problem) => problem,
            Failure::Store(error) => store(&error),
        }
    }
}

/// What a caller is told of a store that failed.
pub(crate) fn store(error: &StoreError) -> Problem {
    Problem::because(error.code(), error)
}

/// What a caller is told of a chain that does not answer.
pub(crate) fn chain(error: &ChainError) -> Problem {
    Problem::because(Code::SystemRpcUnavailable, error)
}

/// What a caller is told of a signer that refuses or does not answer.
pub(crate) fn signer(error: &SignerError) -> Problem {
    match error {
        SignerError::Refused(refusal) => Problem::new(refusal.reason.code()).detail(&refusal.detail),
        SignerError::Unavailable(_) => Problem::because(Code::SystemSignerUnavailable, error),
    }
}
