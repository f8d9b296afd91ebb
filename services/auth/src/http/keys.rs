//! `/auth/keys`: make, list, rotate and revoke API keys.

use {
    crate::{
        Auth,
        issue::{CreatedKey, NewKey},
        leak::{Made, What},
        rows::ApiKey,
        scopes::AdminAll,
    },
    axum::{extract::State, http::StatusCode},
    portreeve_guard::{
        Caller, Id, Json, Network, Page, Paging, PagingQuery, Problem,
        openapi::{BodyRefusals, Refusals},
        text,
    },
    portreeve_kernel::{AgentId, Code, Environment, KeyId, Role, ScopeSet, Seconds, Secret, Tier, Timestamp},
    portreeve_policy::Hours,
    serde::{Deserialize, Serialize, Serializer},
    utoipa::ToSchema,
};

/// Most address ranges per key.
const MAX_NETWORKS: usize = 20;

/// Longest name, in characters.
const MAX_NAME: usize = 100;

/// How long a key is good after it was rotated, in seconds, unless something else is asked for: a day.
const USUAL_GRACE: u32 = 86_400;

/// The longest that can be asked for: three days.
const LONGEST_GRACE: u32 = 3 * 86_400;

portreeve_guard::problems! {
    /// When a key is made.
    pub(crate) CreateRefusals = [Code::AgentNotFound];
    /// When a page is asked for.
    pub(crate) ListRefusals = [Code::ValidationInvalidFormat, Code::ValidationOutOfRange];
    /// When the key does not exist, or is somebody else's.
    pub(crate) NoKey = [Code::AuthKeyNotFound];
    /// When a key is rotated.
    pub(crate) RotationRefusals = [Code::AuthKeyNotFound, Code::ValidationDuplicate];
}

/// A key that is to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct NewKeyBody {
    /// 1 to 100 characters, for people.
    #[schema(example = "shopping agent", min_length = 1, max_length = 100)]
    name: String,
    /// What the key shall be good for: at least one scope, none that its creator or its role may not hold.
    #[schema(value_type = Vec<String>, example = json!(["transactions:execute", "wallets:read"]), min_items = 1)]
    scopes: ScopeSet,
    /// Binds the key to one of your agents. Its role is then `agent`, whatever its scopes; without, it is yours.
    #[schema(value_type = Option<String>, example = "agt_01ARYZ6S41TSV4RRFFQ69G5FAV")]
    agent_id: Option<AgentId>,
    /// Addresses and ranges (CIDR, IPv4 or IPv6) from which the key may be used. Leave out for anywhere.
    #[serde(default)]
    #[schema(value_type = Vec<String>, example = json!(["203.0.113.0/24", "2001:db8::/32"]), max_items = 20)]
    allowed_ips: Vec<Network>,
    /// How much may be asked with it in a minute: as much as the settings say of `default`, `premium` or `enterprise`.
    #[serde(default)]
    #[schema(value_type = Option<String>, example = "premium")]
    tier: Tier,
    /// The hours of every day in which the key may be used, in UTC: from `start` up to, but not including, `end`. It wraps
    /// midnight when `start` is the later. Leave out for all.
    #[schema(value_type = Option<HoursBody>)]
    allowed_hours_utc: Option<Hours>,
    /// From this moment on the key is no longer good. Leave out for no end.
    #[schema(value_type = Option<String>, format = DateTime, example = "2027-01-31T00:00:00Z")]
    expires_at: Option<Timestamp>,
    /// `live` keys act on mainnet projects, `test` keys on all others. Leave out for what the project takes.
    #[schema(value_type = Option<String>, example = "test")]
    environment: Option<Environment>,
}

/// Hours of every day, in UTC.
#[derive(Debug, ToSchema)]
#[schema(as = KeyHours)]
#[expect(dead_code, reason = "describes `Hours`, which knows nothing of OpenAPI")]
pub(crate) struct HoursBody {
    /// 0 to 23: the first hour in which it may be used.
    #[schema(example = 8, maximum = 23)]
    start: u8,
    /// 0 to 23: the first hour in which it may not be used any more.
    #[schema(example = 18, maximum = 23)]
    end: u8,
}

