//! What whom is shown: every role with every scope alone at every operation that reads the vault, once with an API key and
//! once with an access token; and of each answer, which fields of a note and of a member are in it. What comes out is a table
//! that is read in review.

use {
    super::{Town, encoded},
    crate::{
        coverage::{Operation, operations},
        estate::{Estate, policy, until},
        house::{Answer, Api, House},
        roles::{Way, all_roles, credential},
    },
    portreeve_kernel::Scope,
    portreeve_notes::testing::Plan,
    portreeve_policy::roles,
    std::{collections::BTreeMap, fmt::Write, fs},
};

/// A task and where it lies. Each field has a value of its own, by which it is recognised in whatever answer.
const TASK: &str = "tsk-000000-1700000000001";
const PATH: &str = "50_Projects/2026/Pfields_Fields/Tasks/fields.md";

/// Fields of a task, of its text, and of a member, and what stands in them.
const FIELDS: [(&str, &str); 18] = [
    ("task.assignee", "member-77"),
    ("task.body", "MARKBODY"),
    ("task.candidate_id", "MARK-candidate"),
    ("task.entity_name", "Mark - name"),
    ("task.extra", "MARK-extra"),
    ("task.has_exec_details", "MARK-details"),
    ("task.notes", "MARK-notes"),
    ("task.purse", "MARK-purse"),
    ("task.shadow", "MARK-shadow"),
    ("task.links.shadow", "MARK-nested"),
    ("hidden.entity_id", "log-000001"),
    ("hidden.entity_name", "MARK-log"),
    ("hidden.body", "MARKLOGBODY"),
    ("hidden.type", "ShipLog"),
    ("member.name", "MARK-member-name"),
    ("member.role", "MARK-member-role"),
    ("member.salary", "MARK-member-salary"),
    ("member.email", "MARK-member-email"),
];

/// Of these, what no answer may ever hold.
const NEVER: [&str; 11] = [
    "task.candidate_id",
    "task.has_exec_details",
    "task.purse",
    "task.shadow",
    "task.links.shadow",
    "hidden.entity_id",
    "hidden.entity_name",
    "hidden.body",
    "hidden.type",
    "member.salary",
    "member.email",
];

fn town() -> Town {
    let plan = Plan {
        entities: 60,
        body: 300,
        ..Plan::default()
    };
    let (mut house, manifest) = House::with_vault(&plan);
    house.stop();
    let schema = house.notes().join("00_Meta/schema_constants.yaml");
    let text = fs::read_to_string(&schema).unwrap();
    let private = "private_fields: {all: [shadow], Task: [purse]}\ncross_vault: {exec_only: [ShipLog]}\n";
    fs::write(schema, text.replace("Evidence]", "Evidence, ShipLog]") + private).unwrap();
    let put = |path: &str, text: &str| {
        let whole = house.notes().join(path);
        fs::create_dir_all(whole.parent().unwrap()).unwrap();
        fs::write(whole, text).unwrap();
    };
    put(
        PATH,
        &format!(
            "---\nentity_type: Task\nentity_id: {TASK}\nentity_name: Mark - name\ncreated: 2026-02-01\nupdated: 2999-01-01\n\
             status: doing\ndue: 2020-01-01\nproject_id: prj-001\nparent_id: prj-001\nassignee: member-77\nextra: MARK-extra\n\
             notes: MARK-notes\ncandidate_id: MARK-candidate\nhas_exec_details: MARK-details\npurse: MARK-purse\n\
             shadow: MARK-shadow\nlinks: [{{label: x, shadow: MARK-nested}}]\n---\n\nMARKBODY LOOKFORME\n"
        ),
    );
    put(
        "50_Projects/2026/Pfields_Fields/log.md",
        "---\nentity_type: ShipLog\nentity_id: log-000001\nentity_name: MARK-log\nupdated: 2999-01-01\nstatus: doing\n\
         parent_id: prj-001\nproject_id: prj-001\n---\n\nMARKLOGBODY LOOKFORME [[prj-001]]\n",
    );
    put(
        "00_Meta/members.yaml",
        "members: [{id: member-77, name: MARK-member-name, role: MARK-member-role, salary: MARK-member-salary, email: MARK-member-email}]\n",
    );
    house.serve(&[]);
    let town = Town {
        estate: Estate::of(house),
        manifest,
    };
    town.until_searchable();
    town
}

