//! `/approve/{id}`: the page on which an owner approves a policy with a passkey. For people; nothing here takes a bearer.

use {
    super::agents::{ApproveRefusals, NoAgent},
    crate::{Wallet, agents, passkeys, scopes},
    axum::{
        extract::State,
        http::{HeaderMap, StatusCode},
        response::{IntoResponse, Response},
    },
    base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD},
    portreeve_guard::{Id, Json, Problem, RequestContext, insufficient_scope, openapi::BodyRefusals},
    portreeve_kernel::{AgentId, Code, OwnerProof, RequiredScope},
    portreeve_pages::{Approve, Approved, OwnPage, Page, SignIn, Visitor, notice},
    serde::{Deserialize, Serialize},
    utoipa::ToSchema,
};

portreeve_guard::problems! {
    /// When somebody clicks.
    pub(super) PageRefusals = [
        Code::AuthSessionOver, Code::AuthScopeInsufficient, Code::RequestOriginNotAllowed, Code::SystemRateLimited,
        Code::SystemInternalError, Code::SystemDatabaseError,
    ];
}

/// A click on the page, and what the passkey says to it, in base64url.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ApproveBody {
    /// Whose policy.
    #[schema(value_type = String, example = "agt_01JZ3V5Q8K3M0N2P4R6S8T0V2W")]
    agent_id: AgentId,
    /// The version that was shown.
    policy_version: u64,
    /// As it stands in the form.
    form_token: String,
    /// The credential's id.
    id: String,
    /// The authenticator's answer.
    authenticator_data: String,
    /// What the browser says of itself.
    client_data: String,
    /// Over both.
    signature: String,
}

/// Where to go on.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ApprovedAnswer {
    /// A path of this server.
    #[schema(example = "/approve/agt_01JZ3V5Q8K3M0N2P4R6S8T0V2W")]
    next: String,
}

/// The form of one version of one policy: its token is good for no other.
fn form(agent: &AgentId, version: u64) -> String {
    format!("approve {agent} {version}")
}

/// Where that policy is approved.
fn place(agent: &AgentId) -> String {
    format!("/approve/{agent}")
}

fn may_approve(who: &Visitor) -> bool {
    who.principal.scopes.holds(&scopes::PoliciesWrite::SCOPE)
}

/// The page on which an owner sees the policy that waits and approves it with a passkey. Who is not signed in signs in first.
#[utoipa::path(
    get, path = "/approve/{agentId}", tag = "pages", operation_id = "approvePage", security(()),
    params(("agentId" = String, Path)),
    responses(
        (status = 200, description = "The page, or the one to sign in on", content_type = "text/html"),
        (status = 403, description = "Whoever is signed in approves nothing", content_type = "text/html"),
        (status = 404, description = "There is no such agent", content_type = "text/html"),
        (status = 503, description = "Database or signer do not answer"),
    )
)]
pub(super) async fn page(
    context: RequestContext,
    State(wallet): State<Wallet>,
    headers: HeaderMap,
    agent: Result<Id<AgentId>, Problem>,
) -> Result<Response, Problem> {
    let Some(who) = wallet.visitors().visitor(&headers).await? else {
        let next = agent.map_or_else(|_| "/signin".to_owned(), |Id(agent)| place(&agent));
        return Ok(Page::new(SignIn { next: &next }).into_response());
    };
    if !may_approve(&who) {
        let text = "Policies are approved by owners. Ask one of them, or sign in as one.";
        let page = notice(
            StatusCode::FORBIDDEN,
            "This is not yours to approve",
            text,
            context.id(),
        );
        return Ok(page.into_response());
    }
    let found = match agent {
        Ok(Id(agent)) => agents::waiting(&wallet, &who.principal, &agent).await?,
        Err(_) => None,
    };
    let Some(found) = found else {
        let text = "It is written otherwise, or belongs to somebody else. Go back to where you came from.";
        let page = notice(StatusCode::NOT_FOUND, "There is no such agent", text, context.id());
        return Ok(page.into_response());
    };
    let (id, name) = (found.id.to_string(), found.name.as_str());
    let agent = (id.as_str(), name);
    let Some(challenge) = found.challenge else {
        let version = found.version;
        return Ok(Page::new(Approved { agent, version }).into_response());
    };
    let own = passkeys::of_person(&wallet, &who.principal).await?;
    let ids: Vec<&str> = own.iter().map(|one| one.credential_id.as_str()).collect();
    let user = who.principal.user.as_ref().map(ToString::to_string).unwrap_or_default();
    Ok(Page::new(Approve {
        agent,
        lines: &found.lines,
        warnings: &found.warnings,
        version: found.version,
        challenge: &BASE64_URL_SAFE_NO_PAD.encode(challenge.as_bytes()),
        site: own.first().map_or("", |one| one.rp_id.as_str()),
        passkeys: &ids.join(" "),
        user: (&user, &who.name),
        token: &who.form_token(&form(&found.id, found.version)),
    })
    .into_response())
}

/// Approve a policy with a passkey that the signer believes. Without this click nothing is approved.
#[utoipa::path(
    post, path = "/approve", tag = "pages", operation_id = "approveByPasskey", security(()),
    request_body = ApproveBody,
    responses(
        (status = 200, description = "Approved: where the browser goes on", body = ApprovedAnswer),
        BodyRefusals, PageRefusals, NoAgent, ApproveRefusals,
    )
)]
pub(super) async fn approve(
    _: OwnPage,
    State(wallet): State<Wallet>,
    headers: HeaderMap,
    Json(body): Json<ApproveBody>,
) -> Result<Json<ApprovedAnswer>, Problem> {
    let who = wallet.visitors().visitor(&headers).await?;
    let who = who.ok_or(Code::AuthSessionOver)?;
    if !who.filled_in(&form(&body.agent_id, body.policy_version), &body.form_token) {
        return Err(Problem::new(Code::RequestOriginNotAllowed).param("formToken"));
    }
    if !may_approve(&who) {
        return Err(insufficient_scope(&scopes::PoliciesWrite::SCOPE));
    }
    let proof = OwnerProof::Passkey {
        credential_id: body.id,
        authenticator_data: body.authenticator_data,
        client_data: body.client_data,
        signature: body.signature,
    };
    agents::approve(&wallet, &who.principal, &body.agent_id, body.policy_version, proof).await?;
    let next = place(&body.agent_id);
    Ok(Json(ApprovedAnswer { next }))
}