/// Whether a key lets anybody in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum KeyStatus {
    /// It does.
    Active,
    /// It does for a while: another one takes its place.
    Rotating,
    /// Its time is over.
    Expired,
    /// It was revoked, for good.
    Revoked,
}

/// What is known of a key. The key itself is shown once, when it is made.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Key {
    /// Its public half.
    #[schema(value_type = String, example = "key_3V8K2M0QZ7TD")]
    id: KeyId,
    /// For people.
    #[schema(example = "shopping agent")]
    name: String,
    /// Its prefix and last four characters.
    #[schema(example = "wai_test_…x4Zq")]
    hint: String,
    /// Live or test.
    #[schema(value_type = String, example = "test")]
    environment: Environment,
    /// `agent` for a key bound to an agent, else its creator's role.
    #[schema(value_type = String, example = "agent")]
    role: Role,
    /// What it is good for.
    #[schema(value_type = Vec<String>, example = json!(["transactions:execute", "wallets:read"]))]
    scopes: ScopeSet,
    /// The agent it is bound to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "agt_01ARYZ6S41TSV4RRFFQ69G5FAV")]
    agent_id: Option<AgentId>,
    /// From where it may be used; empty for anywhere.
    #[schema(value_type = Vec<String>, example = json!(["203.0.113.0/24"]))]
    allowed_ips: Vec<Network>,
    /// How much may be asked with it in a minute.
    #[schema(value_type = String, example = "default")]
    tier: Tier,
    /// In which hours of the day it may be used; left out: in all.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<HoursBody>)]
    allowed_hours_utc: Option<Hours>,
    /// Whether it lets anybody in.
    status: KeyStatus,
    /// When it was made.
    #[schema(value_type = String, format = DateTime, example = "2026-11-21T09:00:00Z")]
    created_at: Timestamp,
    /// By which credential.
    #[schema(example = "key_0M5B9XWQ4R1C")]
    created_by: String,
    /// From when on it is no longer good.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime, example = "2027-01-31T00:00:00Z")]
    expires_at: Option<Timestamp>,
    /// What takes its place, since it was rotated.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "key_7Q2M4B9XWQ4R")]
    successor_id: Option<KeyId>,
    /// When it was last used, up to half a minute behind.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-11-21T09:30:00Z")]
    last_used_at: Option<Timestamp>,
    /// When it was revoked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    revoked_at: Option<Timestamp>,
}

/// A key that was made.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct NewKeyAnswer {
    /// The key. Keep it now: it is not shown again and cannot be recovered.
    #[serde(serialize_with = "shown_once")]
    #[schema(value_type = String, example = "wai_test_…")]
    key: Secret,
    #[serde(flatten)]
    about: Key,
    /// What is allowed but probably not meant.
    warnings: Vec<KeyWarning>,
}

/// Something to look at.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct KeyWarning {
    /// What it is about: `any_address`.
    #[schema(example = "any_address")]
    code: &'static str,
    /// The field.
    #[schema(example = "allowedIps[0]")]
    param: String,
    /// The same for people.
    detail: String,
}

/// The one place where a key's text leaves the process.
fn shown_once<S: Serializer>(key: &Secret, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(key.expose())
}

impl Key {
    fn of(key: ApiKey, now: Timestamp) -> Self {
        let status = match key.revoked_at {
            Some(_) => KeyStatus::Revoked,
            None if key.is_expired(now) => KeyStatus::Expired,
            None if key.successor.is_some() => KeyStatus::Rotating,
            None => KeyStatus::Active,
        };
        Self {
            id: key.id,
            name: key.name,
            hint: key.hint,
            environment: key.environment,
            role: key.role,
            scopes: key.scopes,
            agent_id: key.agent,
            allowed_ips: key.networks,
            tier: key.tier,
            allowed_hours_utc: key.hours,
            status,
            created_at: key.created_at,
            created_by: key.created_by,
            expires_at: key.expires_at,
            successor_id: key.successor,
            last_used_at: key.last_used_at,
            revoked_at: key.revoked_at,
        }
    }
}

