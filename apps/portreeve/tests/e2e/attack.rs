//! Requests that no honest client sends, and honest ones that come all at once.

use {
    crate::{
        estate::{Agent, Estate, policy, until},
        house::SOL,
    },
    serde_json::{Value, json},
    std::{collections::BTreeSet, sync::Barrier, thread},
};

const PAY: &str = "/api/v1/transactions";
const AGENTS: &str = "/api/v1/agents";
const ONE_KEY: &[(&str, &str)] = &[("Idempotency-Key", "attack")];

/// One request, and the refusal it has to get.
struct Case {
    what: String,
    path: &'static str,
    body: Vec<u8>,
    headers: Vec<(String, String)>,
    status: u16,
    code: &'static str,
    param: Option<String>,
}

impl Case {
    /// The same, where the refusal names another field.
    fn naming(self, param: impl Into<String>) -> Self {
        let param = Some(param.into());
        Self { param, ..self }
    }
}

/// A good request with one field put in another's place. `param` is the field that the refusal has to name.
fn field(path: &'static str, good: &Value, name: &str, bad: &Value, code: &'static str) -> Case {
    let mut body = good.clone();
    body.as_object_mut().unwrap().insert(name.to_owned(), bad.clone());
    let what = format!("{path} with {name} {bad}");
    raw(path, &what, body.to_string().into_bytes(), 400, code, Some(name))
}

/// A good request without a field.
fn without(path: &'static str, good: &Value, name: &str) -> Case {
    let mut body = good.clone();
    body.as_object_mut().unwrap().remove(name).unwrap();
    let what = format!("{path} without {name}");
    let body = body.to_string().into_bytes();
    raw(path, &what, body, 400, "VALIDATION_REQUIRED_FIELD", Some(name))
}

fn raw(path: &'static str, what: &str, body: Vec<u8>, status: u16, code: &'static str, param: Option<&str>) -> Case {
    let headers = if path == PAY { ONE_KEY } else { &[] };
    let headers = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Case {
        what: what.to_owned(),
        path,
        body,
        headers: headers.collect(),
        status,
        code,
        param: param.map(str::to_owned),
    }
}

/// A good payment with other headers.
fn headers(
    good: &Value,
    what: &str,
    headers: &[(&str, &str)],
    status: u16,
    code: &'static str,
    param: Option<&str>,
) -> Case {
    let headers = headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Case {
        headers: headers.collect(),
        ..raw(PAY, what, good.to_string().into_bytes(), status, code, param)
    }
}

/// What cannot be an amount, anywhere.
fn no_amounts() -> Vec<(Value, &'static str)> {
    let format = "VALIDATION_INVALID_FORMAT";
    let mut all: Vec<(Value, &str)> = [
        "-1", "+1", "1.5", "1.0", "1e9", "0x10", "", " ", "1 ", " 1", "1_000", "1,000", "NaN", "∞", "١٢٣", "１２",
        "1\u{0}", "one",
    ]
    .into_iter()
    .map(|text| (json!(text), format))
    .collect();
    all.extend(
        [
            json!(5),
            json!(-5),
            json!(1.5),
            json!(1e9),
            json!(true),
            json!(null),
            json!([]),
            json!({}),
        ]
        .map(|bad| (bad, format)),
    );
    all.extend(
        ["0", "9223372036854775808", "18446744073709551616", &"9".repeat(400)].map(|text| (json!(text), format)),
    );
    all
}

/// What cannot be an address, anywhere. `good` is one.
fn no_addresses(good: &str) -> Vec<Value> {
    let tail = &good[1..];
    let mut all: Vec<Value> = [
        String::new(),
        // A Cyrillic а and a fullwidth digit look like what they are not; 0, O, I and l are not in Base58.
        format!("а{tail}"),
        format!("１{tail}"),
        format!("0{tail}"),
        format!("l{tail}"),
        format!("{good} "),
        format!("{good}\n"),
        format!("{good}1"),
        tail[1..].to_owned(),
        "1".repeat(5_000),
        "https://example.com".to_owned(),
    ]
    .map(Value::from)
    .into();
    all.extend([json!(1), json!(null), json!([good]), json!({"address": good})]);
    all
}

