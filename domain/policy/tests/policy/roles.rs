//! Who may be granted what.

use portreeve_kernel::{Role, Scope, ScopeSet};
use portreeve_policy::roles::{Reach, expand, grant, grantable, is_grave, is_self_only, reach, scopes};
use std::fmt::Write;

const ROLES: [Role; 5] = [Role::Owner, Role::Agent, Role::Viewer, Role::Auditor, Role::Member];

fn set(text: &str) -> ScopeSet {
    text.parse().unwrap()
}

#[test]
fn the_matrix_of_roles_and_scopes() {
    let mut matrix = format!("{:<22}", "scope");
    for role in &ROLES {
        write!(matrix, "{:<9}", role.as_str()).unwrap();
    }
    for scope in scopes() {
        write!(matrix, "\n{:<22}", scope.as_str()).unwrap();
        for role in &ROLES {
            let cell = match reach(role, scope) {
                Reach::Nothing => "-",
                Reach::Own => "own",
                Reach::Project => "all",
            };
            write!(matrix, "{cell:<9}").unwrap();
        }
    }
    let lines: Vec<&str> = matrix.lines().map(str::trim_end).collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn a_role_may_be_granted_exactly_what_reaches_something() {
    for role in &ROLES {
        for scope in scopes() {
            assert_eq!(
                grantable(role).holds(scope),
                reach(role, scope) > Reach::Nothing,
                "{role} {scope}"
            );
        }
    }
    assert_eq!(
        grantable(&Role::Agent).to_string(),
        "agents:read mcp:read policies:read transactions:execute transactions:read wallets:read"
    );
}

#[test]
fn only_roles_that_reach_their_own_agent_are_bound_to_it() {
    for role in &ROLES {
        let own = scopes().any(|scope| reach(role, scope) == Reach::Own);
        assert_eq!(is_self_only(role), own, "{role}");
    }
}

#[test]
fn a_role_that_is_not_built_in_is_granted_nothing_here() {
    let reporter = Role::Custom("reporter".into());
    assert!(grantable(&reporter).is_empty());
    assert!(is_self_only(&reporter));
    assert!(
        grant(
            &set("agents:read reports:read"),
            &reporter,
            &set("admin:all reports:read")
        )
        .scopes
        .is_empty()
    );
    assert_eq!(reach(&Role::Owner, &Scope::new("reports:read")), Reach::Nothing);
}

#[test]
fn admin_all_implies_every_scope_of_wallet_and_auth_and_none_of_the_vault() {
    let all = expand(&set("admin:all"));
    for scope in scopes() {
        let vault = scope.as_str().starts_with("mcp:");
        assert_eq!(all.holds(scope), !vault, "{scope}");
    }
    assert_eq!(expand(&set("agents:read")), set("agents:read"));
    assert!(expand(&set("admin:all mcp:read")).holds(&Scope::new("mcp:read")));
}

#[test]
fn a_grant_is_what_was_asked_and_the_role_may_have_and_the_creator_holds() {
    let outcome = |asked, role, creator| {
        let grant = grant(&set(asked), &role, &set(creator));
        (grant.scopes.to_string(), grant.refused.to_string())
    };
    let granted = |scopes: &str| (scopes.to_owned(), String::new());
    assert_eq!(
        outcome("transactions:execute wallets:read", Role::Agent, "admin:all"),
        granted("transactions:execute wallets:read")
    );
    assert_eq!(
        outcome("agents:read agents:write", Role::Agent, "admin:all"),
        ("agents:read".into(), "agents:write".into()),
        "more than the role"
    );
    assert_eq!(
        outcome("agents:read audit:read", Role::Auditor, "agents:read"),
        ("agents:read".into(), "audit:read".into()),
        "more than the creator"
    );
    assert_eq!(outcome("admin:all", Role::Owner, "admin:all"), granted("admin:all"));
}

#[test]
fn holding_every_scope_is_not_holding_admin_all() {
    let every: ScopeSet = scopes().filter(|scope| **scope != Scope::ADMIN_ALL).cloned().collect();
    let grant = grant(&set("admin:all"), &Role::Owner, &every);
    assert_eq!(
        (grant.scopes.is_empty(), grant.refused.to_string()),
        (true, "admin:all".into())
    );
}

#[test]
fn admin_all_does_not_grant_what_belongs_to_the_vault() {
    let grant = grant(&set("mcp:read"), &Role::Member, &set("admin:all"));
    assert_eq!(grant.refused.to_string(), "mcp:read");
}

#[test]
fn whatever_of_the_wallet_an_auditor_may_not_hold_is_grave() {
    let wallet = expand(&set("admin:all"));
    let reads = grantable(&Role::Auditor);
    for scope in scopes() {
        assert_eq!(is_grave(scope), wallet.holds(scope) && !reads.holds(scope), "{scope}");
    }
}
