//! `GET /oauth/authorize` and what the click on its page asks for. No page of another origin may read them.

use {
    crate::{
        Auth,
        http::people::{NextAnswer, PageRefusals, who},
        oauth::{
            authorize::{Back, Weighed, Wish, is_from_elsewhere},
            clients::Registered,
            consent::{self, Choice, ConsentError, Wanted},
        },
        people::sessions::SignedIn,
    },
    axum::{
        extract::State,
        http::{HeaderMap, StatusCode, Uri},
        response::{IntoResponse, Redirect, Response},
    },
    portreeve_guard::{Json, Problem, RequestContext, openapi::BodyRefusals, problems},
    portreeve_kernel::{AgentId, Code, ScopeSet, control::NamedAgent},
    portreeve_oauth::OAuthError,
    portreeve_pages::{AgentChoice, Consent, OwnPage, Page, SignIn, Target, notice},
    portreeve_policy::roles,
    serde::Deserialize,
    std::sync::Arc,
    utoipa::{IntoParams, ToSchema},
};

/// How many agents are shown to choose from.
const AGENTS: u32 = 100;

problems! {
    /// When somebody clicks.
    pub(crate) ConsentRefusals = [
        Code::AuthSessionOver, Code::AuthClientNotFound, Code::AuthScopeInsufficient, Code::AgentNotFound,
        Code::AgentSuspended, Code::ResourceServerNotFound, Code::ValidationOutOfRange, Code::AuthAssertionRequired,
    ];
}

/// What a client asks (RFC 6749, 4.1.1; RFC 7636; RFC 8707).
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "describes the query, which is read as parameters")]
pub(crate) struct AuthorizeQuery {
    /// `code`.
    #[param(example = "code")]
    response_type: String,
    /// Who asks.
    #[param(example = "clt_3V8K2M0QZ7TD")]
    client_id: String,
    /// Where the answer goes: one that the client registered. Left out: the only one.
    redirect_uri: Option<String>,
    /// Separated by spaces. Left out: what the resource's document names.
    #[param(example = "agents:read transactions:execute")]
    scope: Option<String>,
    /// Comes back as it is.
    state: Option<String>,
    /// SHA-256 of the verifier, in base64url.
    code_challenge: String,
    /// `S256`.
    #[param(example = "S256")]
    code_challenge_method: String,
    /// The resource server. Left out: the wallet.
    #[param(example = "https://portreeve.example/mcp")]
    resource: Option<String>,
}

/// What was clicked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Decision {
    /// Yes, to what is chosen.
    Allow,
    /// No.
    Deny,
}

/// A click on the page.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ConsentBody {
    /// What was asked: the query of the page's address.
    request: String,
    /// As it stands in the form.
    form_token: String,
    /// Yes or no.
    decision: Decision,
    /// Of what was asked; what is left out is not granted.
    #[schema(value_type = Vec<String>)]
    scopes: ScopeSet,
    /// The one agent that the program may act for; the person itself without.
    #[schema(value_type = Option<String>)]
    agent_id: Option<AgentId>,
}

/// The form of one request as it was shown: its token is good for no other, nor when the client calls itself something else
/// meanwhile, or has its answers sent elsewhere.
fn form(request: &str, wish: &Wish) -> String {
    let (name, to) = (&wish.client.client.name, &wish.asked.redirect_uri);
    format!("consent {} {} {to} {name} {request}", to.len(), name.len())
}

