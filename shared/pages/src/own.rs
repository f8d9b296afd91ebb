//! Whether a request was caused by a page of ours. A browser adds cookies to a request whoever caused it; what it says of
//! the cause no page can forge.

use {
    axum::{
        extract::{FromRef, FromRequestParts},
        http::request::Parts,
    },
    portreeve_guard::{Origin, Problem},
    portreeve_kernel::Code,
};

/// A page of ours caused this request. The first argument of every handler that changes something for who is signed in, or
/// signs somebody in, so that nothing is read or answered before.
#[derive(Debug, Clone, Copy)]
pub struct OwnPage(());

impl<App: Send + Sync> FromRequestParts<App> for OwnPage
where
    Origin: FromRef<App>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        if Origin::from_ref(app).caused(&parts.headers) {
            Ok(Self(()))
        } else {
            Err(Problem::new(Code::RequestOriginNotAllowed).detail(
                "only a page of this server may ask for this; open it at the server's own address, and begin there",
            ))
        }
    }
}
