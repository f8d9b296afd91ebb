//! What a client asks people to consent to (RFC 6749, 4.1.1), judged: whenever the page is shown, and again when somebody
//! clicks on it.

use {
    crate::oauth::{IssueError, Issuer, clients::Registered, consent::Wanted},
    portreeve_oauth::{
        Asked, ClientId, Denied, ErrorCode, OAuthError, Page, Params, RedirectUri, Resource, answer_with_error, asked,
    },
    std::sync::Arc,
};

const NO_CLIENT: OAuthError = OAuthError::new(
    ErrorCode::InvalidClient,
    "client_id is missing, or names no client of this server",
);

/// What became of a request.
pub(crate) enum Weighed {
    /// It is shown to the person: there is no address that it may be sent to.
    Page(OAuthError),
    /// It goes back to the client.
    Back(Back),
    /// A person may be asked.
    Ask(Box<Wish>),
}

/// A refusal that goes back to a client.
pub(crate) struct Back {
    /// Where to, with all that the client is told.
    pub(crate) location: String,
    /// The host of that, for people.
    pub(crate) host: String,
    /// Whose client it is.
    pub(crate) client: Arc<Registered>,
    /// What is wrong.
    pub(crate) error: OAuthError,
}

/// What a person is asked.
pub(crate) struct Wish {
    /// Who asks.
    pub(crate) client: Arc<Registered>,
    /// For what.
    pub(crate) asked: Asked,
}

impl Wish {
    /// The same, however the answer goes.
    pub(crate) fn wanted(&self) -> Wanted<'_> {
        Wanted {
            client: &self.client.client,
            resource: &self.asked.resource,
            scopes: &self.asked.scopes,
            is_stranger: self.client.owner.is_none(),
        }
    }

    /// The host that the answer goes to, and whether that is the person's own machine.
    pub(crate) fn target(&self) -> (String, bool) {
        target(&self.asked.redirect_uri)
    }
}

/// Host of an address that was found registered, and whether it is loopback.
fn target(address: &str) -> (String, bool) {
    RedirectUri::register(address).map_or_else(
        |_| (String::new(), false),
        |uri| (uri.host().to_owned(), uri.is_loopback()),
    )
}

/// True when a request comes from a client that is called by the address of its document: judging it means to ask there.
pub(crate) fn is_from_elsewhere(query: &str) -> bool {
    let params = Params::parse(query.as_bytes()).ok();
    let id = params.and_then(|params| params.get("client_id").and_then(ClientId::parse));
    id.is_some_and(|id| id.is_document())
}

impl Issuer {
    /// Judges the query of an authorization request.
    ///
    /// # Errors
    /// When the store cannot be asked.
    pub(crate) async fn weigh(&self, query: &str) -> Result<Weighed, IssueError> {
        let params = match Params::parse(query.as_bytes()) {
            Ok(params) => params,
            // Whose it is stands in it, too, and cannot be believed.
            Err(error) => return Ok(Weighed::Page(error)),
        };
        let id = params.get("client_id").and_then(ClientId::parse);
        let found = match id {
            Some(id) => self.registered(&id).await?,
            None => None,
        };
        let Some(client) = found.filter(|found| found.client.enabled) else {
            return Ok(Weighed::Page(NO_CLIENT));
        };
        let servers = self.servers();
        let known = |resource: &Resource| {
            let server = servers.named(resource.as_str());
            server
                .map(|server| (server.all(), server.offered()))
                .unwrap_or_default()
        };
        Ok(match asked(&params, &client.client, servers.names(), known) {
            Ok(asked) => Weighed::Ask(Box::new(Wish { client, asked })),
            Err(Denied::Page(Page(error))) => Weighed::Page(error),
            Err(Denied::Redirect { to, state, error }) => Weighed::Back(Back {
                host: target(&to).0,
                location: answer_with_error(&to, state.as_deref(), self.origin.as_str(), error),
                client,
                error,
            }),
        })
    }
}
