//! Who may be granted what: one table of roles and scopes, for the scopes that are built in.
//!
//! Further roles and scopes are rows of a resource server. A role this table does not know is granted nothing by it.

use portreeve_kernel::{Role, Scope, ScopeSet};

/// How far a scope reaches in the hands of a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reach {
    /// Never granted.
    Nothing,
    /// The one agent the credential is bound to.
    Own,
    /// Everything of the project.
    Project,
}

use Reach::{Nothing as NO, Own as OWN, Project as ALL};

/// One row of the table: what each built-in role may be granted at most.
struct Row {
    scope: Scope,
    /// True for the scopes of the wallet and auth services, which `admin:all` implies.
    implied: bool,
    /// For owner, agent, viewer, auditor, member.
    reach: [Reach; 5],
    /// What it lets somebody do, for people who are asked to grant it.
    words: &'static str,
}

const fn row(scope: &'static str, implied: bool, reach: [Reach; 5], words: &'static str) -> Row {
    Row {
        scope: Scope::new(scope),
        implied,
        reach,
        words,
    }
}

#[rustfmt::skip]
const TABLE: &[Row] = &[
    //                            implied  owner agent viewer auditor member
    row("agents:read",            true,    [ALL, OWN,  ALL,   ALL,    NO], "See agents: their names, addresses and state"),
    row("agents:write",           true,    [ALL, NO,   NO,    NO,     NO], "Make agents, suspend and resume them"),
    row("agents:delete",          true,    [ALL, NO,   NO,    NO,     NO], "End agents for good"),
    row("transactions:read",      true,    [ALL, OWN,  ALL,   ALL,    NO], "See payments, and how much of the limits is used"),
    row("transactions:execute",   true,    [ALL, OWN,  NO,    NO,     NO], "Pay, as far as the policy allows"),
    row("wallets:read",           true,    [ALL, OWN,  ALL,   ALL,    NO], "See balances and deposit addresses"),
    row("wallets:fund",           true,    [ALL, NO,   NO,    NO,     NO], "Move money into wallets"),
    row("policies:read",          true,    [ALL, OWN,  ALL,   ALL,    NO], "See policies and limits"),
    row("policies:write",         true,    [ALL, NO,   NO,    NO,     NO], "Change policies and limits"),
    row("dashboard:read",         true,    [ALL, NO,   ALL,   ALL,    NO], "See the dashboard"),
    row("audit:read",             true,    [ALL, NO,   NO,    ALL,    NO], "Read the audit log"),
    row("admin:all",              true,    [ALL, NO,   NO,    NO,     NO], "Do everything: agents, payments, policies, keys, people"),
    row("mcp:read",               false,   [ALL, ALL,  NO,    NO,     ALL], "Read the vault"),
    row("mcp:write",              false,   [ALL, NO,   NO,    NO,     ALL], "Change the vault"),
];

/// What moves money, or changes who may do so and how much.
const GRAVE: [Scope; 6] = [
    Scope::new("agents:write"),
    Scope::new("agents:delete"),
    Scope::new("transactions:execute"),
    Scope::new("wallets:fund"),
    Scope::new("policies:write"),
    Scope::ADMIN_ALL,
];

impl Row {
    const fn reach_of(&self, role: &Role) -> Reach {
        let [owner, agent, viewer, auditor, member] = self.reach;
        match role {
            Role::Owner => owner,
            Role::Agent => agent,
            Role::Viewer => viewer,
            Role::Auditor => auditor,
            Role::Member => member,
            Role::Custom(_) => Reach::Nothing,
        }
    }
}

/// What comes of asking for scopes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// What may be granted: asked ∩ role ∩ creator.
    pub scopes: ScopeSet,
    /// What was asked for beyond that. Who must not get less than asked refuses, and names these.
    pub refused: ScopeSet,
}

/// Every built-in scope, in the order of the table.
pub fn scopes() -> impl Iterator<Item = &'static Scope> {
    TABLE.iter().map(|row| &row.scope)
}

/// How far `scope` reaches in the hands of `role`. Nothing for a scope that is not built in.
#[must_use]
pub fn reach(role: &Role, scope: &Scope) -> Reach {
    let row = TABLE.iter().find(|row| row.scope == *scope);
    row.map_or(Reach::Nothing, |row| row.reach_of(role))
}

/// What `scope` lets somebody do, in words for people. `None` for a scope that is not built in.
#[must_use]
pub fn words(scope: &Scope) -> Option<&'static str> {
    TABLE.iter().find(|row| row.scope == *scope).map(|row| row.words)
}

/// True for every scope that begins as a built-in one does, in any case of letters (`agents:` for `agents:read`): what may be
/// built in tomorrow is nobody else's today.
#[must_use]
pub fn is_reserved(scope: &Scope) -> bool {
    let begins = family(scope);
    let is_alike = |ours: &Scope| {
        family(ours)
            .zip(begins)
            .is_some_and(|(our, its)| our.eq_ignore_ascii_case(its))
    };
    scopes().any(|ours| ours == scope || is_alike(ours))
}

fn family(scope: &Scope) -> Option<&str> {
    scope.as_str().split_once(':').map(|(family, _)| family)
}

/// True when whoever hands `scope` on lets somebody move money, or change who may do so and how much: a person who is there
/// has to do that.
#[must_use]
pub fn is_grave(scope: &Scope) -> bool {
    GRAVE.contains(scope)
}

/// The most `role` may be granted.
#[must_use]
pub fn grantable(role: &Role) -> ScopeSet {
    let rows = TABLE.iter().filter(|row| row.reach_of(role) > Reach::Nothing);
    rows.map(|row| row.scope.clone()).collect()
}

/// `scopes` and what they imply: `admin:all` implies every built-in scope of the wallet and auth services.
#[must_use]
pub fn expand(scopes: &ScopeSet) -> ScopeSet {
    if !scopes.holds(&Scope::ADMIN_ALL) {
        return scopes.clone();
    }
    let implied = TABLE.iter().filter(|row| row.implied).map(|row| &row.scope);
    scopes.iter().chain(implied).cloned().collect()
}

/// Splits what is `asked` for `role` into what a creator with the scopes `creator` may grant and what not.
#[must_use]
pub fn grant(asked: &ScopeSet, role: &Role, creator: &ScopeSet) -> Grant {
    let (allowed, held) = (grantable(role), expand(creator));
    let (scopes, refused): (Vec<Scope>, Vec<Scope>) = asked
        .iter()
        .cloned()
        .partition(|scope| allowed.holds(scope) && held.holds(scope));
    Grant {
        scopes: scopes.into_iter().collect(),
        refused: refused.into_iter().collect(),
    }
}

/// True when a credential of `role` sees and moves only the agent it is bound to. True for unknown roles, which are
/// bound to none.
#[must_use]
pub const fn is_self_only(role: &Role) -> bool {
    match role {
        Role::Agent | Role::Custom(_) => true,
        Role::Owner | Role::Viewer | Role::Auditor | Role::Member => false,
    }
}