/// A question that each operation answers, and that is about the task where it can be.
fn question(operation: &Operation) -> String {
    let project = ["getVaultProject", "getVaultProjectContext", "getVaultImpact"];
    let id = match operation.id.as_str() {
        id if project.contains(&id) => "prj-001",
        "getVaultTrack" | "getVaultTrackContext" => "trk-1",
        "getVaultProgram" => "pgm-launch",
        "getVaultHypothesis" => "hyp-1-01",
        "getVaultCondition" => "cond-a",
        _ => TASK,
    };
    let path = operation
        .path
        .replace("{entity_id}", id)
        .replace("{member_id}", "member-77");
    assert!(
        !path.contains('{'),
        "{operation}: name it in `question` in tests/e2e/vault/shown.rs"
    );
    let query = match operation.id.as_str() {
        "getVaultEntity" | "getVaultTask" => "?body=true&relations=true".to_owned(),
        "getVaultNote" => format!("?body=true&relations=true&path={}", encoded(PATH)),
        "getVaultNotes" => format!("?paths={}", encoded(PATH)),
        "getVaultFolder" => "?path=50_Projects%2F2026%2FPfields_Fields%2FTasks".to_owned(),
        "searchVault" | "searchAndReadVault" => "?q=LOOKFORME".to_owned(),
        "listVaultEntities" => "?limit=100&folder=50_Projects%2F2026%2FPfields_Fields".to_owned(),
        "listVaultTasks" => "?limit=100&assignee=member-77".to_owned(),
        "getVaultProjectContext" | "getVaultTrackContext" | "getVaultEntityContext" => "?include_body=true".to_owned(),
        "getVaultStrategy" => "?depth=5".to_owned(),
        "scanVault" => "?depth=full&sample_count=5".to_owned(),
        "listVaultFindings" => "?limit=100".to_owned(),
        _ => String::new(),
    };
    path + &query
}

/// Which fields an answer holds.
fn fields(answer: &Answer) -> Vec<&'static str> {
    let text = answer.body.to_string();
    FIELDS
        .iter()
        .filter(|(_, mark)| text.contains(mark))
        .map(|(field, _)| *field)
        .collect()
}

#[test]
fn whom_the_vault_shows_which_fields_is_what_the_table_says_by_key_as_by_token() {
    let town = town();
    let estate = &town.estate;
    let agent = estate.agent("reader", &policy());
    let vault = format!("{}/vault/mcp", estate.house.origin());
    let document = estate.owner().get("/openapi.json").is(200).clone();
    let mut reads = operations(&document);
    reads.retain(|operation| operation.path.starts_with("/vault/") && operation.method == "get");
    reads.retain(|operation| operation.scope.is_some());
    assert!(reads.len() > 30, "{}", reads.len());

    // Who gets in, and what they see there.
    let mut table: BTreeMap<String, BTreeMap<Vec<&str>, Vec<String>>> = BTreeMap::new();
    for role in all_roles() {
        for scope in roles::scopes() {
            let mut seen = Vec::new();
            for way in [Way::Key, Way::Token] {
                let credential = credential(estate, &agent, way, (&role, scope), Some(&vault));
                let api = credential.map(|credential| estate.house.api(&credential));
                seen.push(
                    reads
                        .iter()
                        .map(|read| api.as_ref().and_then(|api| tries(api, read)))
                        .collect::<Vec<_>>(),
                );
            }
            assert_eq!(seen[0], seen[1], "{role} {scope}: by key and by token");
            for (read, seen) in reads.iter().zip(seen.remove(0)) {
                let row = table.entry(read.to_string()).or_default();
                if let Some(seen) = seen {
                    row.entry(seen).or_default().push(format!("{role} with {scope}"));
                }
            }
        }
    }
    let mut text = String::new();
    for (operation, row) in &table {
        writeln!(text, "{operation}").unwrap();
        for (fields, who) in row {
            writeln!(text, "  {}", who.join(", ")).unwrap();
            writeln!(
                text,
                "    shows {}",
                if fields.is_empty() {
                    "none of them".to_owned()
                } else {
                    fields.join(", ")
                }
            )
            .unwrap();
            assert!(
                !fields.iter().any(|field| NEVER.contains(field)),
                "{operation}: {fields:?}"
            );
        }
    }
    insta::assert_snapshot!(text);

    // What the table of roles says, said once more.
    let expected: Vec<String> = all_roles()
        .iter()
        .filter(|role| roles::grantable(role).holds(&"mcp:read".parse().unwrap()))
        .map(|role| format!("{role} with mcp:read"))
        .collect();
    for (operation, row) in &table {
        let who: Vec<&String> = row.values().flatten().collect();
        assert_eq!(who, expected.iter().collect::<Vec<_>>(), "{operation}");
    }
}