/// The page on which a person decides what a program may do (RFC 6749, 4.1.1). Who is not signed in signs in first.
#[utoipa::path(
    get, path = "/oauth/authorize", tag = "oauth", operation_id = "authorizePage", security(()),
    params(AuthorizeQuery),
    responses(
        (status = 200, description = "The page, or the one to sign in on", content_type = "text/html"),
        (status = 303, description = "To a client that the owner made: `error`, `state` and `iss`"),
        (status = 400, description = "There is no address that an answer may be sent to", content_type = "text/html"),
        (status = 503, description = "The database does not answer"),
    )
)]
pub(crate) async fn page(
    context: RequestContext,
    State(auth): State<Auth>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Problem> {
    let request = uri.query().unwrap_or_default();
    let again = format!("/oauth/authorize?{request}");
    let who = who(&auth, &headers).await?;
    // Nobody has us ask anywhere who is nobody here.
    if who.is_none() && is_from_elsewhere(request) {
        return Ok(Page::new(SignIn { next: &again }).into_response());
    }
    let weighed = auth.issuer.weigh(request).await.map_err(ConsentError::from)?;
    if let Weighed::Page(error) = weighed {
        return Ok(refused(error, &context));
    }
    let Some(who) = who else {
        // Before an answer goes anywhere: a link to us must not lead on by itself.
        return Ok(Page::new(SignIn { next: &again }).into_response());
    };
    Ok(match weighed {
        Weighed::Page(error) => refused(error, &context),
        Weighed::Back(back) => sent_back(&back, &who),
        Weighed::Ask(wish) if !wish.client.is_for(&who.user.owner) => {
            let text = "It belongs to somebody else's people. Sign in as one of them, or use another program.";
            notice(StatusCode::FORBIDDEN, "This program is not for you", text, context.id()).into_response()
        }
        Weighed::Ask(wish) => asked(&auth, &who, &wish, request, &again).await?,
    })
}

/// There is no address that this may be sent to.
fn refused(error: OAuthError, context: &RequestContext) -> Response {
    let text = format!(
        "What the program sent you here with is wrong: {}. Nothing was granted. Tell whoever makes the program.",
        error.description()
    );
    let title = "The program's request cannot be answered";
    notice(StatusCode::BAD_REQUEST, title, &text, context.id()).into_response()
}

/// To where the client registered; by itself only for one that the person's own people made, so that nobody makes a link to
/// us that ends elsewhere (RFC 9700, 4.11.2).
fn sent_back(back: &Back, who: &SignedIn) -> Response {
    if back.client.owner.as_ref() == Some(&who.user.owner) {
        return Redirect::to(&back.location).into_response();
    }
    let page = portreeve_pages::Back {
        client: &back.client.client.name,
        reason: back.error.description(),
        location: &back.location,
        host: &back.host,
    };
    Page::new(page).with_status(StatusCode::BAD_REQUEST).into_response()
}

/// The page that asks.
async fn asked(auth: &Auth, who: &SignedIn, wish: &Wish, request: &str, again: &str) -> Result<Response, Problem> {
    let (host, is_loopback) = wish.target();
    let target = Target::Redirect {
        request,
        host: &host,
        is_loopback,
    };
    let form = form(request, wish);
    question(auth, who, &wish.client, &wish.wanted(), target, (&form, again)).await
}

/// The page on which `who` decides about what `client` wants. When that moves money, and they signed in a while ago, they
/// do so again first, and come back to `again`.
pub(super) async fn question(
    auth: &Auth,
    who: &SignedIn,
    client: &Registered,
    wanted: &Wanted<'_>,
    target: Target<'_>,
    (form, again): (&str, &str),
) -> Result<Response, Problem> {
    let server = auth.issuer.server(wanted.resource).map_err(Problem::internal)?;
    let is_in_browser = matches!(target, Target::Redirect { .. });
    let scopes = consent::for_person(wanted, &who.user, &server);
    let is_grave = server.is_passed_by(&who.user.role) || scopes.iter().any(roles::is_grave);
    if is_grave && !who.is_fresh(auth.keys.now()) {
        return Ok(Page::new(SignIn { next: again }).into_response());
    }
    let of_agents = consent::for_one_agent(&scopes);
    let rows: Vec<(String, bool)> = scopes
        .iter()
        .map(|scope| (scope.to_string(), of_agents.holds(scope)))
        .collect();
    let wishes: Vec<portreeve_pages::Wish<'_>> = scopes
        .iter()
        .zip(&rows)
        .map(|(scope, (name, is_for_agents))| portreeve_pages::Wish {
            scope: name,
            words: server.words(scope),
            is_for_agents: *is_for_agents,
        })
        .collect();
    let agents = match of_agents.is_empty() {
        true => Vec::new(),
        false => auth
            .agents
            .of_owner(&who.user.owner, AGENTS.saturating_add(1))
            .await
            .map_err(|error| Problem::because(error.code(), error))?,
    };
    let most = usize::try_from(AGENTS).unwrap_or(usize::MAX);
    let only = agents.len() == 1;
    let choose = |agent: &'_ NamedAgent| -> (String, String) { (agent.id.to_string(), agent.name.clone()) };
    let named: Vec<(String, String)> = agents.iter().take(most).map(choose).collect();
    let choices: Vec<AgentChoice<'_>> = named
        .iter()
        .map(|(id, name)| AgentChoice {
            id,
            name,
            is_chosen: only,
        })
        .collect();
    Ok(Page::new(Consent {
        client: &client.client.name,
        target,
        is_stranger: client.owner.is_none(),
        resource: (&server.name, wanted.resource.as_str()),
        wishes: &wishes,
        agents: &choices,
        has_more_agents: agents.len() > most,
        name: &who.user.name,
        role: who.user.role.as_str(),
        passes_checks: is_in_browser && client.owner.is_some() && server.is_passed_by(&who.user.role),
        token: &who.form_token(form),
    })
    .into_response())
}

/// Decide about what a program asked. Without this click nothing is granted.
#[utoipa::path(
    post, path = "/oauth/consent", tag = "oauth", operation_id = "consent", security(()),
    request_body = ConsentBody,
    responses(
        (status = 200, description = "Where the browser goes on: to the client, with a code or with `access_denied`", body = NextAnswer),
        BodyRefusals, PageRefusals, ConsentRefusals,
    )
)]
pub(crate) async fn decide(
    _: OwnPage,
    State(auth): State<Auth>,
    headers: HeaderMap,
    Json(body): Json<ConsentBody>,
) -> Result<Json<NextAnswer>, Problem> {
    let who = who(&auth, &headers).await?.ok_or(ConsentError::SignedOut)?;
    let forged = || Problem::new(Code::RequestOriginNotAllowed).param("formToken");
    let next = match auth.issuer.weigh(&body.request).await.map_err(ConsentError::from)? {
        // What was on the page was neither of these.
        Weighed::Page(_) => return Err(ConsentError::NoClient.into()),
        Weighed::Back(_) => return Err(forged()),
        Weighed::Ask(wish) if !who.filled_in(&form(&body.request, &wish), &body.form_token) => return Err(forged()),
        Weighed::Ask(wish) if !wish.client.is_for(&who.user.owner) => return Err(ConsentError::NoClient.into()),
        Weighed::Ask(wish) => {
            let wish: Arc<Wish> = wish.into();
            match body.decision {
                Decision::Deny => auth.issuer.deny(&who, &wish).await.map_err(ConsentError::from)?,
                Decision::Allow => {
                    let choice = Choice {
                        scopes: body.scopes,
                        agent: body.agent_id,
                    };
                    auth.issuer
                        .consent(&who, &wish, choice, Arc::clone(&auth.agents))
                        .await?
                }
            }
        }
    };
    Ok(Json(NextAnswer::to(next)))
}