/// Bodies that are no JSON of ours, whatever is asked for.
fn no_bodies(path: &'static str, good: &Value) -> Vec<Case> {
    let text = good.to_string();
    let (first, _) = text[1..].split_once(':').unwrap();
    let format = "VALIDATION_INVALID_FORMAT";
    let twice = format!("{{{first}:\"x\",{}", &text[1..]);
    let deep = format!(
        "{}{}{}{}",
        &text[..text.len() - 1],
        ",\"x\":",
        "[".repeat(40),
        "]".repeat(40)
    ) + "}";
    let bodies: Vec<(&str, Vec<u8>)> = vec![
        ("nothing", Vec::new()),
        ("no JSON", b"pay me".to_vec()),
        ("half a body", text.as_bytes()[..text.len() - 1].to_vec()),
        ("two bodies", format!("{text}{text}").into_bytes()),
        ("a byte order mark", format!("\u{feff}{text}").into_bytes()),
        ("UTF-16", text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        (
            "bytes that are no UTF-8",
            [b"{\"\xff\":1,".as_slice(), &text.as_bytes()[1..]].concat(),
        ),
        (
            "half a surrogate pair",
            text.replacen('{', r#"{"\ud800":1,"#, 1).into_bytes(),
        ),
        ("a comment", text.replacen('{', "{/* hello */", 1).into_bytes()),
        (
            "a comma too many",
            format!("{},}}", &text[..text.len() - 1]).into_bytes(),
        ),
        ("NaN", text.replacen('{', r#"{"x":NaN,"#, 1).into_bytes()),
        ("a field twice", twice.into_bytes()),
        ("too deep", deep.into_bytes()),
        ("a list", b"[]".to_vec()),
        ("a text", b"\"pay\"".to_vec()),
        ("null", b"null".to_vec()),
    ];
    let mut all: Vec<Case> = bodies
        .into_iter()
        .map(|(what, body)| raw(path, &format!("{path} with {what}"), body, 400, format, None))
        .collect();
    let long = text.replacen('{', &format!(r#"{{"x":"{}","#, "x".repeat(1024 * 1024)), 1);
    all.push(raw(
        path,
        &format!("{path} with a megabyte"),
        long.into_bytes(),
        413,
        "REQUEST_TOO_LARGE",
        None,
    ));
    all
}

fn payments(good: &Value, shop: &str, stranger: &Agent) -> Vec<Case> {
    let format = "VALIDATION_INVALID_FORMAT";
    let mut all = no_bodies(PAY, good);
    all.extend(["to", "amount"].map(|name| without(PAY, good, name)));
    all.extend(
        no_amounts()
            .into_iter()
            .map(|(bad, code)| field(PAY, good, "amount", &bad, code)),
    );
    all.extend(no_addresses(shop).iter().map(|bad| field(PAY, good, "to", bad, format)));
    let system = "11111111111111111111111111111111";
    all.push(field(PAY, good, "to", &json!(system), "VALIDATION_OUT_OF_RANGE"));
    for unknown in ["ammount", "Amount", "lamports", "agent_id", "__proto__", ""] {
        all.push(field(PAY, good, unknown, &json!("1"), format));
    }
    let range = "VALIDATION_OUT_OF_RANGE";
    for bad in [
        "x".repeat(201),
        "é".repeat(201),
        "a\nb".into(),
        "a\0b".into(),
        "\u{1b}[2J".into(),
        "\u{7f}".into(),
        "\u{85}".into(),
    ] {
        all.push(field(PAY, good, "memo", &json!(bad), range));
    }
    all.extend([json!(1), json!(["x"]), json!({})].map(|bad| field(PAY, good, "memo", &bad, format)));
    for bad in [
        "",
        "agt_",
        "agt_01JZ3V5Q8K3M0N2P4R6S8T0V2",
        "tx_01JZ3V5Q8K3M0N2P4R6S8T0V2W",
        "agt_01jz3v5q8k3m0n2p4r6s8t0v2w",
        "../keys",
    ] {
        all.push(field(PAY, good, "agentId", &json!(bad), format));
    }
    let foreign = field(PAY, good, "agentId", &json!(stranger.id), "AGENT_NOT_FOUND");
    all.push(Case {
        status: 404,
        param: None,
        ..foreign
    });

    let key = Some("Idempotency-Key");
    let missing = "REQUEST_IDEMPOTENCY_KEY_MISSING";
    all.push(headers(good, "no Idempotency-Key", &[], 428, missing, key));
    let long = "k".repeat(256);
    for bad in [long.as_str(), "", "a b", "a\tb", "schlüssel"] {
        all.push(headers(
            good,
            &format!("Idempotency-Key `{bad}`"),
            &[("Idempotency-Key", bad)],
            400,
            format,
            key,
        ));
    }
    let twice = [("Idempotency-Key", "a"), ("idempotency-key", "a")];
    all.push(headers(good, "Idempotency-Key twice", &twice, 400, format, key));
    for (name, value) in [("Content-Type", "text/plain"), ("Content-Encoding", "gzip")] {
        let pair = [ONE_KEY[0], (name, value)];
        all.push(headers(
            good,
            &format!("{name}: {value}"),
            &pair,
            415,
            "REQUEST_MEDIA_TYPE",
            Some(name),
        ));
    }
    all
}

fn agents(good: &Value, shop: &str) -> Vec<Case> {
    let (format, range) = ("VALIDATION_INVALID_FORMAT", "VALIDATION_OUT_OF_RANGE");
    let mut all = no_bodies(AGENTS, good);
    all.extend(["nickname", "policy"].map(|name| without(AGENTS, good, name)));
    for bad in [
        String::new(),
        " ".into(),
        "a ".into(),
        "a\nb".into(),
        "\u{1b}[2J".into(),
        "x".repeat(51),
    ] {
        all.push(field(AGENTS, good, "nickname", &json!(bad), range));
    }
    all.extend([json!(1), json!(null), json!(["a"])].map(|bad| field(AGENTS, good, "nickname", &bad, format)));
    all.push(field(AGENTS, good, "tags", &json!("a"), format));
    all.push(field(AGENTS, good, "tags", &json!(vec!["a"; 11]), range));
    for bad in ["", "a b", "ä", "<script>", &"x".repeat(31)] {
        all.push(field(AGENTS, good, "tags", &json!(["ok", bad]), format).naming("tags[1]"));
    }
    all.push(field(AGENTS, good, "status", &json!("ACTIVE"), format));
    let policy = |param: &str, bad: &Value, code: &'static str| {
        let mut body = json!({"preset": "custom", "limits": {"perTransaction": "1", "daily": "1"}});
        let mut place = &mut body;
        for step in param.split('.') {
            place = match step.parse::<usize>() {
                Ok(index) => &mut place[index],
                Err(_) => &mut place[step],
            };
        }
        *place = bad.clone();
        field(AGENTS, good, "policy", &body, code).naming(format!("policy.{param}"))
    };
    for (bad, code) in no_amounts() {
        // Null is as good as left out, which only the daily limit cannot be.
        if bad.is_null() {
            all.push(policy("limits.daily", &bad, "POLICY_INVALID"));
            continue;
        }
        all.push(policy("limits.daily", &bad, code));
        all.push(policy("limits.perTransaction", &bad, code));
    }
    for bad in no_addresses(shop) {
        let case = policy("whitelist.allowedDestinations", &json!([bad]), format);
        all.push(case.naming("policy.whitelist.allowedDestinations[0]"));
    }
    all.push(policy("limits.daily", &json!("0"), format));
    let contradiction = json!({"perTransaction": "2", "daily": "1"});
    all.push(policy("limits", &contradiction, "POLICY_INVALID").naming("policy.limits.daily"));
    all.push(policy("limits.hourly", &json!("1"), format));
    all.push(policy("minIntervalSeconds", &json!(-1), format));
    all.push(policy("minIntervalSeconds", &json!(1.5), format));
    let word = "VALIDATION_INVALID_ENUM";
    let funday = policy("timeControl.weekdays", &json!(["funday"]), word);
    all.push(funday.naming("policy.timeControl.weekdays[0]"));
    all.push(policy("preset", &json!("generous"), word));
    // The two mints that Squads reads as SOL and as none.
    for mint in [
        "11111111111111111111111111111111",
        "SQDS4ep65T869zMMBKyuUq6aD6EgTu8psMjkvj52pCf",
    ] {
        let tokens = policy("tokens", &json!({mint: {"limits": {"daily": "1"}}}), "POLICY_INVALID");
        all.push(tokens.naming(format!("policy.tokens.{mint}")));
    }
    all
}

fn has_reserved_nothing(estate: &Estate, agent: &Agent) {
    assert_eq!(estate.used_today(&agent.id), 0);
    assert_eq!(estate.booked_today(&agent.id), (0, 0));
    let list = estate.owner().get(&format!("{}/transactions", agent.path()));
    assert_eq!(list.is(200)["items"], json!([]));
    let audit = estate.books().audit();
    let paid: Vec<_> = audit
        .iter()
        .filter(|entry| entry.kind.starts_with("transaction."))
        .collect();
    assert!(paid.is_empty(), "{paid:?}");
}

#[test]
fn what_is_malformed_is_refused_by_the_name_of_its_field_and_reserves_nothing() {
    let estate = Estate::open();
    let shop = "9xQeWvG816bUx9EPjHmaT23yvVM2ZWbrrpZb9PusVFin";
    let agent = estate.agent("target", &policy());
    let stranger = estate.agent("stranger", &policy());
    let order = json!({"to": shop, "amount": "1000000"});
    let wish = json!({"nickname": "new", "policy": {"preset": "standard"}});
    let mut wrong = Vec::new();
    let mut cases = payments(&order, shop, &stranger);
    cases.extend(agents(&wish, shop));
    for case in &cases {
        let key = if case.path == PAY {
            agent.key.as_str()
        } else {
            &estate.house.owner_key()
        };
        let headers: Vec<(&str, &str)> = case
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        let api = estate.house.api(key);
        let Some(answer) = api.try_send_bytes(minreq::Method::Post, case.path, Some(&case.body), &headers) else {
            wrong.push(format!("{}: no answer", case.what));
            continue;
        };
        let told = (
            answer.status,
            answer.body["code"].as_str(),
            answer.body["param"].as_str(),
        );
        let expected = (case.status, Some(case.code), case.param.as_deref());
        let clear = answer.body["detail"].as_str().is_some_and(|detail| !detail.is_empty());
        let problem = answer.header("content-type") == Some("application/problem+json");
        if told != expected || !clear || !problem {
            wrong.push(format!(
                "{}:\n    expected {expected:?}\n    answered {}",
                case.what, answer.body
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
    has_reserved_nothing(&estate, &agent);
    has_reserved_nothing(&estate, &stranger);
    let names = estate.owner().get(AGENTS).is(200)["items"].as_array().unwrap().len();
    assert_eq!(names, 2, "no agent was made");
    // And the same with nothing wrong in it goes through.
    estate.house.chain.airdrop(shop, SOL);
    estate.paid(&agent, shop, 1_000_000, "attack");
}

/// Runs `act` with 0, 1 … on as many threads, started together.
fn at_once<T: Send>(count: u64, act: impl Fn(u64) -> T + Sync) -> Vec<T> {
    let start = Barrier::new(usize::try_from(count).unwrap());
    let run = |number| {
        start.wait();
        act(number)
    };
    thread::scope(|scope| {
        let running: Vec<_> = (0..count).map(|number| scope.spawn(move || run(number))).collect();
        running.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn many_at_once_get_one_payment_per_key_and_no_more_than_the_limit() {
    let estate = Estate::open();
    let shop = estate.house.somebody();
    let agent = estate.agent("racer", &policy());

    let answers = at_once(32, |_| estate.pay(&agent, &shop, SOL / 2, "one-key"));
    let ids: BTreeSet<&str> = answers
        .iter()
        .map(|answer| answer.is(202)["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids.len(), 1, "32 requests are one payment");
    let first: Vec<_> = answers
        .iter()
        .filter(|answer| answer.header("idempotency-replayed").is_none())
        .collect();
    assert_eq!(
        first.len(),
        1,
        "one is the first, the others are told that they are not"
    );
    assert_eq!(estate.until_ended(&answers[0].body)["status"], "CONFIRMED");
    assert_eq!(estate.house.chain.balance(&shop), SOL / 2);

    // 4.5 SOL are left of the day; 0.2 SOL fit 22 times.
    let answers = at_once(64, |number| {
        estate.pay(&agent, &shop, SOL / 5, &format!("key-{number}"))
    });
    let (taken, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 202);
    for answer in refused {
        answer.is_problem(403, "POLICY_DAILY_LIMIT_EXCEEDED");
    }
    assert_eq!(taken.len(), 22, "as many as fit, and not one less");
    for answer in taken {
        assert_eq!(estate.until_ended(&answer.body)["status"], "CONFIRMED");
    }
    let spent = SOL / 2 + 22 * (SOL / 5);
    assert_eq!(estate.house.chain.balance(&shop), spent);
    assert_eq!(estate.house.chain.balance(&agent.vault()), 10 * SOL - spent);
    assert_eq!(estate.used_today(&agent.id), spent);
    assert_eq!(
        estate.booked_today(&agent.id),
        (spent, spent),
        "server and signer agree"
    );
    let fits = estate.pay(&agent, &shop, SOL / 10, "the-rest");
    assert_eq!(
        estate.until_ended(fits.is(202))["status"],
        "CONFIRMED",
        "to the last lamport"
    );
    estate
        .pay(&agent, &shop, 1, "one-more")
        .is_problem(403, "POLICY_DAILY_LIMIT_EXCEEDED");
    until("nothing of it is left to do", || {
        let list = estate
            .owner()
            .get(&format!("{}/transactions?status=SUBMITTED", agent.path()));
        list.is(200)["items"].as_array().unwrap().is_empty().then_some(())
    });
    estate.books().audit();
}
