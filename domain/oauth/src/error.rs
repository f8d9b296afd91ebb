//! What goes wrong, in the words of RFC 6749 and its children. A description is fixed text of ours: it holds the
//! characters that RFC 6749 allows and never a byte of the request.

use serde::Serialize;

/// An error code, and the RFC it is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// RFC 6749: a parameter is missing, repeated or malformed.
    InvalidRequest,
    /// RFC 6749: no such client, or not proven to be it.
    InvalidClient,
    /// RFC 6749: the code, refresh token or device code is not, or no longer, this client's.
    InvalidGrant,
    /// RFC 6749: this client may not use this grant.
    UnauthorizedClient,
    /// RFC 6749: no such grant here.
    UnsupportedGrantType,
    /// RFC 6749: only `code` is answered.
    UnsupportedResponseType,
    /// RFC 6749: a scope that is unknown, malformed or beyond what was granted.
    InvalidScope,
    /// RFC 6749: the owner said no.
    AccessDenied,
    /// RFC 6749: our fault.
    ServerError,
    /// RFC 6749: later perhaps.
    TemporarilyUnavailable,
    /// RFC 8707: no such resource here, or not of this grant.
    InvalidTarget,
    /// RFC 8628: nobody has decided yet.
    AuthorizationPending,
    /// RFC 8628: asked too often; wait five seconds longer between two polls from now on.
    SlowDown,
    /// RFC 8628: the device code is over.
    ExpiredToken,
    /// RFC 7591: a redirect address that cannot be registered.
    InvalidRedirectUri,
    /// RFC 7591: anything else in the metadata.
    InvalidClientMetadata,
}

impl ErrorCode {
    /// As it travels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::UnsupportedResponseType => "unsupported_response_type",
            Self::InvalidScope => "invalid_scope",
            Self::AccessDenied => "access_denied",
            Self::ServerError => "server_error",
            Self::TemporarilyUnavailable => "temporarily_unavailable",
            Self::InvalidTarget => "invalid_target",
            Self::AuthorizationPending => "authorization_pending",
            Self::SlowDown => "slow_down",
            Self::ExpiredToken => "expired_token",
            Self::InvalidRedirectUri => "invalid_redirect_uri",
            Self::InvalidClientMetadata => "invalid_client_metadata",
        }
    }

    /// The HTTP status of a direct answer: 401 for a client that is not believed, 503 and 500 for us, 400 for the rest
    /// (RFC 6749, 5.2).
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::InvalidClient => 401,
            Self::ServerError => 500,
            Self::TemporarilyUnavailable => 503,
            _ => 400,
        }
    }
}

/// A refusal: code and words. Serialises as the JSON body of RFC 6749, 5.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{}: {error_description}", error.as_str())]
pub struct OAuthError {
    error: ErrorCode,
    error_description: &'static str,
}

/// RFC 6749, 5.2: `%x20-21 / %x23-5B / %x5D-7E`.
const fn is_description(text: &str) -> bool {
    let mut rest = text.as_bytes();
    while let [byte, tail @ ..] = rest {
        if !matches!(byte, 0x20..=0x21 | 0x23..=0x5B | 0x5D..=0x7E) {
            return false;
        }
        rest = tail;
    }
    true
}

impl OAuthError {
    /// A refusal. In a constant, text with other characters than RFC 6749 allows stops the build.
    #[must_use]
    pub const fn new(error: ErrorCode, error_description: &'static str) -> Self {
        let error_description = if is_description(error_description) {
            error_description
        } else {
            "see the code"
        };
        Self {
            error,
            error_description,
        }
    }

    /// The code.
    #[must_use]
    pub const fn code(&self) -> ErrorCode {
        self.error
    }

    /// The words.
    #[must_use]
    pub const fn description(&self) -> &'static str {
        self.error_description
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_is_that_of_rfc_6749() {
        let error = OAuthError::new(ErrorCode::InvalidGrant, "the code is used up");
        let body = serde_json::to_string(&error).unwrap();
        assert_eq!(
            body,
            r#"{"error":"invalid_grant","error_description":"the code is used up"}"#
        );
        assert_eq!(error.to_string(), "invalid_grant: the code is used up");
    }

    #[test]
    fn a_description_with_other_characters_is_not_sent() {
        for bad in ["a \"quote\"", "back\\slash", "ü", "line\nbreak"] {
            assert_eq!(
                OAuthError::new(ErrorCode::InvalidRequest, bad).description(),
                "see the code"
            );
        }
    }

    #[test]
    fn a_client_that_is_not_believed_gets_401() {
        assert_eq!(ErrorCode::InvalidClient.status(), 401);
        assert_eq!(ErrorCode::InvalidGrant.status(), 400);
    }
}