/// What `api` is shown; nothing when it is not let in.
fn tries(api: &Api, read: &Operation) -> Option<Vec<&'static str>> {
    let answer = api.get(&question(read));
    match answer.status {
        403 => {
            let refused = answer.is_problem(403, "AUTH_SCOPE_INSUFFICIENT");
            assert_eq!(refused["requiredScope"], "mcp:read", "{read}");
            None
        }
        _ => {
            answer.is(200);
            Some(fields(&answer))
        }
    }
}

#[test]
fn a_token_for_the_wallet_is_none_for_the_vault_and_the_other_way_round() {
    let town = Town::of(&Plan {
        entities: 40,
        ..Plan::default()
    });
    let estate = &town.estate;
    let agent = estate.agent("reader", &policy());
    let (origin, owner) = (estate.house.origin(), portreeve_kernel::Role::Owner);
    let token = |scope: &str, resource: &str| {
        let scope: Scope = scope.parse().unwrap();
        let resource = format!("{origin}{resource}");
        let token = credential(estate, &agent, Way::Token, (&owner, &scope), Some(&resource));
        estate.house.api(&token.unwrap())
    };
    let wallets = token("agents:read", "/mcp");
    wallets.get("/api/v1/agents").is(200);
    wallets.get("/vault/api/v1/status").is_problem(401, "AUTH_KEY_INVALID");
    let vaults = token("mcp:read", "/vault/mcp");
    vaults.get("/vault/api/v1/status").is(200);
    vaults.get("/api/v1/agents").is_problem(401, "AUTH_KEY_INVALID");
    let nobody = estate.house.api("");
    let refused = nobody.get("/vault/api/v1/status");
    refused.is_problem(401, "AUTH_KEY_INVALID");
    let challenge = refused.header("www-authenticate").unwrap();
    assert!(
        challenge.contains("/.well-known/oauth-protected-resource/vault/mcp\""),
        "{challenge}"
    );
}

#[test]
fn what_becomes_private_is_gone_at_once_and_what_was_indexed_of_it_is_not_found() {
    let town = Town::of(&Plan {
        entities: 40,
        ..Plan::default()
    });
    town.until_searchable();
    let api = town.reader();
    let path = "50_Projects/2026/log.md";
    town.write(
        path,
        "---\nentity_type: ShipLog\nentity_id: log-000001\nentity_name: x\nparent_id: prj-001\n---\n\nLOOKFORME\n",
    );
    // While all of it is read anew by other rules, a search says so.
    let found = |count: u64| {
        let answer = api.get("/vault/api/v1/search?q=LOOKFORME");
        if answer.status == 503 {
            answer.is_problem(503, "VAULT_INDEXING");
            return None;
        }
        (answer.is(200)["total"] == count).then_some(())
    };
    until("it is found", || found(1));
    api.get("/vault/api/v1/entities/log-000001").is(200);
    let schema = town.estate.house.notes().join("00_Meta/schema_constants.yaml");
    let text = fs::read_to_string(&schema).unwrap();
    fs::write(&schema, text + "cross_vault: {exec_only: [ShipLog]}\n").unwrap();
    until("it is private", || {
        let status = api.get("/vault/api/v1/entities/log-000001").status;
        (status == 404).then_some(())
    });
    until("it is not found any more", || found(0));
    let graph = api.get("/vault/api/v1/entities/prj-001/graph").is(200).to_string();
    assert!(!graph.contains("log-000001"), "{graph}");
}
