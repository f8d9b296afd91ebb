//! `/grants/end`, and the list on the page of who is signed in: what they let in themselves, whatever their role.

use {
    super::PageRefusals,
    crate::{Auth, oauth::given::OwnGrant},
    axum::{
        extract::State,
        http::{HeaderMap, StatusCode},
    },
    portreeve_guard::{Json, Problem, RequestContext, openapi::BodyRefusals, problems},
    portreeve_kernel::{AgentId, Code, GrantId},
    portreeve_pages::{LetIn, OwnPage, Visitor, Visitors},
    serde::Deserialize,
    std::collections::HashMap,
    utoipa::ToSchema,
};

/// How many agents are looked through for a name; one beyond is shown by its id.
const AGENTS: u32 = 100;

/// What is shown of a program's name, in characters.
const NAME_CHARACTERS: usize = 100;

problems! {
    /// When somebody ends what they let in.
    pub(crate) EndRefusals = [Code::AuthSessionOver, Code::AuthGrantNotFound];
}

/// A click that ends what somebody let in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct EndGrantBody {
    /// What is to be ended.
    #[schema(value_type = String, example = "grt_01ARYZ6S41TSV4RRFFQ69G5FAV")]
    grant_id: GrantId,
    /// As it stands in the form.
    form_token: String,
}

/// The form that ends one grant: its token is good for no other.
fn form(grant: &GrantId) -> String {
    format!("end-grant {grant}")
}

/// What `who` let in that has not ended, the newest of it, and how much there is.
pub(super) async fn own(auth: &Auth, who: &Visitor) -> Result<(Vec<LetIn>, u64), Problem> {
    let Some(user) = &who.principal.user else {
        return Ok((Vec::new(), 0));
    };
    let own = auth.keys.own_grants(user).await;
    let (own, count) = own.map_err(|error| Problem::because(error.code(), error))?;
    let names = match own.iter().any(|one| one.grant.agent.is_some()) {
        true => names(auth, who).await?,
        false => HashMap::new(),
    };
    Ok((
        own.into_iter().map(|one| shown(auth, who, &names, one)).collect(),
        count,
    ))
}

/// What people call the agents of the owner of `who`.
async fn names(auth: &Auth, who: &Visitor) -> Result<HashMap<AgentId, String>, Problem> {
    let agents = auth.agents.of_owner(&who.principal.owner, AGENTS).await;
    let agents = agents.map_err(|error| Problem::because(error.code(), error))?;
    Ok(agents.into_iter().map(|agent| (agent.id, agent.name)).collect())
}

fn shown(auth: &Auth, who: &Visitor, names: &HashMap<AgentId, String>, OwnGrant { grant, hosts }: OwnGrant) -> LetIn {
    let servers = auth.keys.servers();
    let server = servers.named(&grant.resource);
    let scopes = grant.scopes.iter().map(|scope| {
        let words = server.map_or("", |server| server.words(scope));
        (words.to_owned(), scope.to_string())
    });
    LetIn {
        client: bounded(&grant.client_name),
        hosts: hosts.into_iter().collect::<Vec<_>>().join(", "),
        scopes: scopes.collect(),
        resource: server.map_or_else(|| grant.resource.clone(), |server| server.name.clone()),
        agent: grant.agent.map(|agent| {
            let name = names.get(&agent).cloned().unwrap_or_default();
            (name, agent.to_string())
        }),
        since: grant.created_at.to_string(),
        token: who.form_token(&form(&grant.id)),
        id: grant.id.to_string(),
    }
}

/// A program chose it.
fn bounded(name: &str) -> String {
    let mut characters = name.chars();
    let mut shown: String = characters.by_ref().take(NAME_CHARACTERS).collect();
    if characters.next().is_some() {
        shown.push('…');
    }
    shown
}

/// End what one let a program do, at once and for good, and its tokens with it. Ending it again changes nothing.
#[utoipa::path(
    post, path = "/grants/end", tag = "pages", operation_id = "endOwnGrant", security(()),
    request_body = EndGrantBody,
    responses((status = 204, description = "Ended"), BodyRefusals, PageRefusals, EndRefusals)
)]
pub(crate) async fn end(
    _: OwnPage,
    context: RequestContext,
    State(auth): State<Auth>,
    headers: HeaderMap,
    Json(body): Json<EndGrantBody>,
) -> Result<StatusCode, Problem> {
    let who = auth.people.visitor(&headers).await?.ok_or(Code::AuthSessionOver)?;
    auth.gate.count_visit(&context, &headers, &who.principal)?;
    if !who.filled_in(&form(&body.grant_id), &body.form_token) {
        return Err(Problem::new(Code::RequestOriginNotAllowed).param("formToken"));
    }
    auth.keys.end_own_grant(&who.principal, &body.grant_id).await?;
    Ok(StatusCode::NO_CONTENT)
}
