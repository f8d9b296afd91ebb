//! What becomes a key: who may be given which scopes, and the row with its audit entry.

use {
    crate::{
        error::KeyError,
        resources::registry::Servers,
        rows::{self, ApiKey},
        token,
    },
    portreeve_guard::Network,
    portreeve_kernel::{
        AgentId, Entropy, Environment, KeyId, OwnerId, Principal, ProjectId, Role, Scope, ScopeSet, Secret, Tier,
        Timestamp,
    },
    portreeve_policy::{Hours, roles},
    portreeve_store::{
        AuditEntry, StoreError, Tx,
        tenancy::{Owner, Project},
    },
    serde_json::json,
};

/// A key that is to be made.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// For people.
    pub name: String,
    /// What it shall be good for.
    pub scopes: ScopeSet,
    /// The one agent it shall speak for. Its role is then `agent`, else its creator's.
    pub agent: Option<AgentId>,
    /// From where it may be used; empty for anywhere.
    pub networks: Vec<Network>,
    /// How much it may ask in a minute.
    pub tier: Tier,
    /// The hours of the day in which it may be used; `None` for all.
    pub hours: Option<Hours>,
    /// From when on it is no longer good.
    pub expires_at: Option<Timestamp>,
    /// For which half of the world; the project's when left out.
    pub environment: Option<Environment>,
}

/// A key that was made, and the only time its text is seen.
#[derive(Debug, Clone)]
pub struct CreatedKey {
    /// The key itself.
    pub text: Secret,
    /// What stays known of it.
    pub key: ApiKey,
}

/// What a key is made of.
pub(crate) struct Made {
    pub(crate) project: ProjectId,
    pub(crate) owner: OwnerId,
    pub(crate) environment: Environment,
    pub(crate) role: Role,
    pub(crate) by: String,
    pub(crate) at: Timestamp,
    pub(crate) new: NewKey,
}

/// A new key, which exists once it is written down.
pub(crate) fn make(entropy: &dyn Entropy, made: Made) -> CreatedKey {
    let text = token::generate(made.environment, entropy);
    let key = ApiKey {
        id: KeyId::new(entropy),
        project: made.project,
        owner: made.owner,
        agent: made.new.agent,
        environment: made.environment,
        role: made.role,
        name: made.new.name,
        hint: token::hint(made.environment, &text),
        scopes: made.new.scopes,
        networks: made.new.networks,
        tier: made.new.tier,
        hours: made.new.hours,
        created_at: made.at,
        created_by: made.by,
        expires_at: made.new.expires_at,
        successor: None,
        revoked_at: None,
        last_used_at: None,
    };
    CreatedKey { text, key }
}

pub(crate) async fn write_down(tx: &mut Tx, created: &CreatedKey) -> Result<(), StoreError> {
    let key = &created.key;
    rows::insert(tx, key, &token::hash(created.text.expose())).await?;
    tx.audit(AuditEntry {
        at: key.created_at,
        kind: "api_key.created".into(),
        actor: key.created_by.clone(),
        owner: Some(key.owner.clone()),
        project: Some(key.project.clone()),
        subject: key.id.to_string(),
        data: json!({
            "name": key.name,
            "environment": key.environment,
            "role": key.role,
            "scopes": key.scopes,
            "agentId": key.agent,
            "allowedIps": key.networks,
            "tier": key.tier,
            "allowedHoursUtc": key.hours,
            "expiresAt": key.expires_at,
        }),
    });
    Ok(())
}

/// The first scope in alphabetical order that is too wide decides.
pub(crate) fn check_scopes(
    servers: &Servers,
    asked: &ScopeSet,
    role: &Role,
    creator: &Principal,
) -> Result<(), KeyError> {
    let (most, held) = (servers.most(role, creator), servers.held(creator));
    let refused = asked.iter().find(|scope| !most.holds(scope) || !held.holds(scope));
    let Some(scope) = refused.cloned() else {
        return Ok(());
    };
    if held.holds(&scope) {
        let role = role.clone();
        return Err(KeyError::WiderThanRole { scope, role });
    }
    Err(KeyError::WiderThanCreator(scope))
}

/// Makes the first key of `owner` in `project`, within the transaction of `init` that makes both: it holds everything an
/// owner may be granted.
///
/// # Errors
/// The store's.
pub async fn first_key(
    tx: &mut Tx,
    project: &Project,
    owner: &Owner,
    entropy: &dyn Entropy,
    at: Timestamp,
) -> Result<CreatedKey, StoreError> {
    let admin: ScopeSet = [Scope::ADMIN_ALL].into_iter().collect();
    let implied = roles::expand(&admin);
    let beside = roles::grantable(&Role::Owner);
    let beside = beside.iter().filter(|scope| !implied.holds(scope));
    let created = make(
        entropy,
        Made {
            project: project.id.clone(),
            owner: owner.id.clone(),
            environment: project.cluster.environment(),
            role: Role::Owner,
            by: "init".to_owned(),
            at,
            new: NewKey {
                name: "first key".to_owned(),
                scopes: admin.iter().chain(beside).cloned().collect(),
                agent: None,
                networks: Vec::new(),
                tier: Tier::Default,
                hours: None,
                expires_at: None,
                environment: None,
            },
        },
    );
    write_down(tx, &created).await?;
    Ok(created)
}
