//! The face of the authorization server: `/oauth/*` and the documents under `/.well-known`. Bodies and refusals are those
//! of the OAuth RFCs and not of the rest of the API.

pub(crate) mod authorize;
pub(crate) mod device;
pub(crate) mod documents;
pub(crate) mod register;
pub(crate) mod revoke;
pub(crate) mod token;

use {
    crate::{
        Auth,
        oauth::{IssueError, clients::Registered, signing::SigningError},
    },
    axum::http::{HeaderMap, header},
    portreeve_guard::{Reason, Refusal, RequestContext, oauth::OAuthRefusal},
    portreeve_oauth::{ErrorCode, NOT_BELIEVED, OAuthError, Params, presented},
    serde::Serialize,
    std::sync::Arc,
    utoipa::ToSchema,
};

// Described here; `portreeve_oauth::OAuthError` is what is sent.
/// A refusal as RFC 6749, 5.2 has it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OAuthError)]
pub(crate) struct OAuthErrorBody {
    /// What is wrong, as a name.
    #[schema(example = "invalid_client")]
    error: String,
    /// The same for people.
    #[schema(example = "the client is unknown or not proven to be itself")]
    error_description: String,
}

impl From<IssueError> for OAuthRefusal {
    fn from(error: IssueError) -> Self {
        match error {
            IssueError::Refused(error) => error.into(),
            IssueError::Store(cause) => Self::unavailable(cause),
            IssueError::Unavailable(cause) => Self::unavailable(cause),
            IssueError::Signing(SigningError::Store(cause)) => Self::unavailable(cause),
            IssueError::Signing(cause) => Self::internal(cause),
        }
    }
}

/// The client that sent a request. Who is not believed is told of in the audit log, and not listened to for a while when
/// that happens often; a client that proves itself always is.
async fn client(
    auth: &Auth,
    context: &RequestContext,
    headers: &HeaderMap,
    params: &Params,
) -> Result<Arc<Registered>, OAuthRefusal> {
    let found = async {
        let shown = presented(authorization(headers)?, params)?;
        auth.issuer.client(&shown).await
    };
    found.await.map_err(|error: IssueError| {
        if matches!(&error, IssueError::Refused(error) if error.code() == ErrorCode::InvalidClient) {
            auth.gate.refused(&Refusal::new(context, headers, Reason::Invalid));
            if let Err(problem) = auth.gate.wrong_credential(context) {
                return OAuthRefusal::Problem(problem);
            }
        }
        OAuthRefusal::from(error).to(headers)
    })
}

/// The one `Authorization` header.
fn authorization(headers: &HeaderMap) -> Result<Option<&str>, OAuthError> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| NOT_BELIEVED),
        (Some(_), Some(_)) => Err(OAuthError::new(
            ErrorCode::InvalidRequest,
            "there is more than one Authorization header",
        )),
    }
}