impl NewKeyBody {
    fn check(self) -> Result<NewKey, Problem> {
        let refuse = |param: &str, detail: String| Problem::new(Code::ValidationOutOfRange).param(param).detail(detail);
        text::check("name", "a name", &self.name, 1..=MAX_NAME)?;
        if self.scopes.is_empty() {
            return Err(refuse("scopes", "a key without scopes is good for nothing".to_owned()));
        }
        let networks = self.allowed_ips.len();
        if networks > MAX_NETWORKS {
            return Err(refuse(
                "allowedIps",
                format!("at most {MAX_NETWORKS} ranges, these are {networks}"),
            ));
        }
        let wrong = self.allowed_hours_utc.and_then(|hours| {
            let mut errors = hours.check("allowedHoursUtc").into_iter();
            errors.next()
        });
        if let Some(error) = wrong {
            return Err(refuse(&error.param, error.detail));
        }
        Ok(NewKey {
            name: self.name,
            scopes: self.scopes,
            agent: self.agent_id,
            networks: self.allowed_ips,
            tier: self.tier,
            hours: self.allowed_hours_utc,
            expires_at: self.expires_at,
            environment: self.environment,
        })
    }
}

/// A range that contains every address is no protection.
fn warnings(networks: &[Network]) -> Vec<KeyWarning> {
    let everything = networks
        .iter()
        .enumerate()
        .filter(|(_, network)| network.is_everything());
    let warn = |(place, network): (usize, &Network)| KeyWarning {
        code: "any_address",
        param: format!("allowedIps[{place}]"),
        detail: format!("`{network}` contains every address of its kind, so it keeps nobody out"),
    };
    everything.map(warn).collect()
}

/// Make an API key. Its text is in this answer and nowhere else.
#[utoipa::path(
    post, path = "/auth/keys", tag = "keys", operation_id = "createKey", security(("bearer" = ["admin:all"])),
    request_body = NewKeyBody,
    responses((status = 201, description = "Made", body = NewKeyAnswer), Refusals, BodyRefusals, CreateRefusals),
)]
pub(crate) async fn create(
    caller: Caller<AdminAll>,
    State(auth): State<Auth>,
    Json(body): Json<NewKeyBody>,
) -> Result<(StatusCode, Json<NewKeyAnswer>), Problem> {
    let new = body.check()?;
    let warnings = warnings(&new.networks);
    let CreatedKey { text, key } = auth.keys.create(&caller.principal, new, auth.agents).await?;
    let about = Key::of(key, auth.keys.now());
    Ok((
        StatusCode::CREATED,
        Json(NewKeyAnswer {
            key: text,
            about,
            warnings,
        }),
    ))
}

/// List the API keys, newest first, revoked and expired ones included.
#[utoipa::path(
    get, path = "/auth/keys", tag = "keys", operation_id = "listKeys", security(("bearer" = ["admin:all"])),
    params(PagingQuery),
    responses((status = 200, description = "A page of keys", body = Page<Key>), Refusals, ListRefusals),
)]
pub(crate) async fn list(
    caller: Caller<AdminAll>,
    State(auth): State<Auth>,
    paging: Paging,
) -> Result<Page<Key>, Problem> {
    let page = auth.keys.list(&caller.principal, &paging).await?;
    let now = auth.keys.now();
    Ok(page.map(|key| Key::of(key, now)))
}

/// Revoke an API key, at once and for good. Revoking it again changes nothing.
#[utoipa::path(
    delete, path = "/auth/keys/{keyId}", tag = "keys", operation_id = "revokeKey",
    security(("bearer" = ["admin:all"])),
    params(("keyId" = String, Path, description = "The key's id", example = "key_3V8K2M0QZ7TD")),
    responses((status = 204, description = "Revoked"), Refusals, NoKey),
)]
pub(crate) async fn revoke(
    caller: Caller<AdminAll>,
    State(auth): State<Auth>,
    Id(key): Id<KeyId>,
) -> Result<StatusCode, Problem> {
    auth.keys.revoke(&caller.principal, &key).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// How a key is rotated.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RotationBody {
    /// How many seconds the old key is still good: at most 259200, three days. Left out: a day.
    #[schema(example = 86400, maximum = 259_200)]
    grace_seconds: Option<u32>,
}

