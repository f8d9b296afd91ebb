//! The token request: which grant is asked, and with what.

use {
    crate::{
        client::Grant,
        error::{ErrorCode, OAuthError},
        params::Params,
    },
    portreeve_kernel::Secret,
};

const NO_GRANT_TYPE: OAuthError = OAuthError::new(ErrorCode::InvalidRequest, "grant_type is missing");
const GRANT_TYPE: OAuthError = OAuthError::new(
    ErrorCode::UnsupportedGrantType,
    "grant_type is none that the metadata lists",
);
const CODE: OAuthError = OAuthError::new(ErrorCode::InvalidRequest, "code is missing");
const REFRESH: OAuthError = OAuthError::new(ErrorCode::InvalidRequest, "refresh_token is missing");
const DEVICE: OAuthError = OAuthError::new(ErrorCode::InvalidRequest, "device_code is missing");

/// What is asked of the token endpoint. The rest of the parameters is judged together with the row that is found.
#[derive(Debug, Clone)]
pub enum TokenRequest {
    /// Redeem a code.
    Code(Secret),
    /// Exchange a refresh token.
    Refresh(Secret),
    /// A token for the client itself.
    Client,
    /// Has the person decided on the other device?
    Device(Secret),
}

impl TokenRequest {
    /// The grant it uses, which the client has to have registered.
    #[must_use]
    pub const fn grant(&self) -> Grant {
        match self {
            Self::Code(_) => Grant::AuthorizationCode,
            Self::Refresh(_) => Grant::RefreshToken,
            Self::Client => Grant::ClientCredentials,
            Self::Device(_) => Grant::DeviceCode,
        }
    }
}

/// Reads the request.
///
/// # Errors
/// `invalid_request` when something is missing, `unsupported_grant_type` for any other grant.
pub fn token_request(params: &Params) -> Result<TokenRequest, OAuthError> {
    let secret = |name, missing| params.need(name, missing).map(|text| Secret::new(text.to_owned()));
    match Grant::parse(params.need("grant_type", NO_GRANT_TYPE)?).ok_or(GRANT_TYPE)? {
        Grant::AuthorizationCode => secret("code", CODE).map(TokenRequest::Code),
        Grant::RefreshToken => secret("refresh_token", REFRESH).map(TokenRequest::Refresh),
        Grant::ClientCredentials => Ok(TokenRequest::Client),
        Grant::DeviceCode => secret("device_code", DEVICE).map(TokenRequest::Device),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Result<Grant, OAuthError> {
        token_request(&Params::parse(body.as_bytes()).unwrap()).map(|request| request.grant())
    }

    #[test]
    fn each_grant_is_read_with_what_it_takes() {
        assert_eq!(
            read("grant_type=authorization_code&code=c"),
            Ok(Grant::AuthorizationCode)
        );
        assert_eq!(
            read("grant_type=refresh_token&refresh_token=r"),
            Ok(Grant::RefreshToken)
        );
        assert_eq!(read("grant_type=client_credentials"), Ok(Grant::ClientCredentials));
        let device = "grant_type=urn:ietf:params:oauth:grant-type:device_code&device_code=d";
        assert_eq!(read(device), Ok(Grant::DeviceCode));
    }

    #[test]
    fn what_is_missing_is_named_and_other_grants_do_not_exist() {
        assert_eq!(read(""), Err(NO_GRANT_TYPE));
        assert_eq!(read("grant_type=authorization_code"), Err(CODE));
        assert_eq!(read("grant_type=refresh_token&refresh_token="), Err(REFRESH));
        for other in ["password", "implicit", "client_credentials%20", "Client_Credentials"] {
            assert_eq!(read(&format!("grant_type={other}")), Err(GRANT_TYPE), "{other}");
        }
    }
}
