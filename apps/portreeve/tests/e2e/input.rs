//! What is malformed is refused, wherever it comes in: one table of wrong things drives every face of the product through
//! the real binary. Each refusal has the right code, names the field, says what would work, and leaves nothing behind.
//!
//! The snapshot holds every message there is, so that somebody reads them: `cargo insta review` after a change.

mod face;
mod notes;
mod servers;
mod table;
mod texts;
mod users;

use {
    crate::estate::{Estate, policy, until},
    face::{Act, Cli, Rest, Row, World},
    portreeve_guard::text::shown,
    portreeve_store::audit::AuditRow,
    serde_json::{Value, json},
    std::{collections::BTreeSet, fmt::Write},
};

/// What was said in refusal.
#[derive(PartialEq, Eq)]
struct Said {
    /// Status, code and field, or the exit code.
    verdict: String,
    message: String,
}

fn every_row(world: &World) -> Vec<Row> {
    [
        table::rows(world),
        users::rows(world),
        servers::rows(world),
        notes::rows(world),
    ]
    .concat()
}

/// How many inputs are shown of those that get the same refusal.
const SHOWN: usize = 6;

/// Refusals by what they say, in the order in which they were first met, with what they were said to.
#[derive(Default)]
struct Messages(Vec<(Said, Vec<(Act, String)>)>);

impl Messages {
    fn note(&mut self, act: Act, what: &str, said: Said) {
        let mut short: String = what.chars().take(60).collect();
        if short.len() < what.len() {
            short.push('…');
        }
        match self.0.iter_mut().find(|(known, _)| *known == said) {
            Some((_, inputs)) => inputs.push((act, short)),
            None => self.0.push((said, vec![(act, short)])),
        }
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for (said, inputs) in &self.0 {
            let message = said.message.replace('\n', "\n    ");
            let _ = writeln!(text, "{}\n    {message}", said.verdict);
            for act in Act::ALL {
                let of = inputs.iter().filter(|(one, _)| *one == act);
                let of: Vec<&str> = of.map(|(_, what)| what.as_str()).collect();
                let more = match of.len().saturating_sub(SHOWN) {
                    0 => String::new(),
                    more => format!(" and {more} more"),
                };
                if !of.is_empty() {
                    let _ = writeln!(text, "  {act}: {}{more}", of[..of.len().min(SHOWN)].join(" · "));
                }
            }
            text.push('\n');
        }
        text
    }
}

/// The message without what it repeats of the input, and without what differs between two runs.
fn general(message: &str, row: &Row, world: &World) -> String {
    let mut message = message.to_owned();
    let cut = |text: &str| text.chars().take(64).collect::<String>();
    let (readable, short) = (shown(&row.input), cut(&row.input));
    for input in [row.input.as_str(), &readable, &short, &cut(&readable)] {
        if !input.is_empty() {
            for (open, close) in [('`', '`'), ('\'', '\'')] {
                message = message.replace(&format!("{open}{input}{close}"), &format!("{open}«»{close}"));
                message = message.replace(&format!("{open}{input}…{close}"), &format!("{open}«»{close}"));
            }
        }
    }
    for (name, value) in [
        ("{agent}", &world.agent),
        ("{stranger}", &world.stranger),
        ("{vault}", &world.vault),
        ("{multisig}", &world.multisig),
        ("{folder}", &world.folder.display().to_string()),
    ] {
        message = message.replace(value, name);
    }
    let lines: Vec<String> = message.split('\n').map(shown).collect();
    lines.join("\n")
}

/// Sends it to the API; what is not as the row says is written down in `wrong`.
fn ask_rest(estate: &Estate, world: &World, row: &Row, wrong: &mut Vec<String>) -> Option<Said> {
    let Rest::Refuses {
        body,
        headers,
        status,
        code,
        param,
    } = &row.rest
    else {
        return None;
    };
    let headers: Vec<(&str, &str)> = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    let answer = estate
        .owner()
        .try_send_bytes(minreq::Method::Post, &world.path(row.act), Some(body), &headers);
    let Some(answer) = answer else {
        wrong.push(format!("{} with {}: no answer", row.act, row.what));
        return None;
    };
    let member = |name: &str| answer.body[name].as_str();
    let told = (answer.status, member("code"), member("param"));
    let problem = answer.header("content-type") == Some("application/problem+json");
    if told != (*status, Some(*code), param.as_deref()) || !problem {
        let expected = (status, code, param);
        wrong.push(format!(
            "{} with {}:\n    expected {expected:?}\n    answered {}",
            row.act, row.what, answer.body
        ));
    }
    let named = param.as_deref().map_or_else(String::new, |param| format!(" {param}"));
    Some(Said {
        verdict: shown(&format!("{status} {code}{named}")),
        message: general(member("detail").unwrap_or_default(), row, world),
    })
}