/// Make a key like this one, which is good for a while yet. The new one's text is in this answer and nowhere else.
#[utoipa::path(
    post, path = "/auth/keys/{keyId}/rotate", tag = "keys", operation_id = "rotateKey",
    security(("bearer" = ["admin:all"])),
    params(("keyId" = String, Path, description = "The key's id", example = "key_3V8K2M0QZ7TD")),
    request_body = RotationBody,
    responses((status = 201, description = "Rotated: the new key", body = NewKeyAnswer), Refusals, BodyRefusals, RotationRefusals),
)]
pub(crate) async fn rotate(
    caller: Caller<AdminAll>,
    State(auth): State<Auth>,
    Id(key): Id<KeyId>,
    Json(body): Json<RotationBody>,
) -> Result<(StatusCode, Json<NewKeyAnswer>), Problem> {
    let grace = body.grace_seconds.unwrap_or(USUAL_GRACE);
    if grace > LONGEST_GRACE {
        let detail = format!("at most {LONGEST_GRACE} seconds, this is {grace}");
        let problem = Problem::new(Code::ValidationOutOfRange).detail(detail);
        return Err(problem.param("graceSeconds"));
    }
    let CreatedKey { text, key } = auth
        .keys
        .replace(&caller.principal, &key, Seconds(grace), auth.agents.clone())
        .await?;
    let warnings = warnings(&key.networks);
    let about = Key::of(key, auth.keys.now());
    Ok((
        StatusCode::CREATED,
        Json(NewKeyAnswer {
            key: text,
            about,
            warnings,
        }),
    ))
}

/// What else ends with a key that leaked.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct LeakBody {
    /// End the keys and clients, too, that were made with it, and with those, but for the one that asks. Left out: no.
    #[serde(default)]
    with_what_it_made: bool,
}

/// What ended with a key that leaked, and what came of it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LeakAnswer {
    /// The key, which is revoked.
    #[schema(value_type = String, example = "key_3V8K2M0QZ7TD")]
    key_id: KeyId,
    /// The agent it spoke for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "agt_01ARYZ6S41TSV4RRFFQ69G5FAV")]
    agent_id: Option<AgentId>,
    /// True when that agent was stopped by this; false when it was stopped before, is not made yet, or there is none.
    agent_suspended: bool,
    /// What was made with it, or with what was made with it, and was still good: whoever knew the key may have done that. The
    /// oldest first, a thousand at most.
    made: Vec<LeakMade>,
    /// How many there are in all.
    made_in_all: usize,
}

/// Something that was made with a key that leaked.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LeakMade {
    /// What it is.
    kind: What,
    /// Its id.
    #[schema(example = "key_5T9J4N1PX6RB")]
    id: String,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// Whether it ended with this.
    ended: bool,
}

/// Most that are told of.
const MOST_TOLD: usize = 1_000;

/// Say that somebody else knows a key: it is revoked, and the agent it speaks for is suspended with its clients and their
/// tokens, all at once or not at all. The answer names what was made with it.
#[utoipa::path(
    post, path = "/auth/keys/{keyId}/report-leak", tag = "keys", operation_id = "reportLeak",
    security(("bearer" = ["admin:all"])),
    params(("keyId" = String, Path, description = "The key's id", example = "key_3V8K2M0QZ7TD")),
    request_body = Option<LeakBody>,
    responses((status = 200, description = "Ended", body = LeakAnswer), Refusals, BodyRefusals, NoKey),
)]
pub(crate) async fn report_leak(
    caller: Caller<AdminAll>,
    State(auth): State<Auth>,
    Id(key): Id<KeyId>,
    body: Option<Json<LeakBody>>,
) -> Result<Json<LeakAnswer>, Problem> {
    let Json(body) = body.unwrap_or_default();
    let leak = auth
        .keys
        .report_leak(&caller.principal, &key, body.with_what_it_made, auth.agents.clone())
        .await?;
    let told = |made: Made| LeakMade {
        kind: made.what,
        id: made.id,
        created_at: made.created_at,
        ended: made.has_ended,
    };
    Ok(Json(LeakAnswer {
        key_id: key,
        agent_id: leak.agent,
        agent_suspended: leak.is_suspended,
        made_in_all: leak.made.len(),
        made: leak.made.into_iter().take(MOST_TOLD).map(told).collect(),
    }))
}
