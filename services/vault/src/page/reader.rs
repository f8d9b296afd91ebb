//! Who looks at the pages.

use {
    crate::{Vault, scopes},
    axum::{
        extract::{FromRef, FromRequestParts},
        http::{StatusCode, Uri, request::Parts},
        response::{IntoResponse, Response},
    },
    portreeve_guard::{Gate, RequestContext},
    portreeve_kernel::RequiredScope,
    portreeve_pages::{OwnPath, Page, SignIn, notice, too_many},
};

/// Somebody who is signed in and may read the vault. The first argument of every page: whoever is not gets another page.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader(());

impl FromRequestParts<Vault> for Reader {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, vault: &Vault) -> Result<Self, Response> {
        let who = vault.visitors().visitor(&parts.headers).await;
        let Some(who) = who.map_err(IntoResponse::into_response)? else {
            let next = next(&parts.uri);
            return Err(Page::new(SignIn { next: next.as_str() }).into_response());
        };
        let context = RequestContext::from_request_parts(parts, vault).await;
        let context = context.map_err(IntoResponse::into_response)?;
        let counted = Gate::from_ref(vault).count_visit(&context, &parts.headers, &who.principal);
        counted.map_err(|problem| too_many(problem, context.id()))?;
        if who.principal.scopes.holds(&scopes::Read::SCOPE) {
            return Ok(Self(()));
        }
        let text = "Your role does not read the vault. Ask an owner for one that does, such as member.";
        let page = notice(StatusCode::FORBIDDEN, "This is not yours to read", text, context.id());
        Err(page.into_response())
    }
}

/// Where somebody goes on who has signed in: to what they asked for, as they asked for it.
fn next(uri: &Uri) -> String {
    let asked = uri
        .path_and_query()
        .and_then(|asked| asked.as_str().parse::<OwnPath>().ok());
    asked.map_or_else(|| "/vault/".to_owned(), |asked| asked.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_signs_in_goes_on_to_what_they_asked_for() {
        let next = |uri: &str| next(&uri.parse().unwrap());
        assert_eq!(
            next("/vault/note?path=%EA%B0%80/a.md"),
            "/vault/note?path=%EA%B0%80/a.md"
        );
        assert_eq!(next("https://evil.example/vault/"), "/vault/", "the path alone");
        assert_eq!(next("/vault/search?q=a%22%3E"), "/vault/search?q=a%22%3E");
        assert_eq!(next("//evil.example/"), "/vault/");
    }
}