/// Says it on the command line.
fn ask_cli(estate: &Estate, world: &World, row: &Row, wrong: &mut Vec<String>) -> Option<Said> {
    let Cli::Refuses { args, exit, names } = &row.cli else {
        return None;
    };
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = estate.house.cli(&args);
    let unnamed: Vec<_> = names
        .iter()
        .filter(|name| !done.stderr.contains(name.as_str()))
        .collect();
    if done.code != *exit || !unnamed.is_empty() || !done.stdout.is_empty() {
        wrong.push(format!(
            "{args:?}:\n    expected {exit}, naming {names:?}\n    ended with {}: {}{}",
            done.code, done.stdout, done.stderr
        ));
    }
    let lines = done.stderr.lines().take_while(|line| !line.starts_with("Usage:"));
    let lines: Vec<&str> = lines
        .filter(|line| !line.is_empty() && !line.starts_with("  request:") && !line.starts_with("For more information"))
        .collect();
    Some(Said {
        verdict: format!("exit {exit}"),
        message: general(lines.join("\n").trim_start_matches("error: "), row, world),
    })
}

/// How many refusals an entry of the audit log stands for.
fn refusals(entry: &AuditRow) -> u64 {
    let data: Value = serde_json::from_str(&entry.data).unwrap();
    data["count"].as_u64().unwrap_or(1)
}

#[test]
fn what_is_malformed_is_refused_everywhere_by_the_name_of_its_field_and_leaves_nothing() {
    let estate = Estate::open();
    let agent = estate.agent("target", &policy());
    let stranger = estate.agent("stranger", &policy());
    let folder = tempfile::tempdir().unwrap();
    let world = World {
        shop: "9xQeWvG816bUx9EPjHmaT23yvVM2ZWbrrpZb9PusVFin".to_owned(),
        agent: agent.id.to_string(),
        vault: agent.vault(),
        multisig: agent.wallet.multisig().to_string(),
        stranger: stranger.id.to_string(),
        folder: folder.path().to_owned(),
    };
    estate.until_settled(&agent.id, "ACTIVE");
    estate.until_settled(&stranger.id, "ACTIVE");
    let books = estate.books();
    // Refusals of a payment that name no agent are written a moment later, and looked at in the end.
    let without_audit = || {
        let mut sizes = books.sizes();
        sizes.remove("audit_log");
        sizes
    };
    let mut sizes = without_audit();
    let told_before = books.audit().len();
    let (mut wrong, mut messages) = (Vec::new(), Messages::default());
    let (mut asked, mut skipped) = (0, BTreeSet::new());
    // Payments by an agent that nobody knows: those alone are told of in the audit log.
    let mut by_nobody = 0;
    for row in every_row(&world) {
        let said = [
            ask_rest(&estate, &world, &row, &mut wrong),
            ask_cli(&estate, &world, &row, &mut wrong),
        ];
        for said in said.into_iter().flatten() {
            messages.note(row.act, &general(&row.what, &row, &world), said);
            asked += 1;
            by_nobody += u64::from(row.is_by_nobody());
        }
        for reason in [
            if let Rest::Not(reason) = &row.rest {
                Some(*reason)
            } else {
                None
            },
            if let Cli::Not(reason) = &row.cli {
                Some(*reason)
            } else {
                None
            },
        ] {
            skipped.extend(reason);
        }
        let after = without_audit();
        if after != sizes {
            wrong.push(format!("{} with {} left something: {after:?}", row.act, row.what));
            sizes = after;
        }
    }
    assert!(wrong.is_empty(), "{} of {asked}:\n{}", wrong.len(), wrong.join("\n"));
    assert_ne!(by_nobody, 0);
    let told = until("the refusals in the audit log", || {
        let told = books.audit().split_off(told_before);
        (told.iter().map(refusals).sum::<u64>() >= by_nobody).then_some(told)
    });
    assert!(told.iter().all(|entry| entry.kind == "transaction.refused"), "{told:?}");
    assert_eq!(told.iter().map(refusals).sum::<u64>(), by_nobody, "{told:?}");
    for one in [&agent, &stranger] {
        assert_eq!(estate.used_today(&one.id), 0);
        assert_eq!(estate.booked_today(&one.id), (0, 0));
    }
    let mut text = messages.text();
    let _ = writeln!(
        text,
        "## Asked\n\n{asked} times\n\n## Not asked\n\n{}",
        skipped.into_iter().collect::<Vec<_>>().join("\n")
    );
    insta::assert_snapshot!("refusals", text);

    // What is well-formed is refused by the policy alone, on the record, and nothing is reserved: a mint that it does
    // not know, and the largest amount there is.
    let (mint, largest) = ("So11111111111111111111111111111111111111112", "9223372036854775807");
    for (field, value, code) in [
        ("mint", mint, "POLICY_TOKEN_NOT_ALLOWED"),
        ("amount", largest, "POLICY_PER_TX_LIMIT_EXCEEDED"),
    ] {
        let order = |act| {
            let mut order = world.good(act);
            order[field] = json!(value);
            order
        };
        let before = books.sizes();
        let asked = estate.owner().post(&world.path(Act::Check), &order(Act::Check));
        assert_eq!(asked.is(200)["code"], code);
        assert_eq!(books.sizes(), before, "asking leaves nothing");
        let (path, key) = (world.path(Act::Pay), [("Idempotency-Key", value)]);
        let denied = estate
            .owner()
            .send(minreq::Method::Post, &path, Some(&order(Act::Pay)), &key);
        denied.is_problem(403, code);
        let after = books.sizes();
        for (table, size) in &after {
            let grown = size - before[table];
            match table.as_str() {
                "transactions" => assert_eq!(grown, 1),
                "audit_log" | "outbox" => assert!(grown >= 1, "{table}"),
                // Where nothing was ever booked, the accounts that were asked stand empty from now on.
                "ledger_accounts" => {}
                _ => assert_eq!(grown, 0, "{table}"),
            }
        }
    }
    let pay = ["tx", "send", "--agent", &world.agent, "--to", &world.shop, "--amount"];
    let in_mint = [pay.as_slice(), &["1", "--mint", mint]].concat();
    let error = estate.house.cli(&in_mint).fails_with(3).to_owned();
    assert!(error.contains(mint), "{error}");
    let most = [pay.as_slice(), &[largest]].concat();
    let error = estate.house.cli(&most).fails_with(3).to_owned();
    assert!(error.contains("POLICY_PER_TX_LIMIT_EXCEEDED"), "{error}");

    // And the same with nothing wrong in it goes through, also to a vault, which is no point on the curve.
    estate.house.chain.airdrop(&world.shop, 1_000_000_000);
    estate.paid(&agent, &world.shop, 1_000_000, "probe");
    estate.paid(&agent, &stranger.vault(), 1_000_000, "probe-vault");
    for act in [
        Act::Check,
        Act::NewAgent,
        Act::NewKey,
        Act::NewClient,
        Act::NewUser,
        Act::NewServer,
        Act::NewTask,
        Act::NewProject,
        Act::NewProgram,
        Act::NewHypothesis,
    ] {
        let answer = estate.owner().post(&world.path(act), &world.good(act));
        assert!(answer.status < 300, "{act}: {}", answer.body);
    }
    let mut generous = world.good(Act::NewAgent);
    generous["policy"]["limits"] = json!({"perTransaction": largest, "daily": largest});
    let answer = estate.owner().post(&world.path(Act::NewAgent), &generous);
    assert!(answer.status < 300, "{}", answer.body);
    assert_eq!(estate.used_today(&agent.id), 2_000_000);
}

#[test]
fn a_refusal_repeats_little_of_what_was_sent_and_nothing_that_does_something() {
    let estate = Estate::open();
    let long = "\u{1b}]0;evil\u{7}\u{202e}".repeat(2_000);
    for body in [
        json!({"nickname": long, "policy": {"preset": "standard"}}),
        json!({"nickname": "a", "policy": {"preset": long}}),
        json!({"nickname": "a", "policy": {"preset": "standard"}, long.clone(): 1}),
        json!({"nickname": "a", "policy": {"preset": "custom", "limits": {"daily": long}}}),
        json!({"nickname": "a", "policy": {"preset": "standard", "whitelist": {"allowedDestinations": [long]}}}),
    ] {
        let answer = estate.owner().post("/api/v1/agents", &body);
        assert_eq!(answer.status, 400, "{}", answer.body);
        let told = answer.body.to_string();
        assert!(told.len() < 4_000, "{}", told.len());
        let detail = answer.body["detail"].as_str().unwrap();
        assert!(detail.chars().all(|c| !c.is_control() && c != '\u{202e}'), "{detail:?}");
    }
    let list = estate.owner().get("/api/v1/agents").is(200)["items"].clone();
    assert_eq!(list, Value::Array(Vec::new()));
}
