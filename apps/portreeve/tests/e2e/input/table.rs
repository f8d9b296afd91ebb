//! The table: everything that may be wrong with a request. A new field or command gets its rows here, and with them every
//! face of the product.

use {
    super::{
        face::{Act, By, Cli, Rest, Row, World},
        texts::NOT_PLAIN,
    },
    serde_json::{Value, json},
};

pub(super) const FORMAT: &str = "VALIDATION_INVALID_FORMAT";
pub(super) const RANGE: &str = "VALIDATION_OUT_OF_RANGE";
pub(super) const ENUM: &str = "VALIDATION_INVALID_ENUM";
const POLICY: &str = "POLICY_INVALID";

/// Texts that are no amount, whatever they look like.
const NO_AMOUNTS: [&str; 39] = [
    "",
    " ",
    "-1",
    "-0",
    "+1",
    "1.5",
    "1.0",
    "1,5",
    "1,000",
    "1_000",
    "1 000",
    "1e9",
    "1E9",
    "1e-9",
    "1e400",
    "0x10",
    "0b1",
    "01",
    "00",
    "1 ",
    " 1",
    "1\n",
    "\t1",
    "1\u{a0}",
    "\u{200b}1",
    "1\0",
    "NaN",
    "Infinity",
    "∞",
    "one",
    "true",
    "null",
    // Digits of other scripts: Arabic-Indic, Eastern Arabic-Indic, Devanagari, fullwidth, superscript, Roman.
    "١٢٣",
    "۱۲۳",
    "१२३",
    "１２３",
    "²",
    "Ⅻ",
    "１000000",
];

/// Texts that are numbers, and too small or too large.
const OUT_OF_BOUNDS: [&str; 5] = [
    "0",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "99999999999999999999999999999999999999",
];

/// Everything JSON has beside text.
pub(super) fn no_texts() -> Vec<Value> {
    vec![
        json!(5),
        json!(-5),
        json!(1.5),
        json!(1e9),
        json!(9_223_372_036_854_775_808_u64),
        json!(true),
        json!(null),
        json!([]),
        json!(["1"]),
        json!({}),
        json!({"lamports": "1"}),
    ]
}

/// Texts that are no address. `good` is one.
fn no_addresses(good: &str) -> Vec<String> {
    let tail = &good[1..];
    let hex = "9b1f".repeat(16);
    vec![
        String::new(),
        " ".into(),
        // A Cyrillic а and a fullwidth digit look like what they are not; 0, O, I and l are not in Base58.
        format!("а{tail}"),
        format!("９{tail}"),
        format!("0{tail}"),
        format!("O{tail}"),
        format!("I{tail}"),
        format!("l{tail}"),
        // What cannot be seen.
        format!("{}\u{200b}{}", &good[..9], &good[9..]),
        format!("{good}\u{200d}"),
        format!("\u{feff}{good}"),
        format!("\u{202e}{good}"),
        format!("{good} "),
        format!(" {good}"),
        format!("{good}\n"),
        format!("\t{good}"),
        format!("{good}\u{a0}"),
        // Another length: 31 bytes, 33 bytes, and far more.
        tail[1..].to_owned(),
        format!("{good}1"),
        "1".repeat(31),
        "1".repeat(33),
        "1".repeat(5_000),
        format!("0x{hex}"),
        hex,
        format!("solana:{good}"),
        "https://example.com".into(),
        "shop.sol".into(),
        "null".into(),
    ]
}

/// Texts that are no id of an agent.
const NO_AGENTS: [&str; 7] = [
    "",
    "agt_",
    "agt_01JZ3V5Q8K3M0N2P4R6S8T0V2",
    "agt_01JZ3V5Q8K3M0N2P4R6S8T0V2WX",
    "tx_01JZ3V5Q8K3M0N2P4R6S8T0V2W",
    "agt_01jz3v5q8k3m0n2p4r6s8t0v2w",
    "../auth/keys",
];

/// All of it.
pub(super) fn rows(world: &World) -> Vec<Row> {
    let mut all = Vec::new();
    for act in Act::ALL {
        all.extend(bodies(world, act));
    }
    all.extend(payments(world, Act::Pay));
    all.extend(payments(world, Act::Check));
    all.extend(only_paid(world));
    all.extend(agents(world));
    all.extend(policies(world));
    all.extend(policy_files(world));
    all.extend(keys(world));
    all.extend(credentials(world, Act::NewClient));
    for bad in [
        json!([]),
        json!({}),
        json!({"keys": []}),
        json!(1),
        json!({"keys": [{"kty": "oct", "k": "AAAA"}]}),
    ] {
        all.push(world.field(Act::NewClient, "jwks", &bad, FORMAT, By::Server));
    }
    all
}

/// Bodies that are none of ours, whatever is asked for.
fn bodies(world: &World, act: Act) -> Vec<Row> {
    let good = world.good(act);
    let text = good.to_string();
    let inside = &text[1..];
    let open = &text[..text.len() - 1];
    let (first, _) = inside.split_once(':').unwrap();
    let first_name = first.trim_matches('"').to_owned();
    let by_place: Vec<Value> = good.as_object().unwrap().values().cloned().collect();
    let deep = format!("{open},\"x\":{}{}}}", "[".repeat(40), "]".repeat(40));
    let row = |what: &str, body: Vec<u8>| world.body(act, what, body, FORMAT, None);
    let mut all = vec![
        row("nothing", Vec::new()),
        row("blanks", b" \n ".to_vec()),
        row("no JSON", b"pay me".to_vec()),
        row("a form", b"to=x&amount=1".to_vec()),
        row("half a body", open.as_bytes().to_vec()),
        row("two bodies", format!("{text}{text}").into_bytes()),
        row("a byte order mark", format!("\u{feff}{text}").into_bytes()),
        row("UTF-16", text.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        row(
            "bytes that are no UTF-8",
            [b"{\"\xff\":1,".as_slice(), inside.as_bytes()].concat(),
        ),
        row(
            "half a surrogate pair",
            format!("{{\"\\ud800\":1,{inside}").into_bytes(),
        ),
        row("a comment", format!("{{/* hello */{inside}").into_bytes()),
        row("a comma too many", format!("{open},}}").into_bytes()),
        row("names without quotes", format!("{{to: 1, {inside}").into_bytes()),
        row("single quotes", text.replace('"', "'").into_bytes()),
        row("NaN", format!("{{\"x\":NaN,{inside}").into_bytes()),
        row(
            "a number beyond all bounds",
            format!("{{\"x\":1e999,{inside}").into_bytes(),
        ),
        row("a list", b"[]".to_vec()),
        row("the fields by their places", json!(by_place).to_string().into_bytes()),
        row("a list of bodies", json!([good]).to_string().into_bytes()),
        row("a text", b"\"pay\"".to_vec()),
        row("a number", b"1".to_vec()),
        row("null", b"null".to_vec()),
        world.body(
            act,
            "a field twice",
            format!("{{{first}:\"x\",{inside}").into_bytes(),
            FORMAT,
            Some(&first_name),
        ),
        world.body(
            act,
            "a field twice, once in disguise",
            format!(
                "{{\"\\u{:04x}{}:\"x\",{inside}",
                u32::from(first.as_bytes()[1]),
                &first[2..]
            )
            .into_bytes(),
            FORMAT,
            Some(&first_name),
        ),
        world.body(
            act,
            "forty levels",
            deep.into_bytes(),
            FORMAT,
            Some(&format!("x{}", "[0]".repeat(31))),
        ),
    ];
    let long = format!("{{\"x\":\"{}\",{inside}", "x".repeat(1024 * 1024)).into_bytes();
    all.push(
        world
            .body(act, "a megabyte", long, "REQUEST_TOO_LARGE", None)
            .answered(413),
    );
    let key = ("Idempotency-Key", "probe");
    for (name, value) in [
        ("Content-Type", "text/plain"),
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Content-Type", "application/json; charset=latin1"),
        ("Content-Type", "application/jsonp"),
        ("Content-Type", ""),
        ("content-type", "application/json"),
        ("Content-Encoding", "gzip"),
    ] {
        let what = match name {
            "content-type" => "two content types".to_owned(),
            _ => format!("{name}: {value}"),
        };
        let param = if name == "Content-Encoding" {
            name
        } else {
            "Content-Type"
        };
        let row = world.headers(act, &what, &[key, (name, value)], "REQUEST_MEDIA_TYPE", param);
        all.push(row.answered(415));
    }
    // Wrong spelling is told apart from a stranger, and neither is overlooked.
    for name in [
        "ammount",
        "Amount",
        "TO",
        "agent_id",
        "Nickname",
        "Scopes",
        "__proto__",
        "",
        "\u{202e}to",
    ] {
        let row = world.field(act, name, &json!("1"), FORMAT, By::Line);
        let args = vec!["tx", "send", "--Amount=1"]
            .into_iter()
            .map(str::to_owned)
            .collect();
        let cli = match (act, name) {
            (Act::Pay, "Amount") => Cli::Refuses {
                args,
                exit: 2,
                names: vec!["--Amount".to_owned()],
            },
            _ => Cli::Not("no argument of the command line says it"),
        };
        let row = row.on_the_line(cli);
        all.push(if name.is_empty() { row.naming_nothing() } else { row });
    }
    all
}

/// What a payment and the question about one share.
fn payments(world: &World, act: Act) -> Vec<Row> {
    let mut all = vec![world.without(act, "to"), world.without(act, "amount")];
    for bad in NO_AMOUNTS {
        all.push(world.field(act, "amount", &json!(bad), FORMAT, By::Line));
    }
    for bad in OUT_OF_BOUNDS {
        all.push(world.field(act, "amount", &json!(bad), RANGE, By::Line));
    }
    let sol = world.field(act, "amount", &json!("1sol"), FORMAT, By::Line);
    all.push(sol.on_the_line(Cli::Not("on the command line an amount may be in SOL")));
    // As many digits as fit into a body, and more.
    let row = world.field(act, "amount", &json!("9".repeat(60_000)), RANGE, By::Line);
    all.push(row);
    let long = json!("9".repeat(100_000));
    let row = world.field(act, "amount", &long, "REQUEST_TOO_LARGE", By::Line);
    all.push(row.answered(413).naming_nothing());
    // Numbers that a `Value` cannot hold, or not as they are written.
    for (number, param) in [
        ("-0", Some("amount")),
        ("1e-9", Some("amount")),
        ("99999999999999999999999999999999999999999", Some("amount")),
        ("1e400", None),
    ] {
        let text = world.good(act).to_string();
        let body = text.replace(r#""1000000""#, number);
        assert_ne!(body, text);
        all.push(world.body(act, &format!("amount {number}"), body.into_bytes(), FORMAT, param));
    }
    for bad in no_texts() {
        all.push(world.field(act, "amount", &bad, FORMAT, By::Line));
        all.push(world.field(act, "to", &bad, FORMAT, By::Line));
    }
    for bad in no_addresses(&world.shop) {
        all.push(world.field(act, "to", &json!(bad), FORMAT, By::Line));
        all.push(world.field(act, "mint", &json!(bad), FORMAT, By::Line));
    }
    for bad in no_texts().into_iter().filter(|bad| !bad.is_null()) {
        all.push(world.field(act, "mint", &bad, FORMAT, By::Line));
    }
    all.push(world.field(act, "mint", &json!("SOL"), FORMAT, By::Line));
    // An address at which there is no mint. The command line finds no decimals for it in the policy.
    let mut nothing = world.field(act, "mint", &json!(world.shop), RANGE, By::Server);
    if let Cli::Refuses { exit, names, .. } = &mut nothing.cli {
        (*exit, *names) = (3, vec![world.shop.clone()]);
    }
    all.push(nothing);
    let system = "11111111111111111111111111111111";
    for nobody in [system, &world.vault, &world.multisig] {
        all.push(world.field(act, "to", &json!(nobody), RANGE, By::Server));
    }
    all
}

/// What only a payment has.
fn only_paid(world: &World) -> Vec<Row> {
    let act = Act::Pay;
    let mut all = Vec::new();
    for long in ["x".repeat(201), "é".repeat(201), "🚢".repeat(201)] {
        all.push(world.field(act, "memo", &json!(long), RANGE, By::Server));
    }
    for bad in NOT_PLAIN {
        all.push(world.field(act, "memo", &json!(bad), FORMAT, By::Server));
    }
    for bad in no_texts().into_iter().filter(|bad| !bad.is_null()) {
        all.push(world.field(act, "memo", &bad, FORMAT, By::Server));
    }
    for bad in NO_AGENTS {
        all.push(world.field(act, "agentId", &json!(bad), FORMAT, By::Line));
    }
    for bad in no_texts().into_iter().filter(|bad| !bad.is_null()) {
        all.push(world.field(act, "agentId", &bad, FORMAT, By::Line));
    }
    let nobody = json!("agt_01ARYZ6S41TSV4RRFFQ69G5FAV");
    let row = world.field(act, "agentId", &nobody, "AGENT_NOT_FOUND", By::Server);
    all.push(row.answered(404).naming_nothing());
    let no_key = world.headers(
        act,
        "no Idempotency-Key",
        &[],
        "REQUEST_IDEMPOTENCY_KEY_MISSING",
        "Idempotency-Key",
    );
    all.push(no_key.answered(428).on_the_line(Cli::Not("the command line makes one")));
    let name = "Idempotency-Key";
    for bad in [
        "",
        " ",
        &"k".repeat(256),
        "a b",
        "a\tb",
        "schlüssel",
        "k\u{200b}",
        "клю́ч",
    ] {
        let row = world.headers(act, &format!("{name} {bad:?}"), &[(name, bad)], FORMAT, name);
        let cli = world.said(act, name, bad, By::Line, FORMAT, name);
        all.push(Row {
            input: bad.to_owned(),
            ..row.on_the_line(cli)
        });
    }
    let twice = [(name, "a"), ("idempotency-key", "a")];
    all.push(world.headers(act, "Idempotency-Key twice", &twice, FORMAT, name));
    for bad in ["a\nb", "a\r\nX-Evil: 1"] {
        all.push(Row {
            act,
            what: format!("{name} {bad:?}"),
            input: bad.to_owned(),
            rest: Rest::Not("the end of a line is the end of a header"),
            cli: world.said(act, name, bad, By::Line, FORMAT, name),
        });
    }
    all
}

fn agents(world: &World) -> Vec<Row> {
    let act = Act::NewAgent;
    let mut all = vec![world.without(act, "nickname"), world.without(act, "policy")];
    for bad in ["", &"x".repeat(51), &"é".repeat(51)] {
        all.push(world.field(act, "nickname", &json!(bad), RANGE, By::Server));
    }
    for bad in NOT_PLAIN.into_iter().chain([" ", "a ", " a", "a\u{a0}"]) {
        all.push(world.field(act, "nickname", &json!(bad), FORMAT, By::Server));
    }
    for bad in no_texts() {
        all.push(world.field(act, "nickname", &bad, FORMAT, By::Server));
    }
    for bad in ["", "a b", "ä", "<script>", "a\u{200b}", "a,b", "x".repeat(31).as_str()] {
        all.push(world.field(act, "tags[0]", &json!(bad), FORMAT, By::Server));
    }
    for bad in [json!("true"), json!(1), json!(null), json!([true])] {
        all.push(world.field(act, "registerOAuthClient", &bad, FORMAT, By::Server));
    }
    all.push(world.field(act, "tags", &json!("a"), FORMAT, By::Server));
    all.push(world.field(act, "tags", &json!({"a": 1}), FORMAT, By::Server));
    let many: Vec<String> = (0..11).map(|number| format!("--tag=t{number}")).collect();
    let line = ["agent", "create", "probe", "--daily", "1sol"]
        .into_iter()
        .map(str::to_owned);
    let cli = Cli::Refuses {
        args: line.chain(many).collect(),
        exit: 1,
        names: vec![RANGE.to_owned(), "field: tags".to_owned()],
    };
    all.push(
        world
            .field(act, "tags", &json!(vec!["a"; 11]), RANGE, By::Server)
            .on_the_line(cli),
    );
    all
}

fn policies(world: &World) -> Vec<Row> {
    let act = Act::NewAgent;
    let (daily, once) = ("policy.limits.daily", "policy.limits.perTransaction");
    let mut all = Vec::new();
    for bad in NO_AMOUNTS {
        all.push(world.field(act, daily, &json!(bad), FORMAT, By::Line));
        all.push(world.field(act, once, &json!(bad), FORMAT, By::Line));
    }
    for bad in OUT_OF_BOUNDS {
        all.push(world.field(act, daily, &json!(bad), RANGE, By::Line));
        all.push(world.field(act, once, &json!(bad), RANGE, By::Line));
    }
    for bad in no_texts() {
        // Null is as good as left out, which only the daily limit cannot be.
        let code = if bad.is_null() { POLICY } else { FORMAT };
        all.push(world.field(act, daily, &bad, code, By::Server));
        let destination = "policy.whitelist.allowedDestinations[0]";
        all.push(world.field(act, destination, &bad, FORMAT, By::Line));
    }
    for bad in no_addresses(&world.shop) {
        let destination = "policy.whitelist.allowedDestinations[0]";
        all.push(world.field(act, destination, &json!(bad), FORMAT, By::Line));
    }
    for bad in ["generous", "Standard", "STANDARD", ""] {
        all.push(world.field(act, "policy.preset", &json!(bad), ENUM, By::Server));
    }
    for (name, bad, code) in [
        ("policy", json!("standard"), FORMAT),
        ("policy", json!(["standard"]), FORMAT),
        ("policy", json!(null), FORMAT),
        ("policy.limits", json!(["1", "1", "1", "1"]), FORMAT),
        ("policy.limits", json!("1"), FORMAT),
        ("policy.limits.hourly", json!("1"), FORMAT),
        ("policy.limits.Daily", json!("1"), FORMAT),
        ("policy.minIntervalSeconds", json!(-1), RANGE),
        ("policy.minIntervalSeconds", json!(4_294_967_296_u64), RANGE),
        ("policy.minIntervalSeconds", json!(1.5), FORMAT),
        ("policy.minIntervalSeconds", json!("60"), FORMAT),
        ("policy.approvalMayExceedPerTransaction", json!("yes"), FORMAT),
        ("policy.chainDestinations", json!("some"), ENUM),
        ("policy.timeControl.weekdays[0]", json!("funday"), ENUM),
        ("policy.timeControl.weekdays[0]", json!("Monday"), ENUM),
        ("policy.timeControl.weekdays[0]", json!(1), FORMAT),
        ("policy.timeControl.operatingHoursUtc.start", json!(256), RANGE),
        ("policy.timeControl.operatingHoursUtc.start", json!("9"), FORMAT),
        ("policy.timeControl.blackoutDates[0]", json!("2026-02-30"), FORMAT),
        ("policy.timeControl.blackoutDates[0]", json!("25.12.2026"), FORMAT),
        ("policy.escalation.high", json!("0"), RANGE),
        ("policy.escalation.highest", json!("1"), FORMAT),
    ] {
        let mut row = world.field(act, name, &bad, code, By::Server);
        if name == "policy.timeControl.operatingHoursUtc.start" && code == RANGE {
            row.what.push_str(" o'clock");
        }
        all.push(row);
    }
    let limits = json!({"perTransaction": "2", "daily": "1"});
    let contradiction = world.field(act, "policy.limits", &limits, POLICY, By::Server);
    let both = ["agent", "create", "probe", "--per-transaction=2", "--daily=1"].map(str::to_owned);
    let cli = Cli::Refuses {
        args: both.to_vec(),
        exit: 1,
        names: vec![POLICY.to_owned(), String::new()],
    };
    all.push(contradiction.on_the_line(cli).naming("policy.limits.daily"));
    // The two mints that Squads reads as SOL and as none, and one that is no address.
    for (mint, code) in [
        ("11111111111111111111111111111111", POLICY),
        ("SQDS4ep65T869zMMBKyuUq6aD6EgTu8psMjkvj52pCf", POLICY),
        ("USDC", FORMAT),
    ] {
        let row = world.field(
            act,
            "policy.tokens",
            &json!({mint: {"limits": {"daily": "1"}}}),
            code,
            By::Server,
        );
        all.push(row.naming(&format!("policy.tokens.{mint}")));
    }
    all
}

/// A policy in a file goes over the command line to the server as it stands, so it is read as strictly.
fn policy_files(world: &World) -> Vec<Row> {
    let preset = r#"{"preset":"custom","limits":{"daily":"1","perTransaction":"1"}}"#;
    let not_there = "is no policy";
    let both = format!("{}{}", &preset[..preset.len() - 2], r#","daily":"9"}}"#);
    // What is wrong, the file, the API's code and field, and what the command line has to name.
    type Case = (
        &'static str,
        Vec<u8>,
        &'static str,
        Option<&'static str>,
        Vec<&'static str>,
    );
    let cases: Vec<Case> = vec![
        (
            "a limit twice",
            both.into_bytes(),
            FORMAT,
            Some("policy.limits.daily"),
            vec![not_there, "`limits.daily`"],
        ),
        ("nothing in the file", Vec::new(), FORMAT, None, vec![not_there]),
        (
            "half a policy",
            preset.as_bytes()[..20].to_vec(),
            FORMAT,
            None,
            vec![not_there],
        ),
        (
            "a byte order mark in the file",
            format!("\u{feff}{preset}").into_bytes(),
            FORMAT,
            None,
            vec![not_there],
        ),
        (
            "a list in the file",
            b"[]".to_vec(),
            FORMAT,
            Some("policy"),
            vec![FORMAT, "field: policy"],
        ),
        (
            "a number for an amount",
            preset.replace(r#""daily":"1""#, r#""daily":1"#).into_bytes(),
            FORMAT,
            Some("policy.limits.daily"),
            vec![FORMAT, "field: policy.limits.daily"],
        ),
        (
            "zero for an amount",
            preset.replace(r#""daily":"1""#, r#""daily":"0""#).into_bytes(),
            RANGE,
            Some("policy.limits.daily"),
            vec![RANGE, "field: policy.limits.daily"],
        ),
        (
            "an unknown field",
            preset.replacen('{', r#"{"dayly":1,"#, 1).into_bytes(),
            FORMAT,
            Some("policy.dayly"),
            vec![FORMAT, "field: policy.dayly"],
        ),
    ];
    let rows = cases
        .into_iter()
        .enumerate()
        .map(|(number, (what, policy, code, param, names))| {
            // The same bytes where the API has them: as the policy of a new agent.
            let body = [br#"{"nickname":"probe","policy":"#.as_slice(), &policy, b"}"].concat();
            let cli = world.policy_file(number, &policy, &names);
            world.body(Act::NewAgent, what, body, code, param).on_the_line(cli)
        });
    rows.collect()
}

/// What keys and clients have in common.
fn credentials(world: &World, act: Act) -> Vec<Row> {
    let mut all = vec![world.without(act, "name"), world.without(act, "scopes")];
    for bad in ["", &"x".repeat(101), &"é".repeat(101)] {
        all.push(world.field(act, "name", &json!(bad), RANGE, By::Server));
    }
    for bad in NOT_PLAIN {
        all.push(world.field(act, "name", &json!(bad), FORMAT, By::Server));
    }
    for bad in no_texts() {
        all.push(world.field(act, "name", &bad, FORMAT, By::Server));
        all.push(world.field(act, "scopes[0]", &bad, FORMAT, By::Server));
    }
    all.push(world.field(act, "scopes", &json!([]), RANGE, By::Server));
    all.push(world.field(act, "scopes", &json!("agents:read"), FORMAT, By::Server));
    for bad in [
        "",
        "agents read",
        "agents:read transactions:read",
        "\"",
        "агенты:read",
        &"x".repeat(65),
    ] {
        all.push(world.field(act, "scopes[0]", &json!(bad), FORMAT, By::Line));
    }
    for bad in NO_AGENTS {
        all.push(world.field(act, "agentId", &json!(bad), FORMAT, By::Line));
    }
    let nobody = json!("agt_01ARYZ6S41TSV4RRFFQ69G5FAV");
    all.push(
        world
            .field(act, "agentId", &nobody, "AGENT_NOT_FOUND", By::Server)
            .answered(404),
    );
    all
}

fn keys(world: &World) -> Vec<Row> {
    let act = Act::NewKey;
    let mut all = credentials(world, act);
    for bad in [
        "",
        "here",
        "10.0.0.1/8",
        "10.0.0.0/33",
        "10.0.0.0/-1",
        "10.0.0.0/08",
        "300.0.0.1",
        "10.0.0",
        "::1/129",
        "2001:db8::1/32",
        "10.0.0.0 /8",
        "١٠.0.0.0/8",
    ] {
        all.push(world.field(act, "allowedIps[0]", &json!(bad), FORMAT, By::Server));
    }
    all.push(world.field(act, "allowedIps", &json!("10.0.0.0/8"), FORMAT, By::Server));
    let many: Vec<String> = (0..21).map(|number| format!("10.0.0.{number}")).collect();
    let line = ["key", "create", "probe", "--scope", "agents:read"]
        .into_iter()
        .map(str::to_owned);
    let cli = Cli::Refuses {
        args: line.chain(many.iter().map(|one| format!("--ip={one}"))).collect(),
        exit: 1,
        names: vec![RANGE.to_owned(), "field: allowedIps".to_owned()],
    };
    all.push(
        world
            .field(act, "allowedIps", &json!(many), RANGE, By::Server)
            .on_the_line(cli),
    );
    for bad in [
        "",
        "tomorrow",
        "2027-02-30T00:00:00Z",
        "2027-01-01",
        "2027-01-01T00:00:00",
        "1800000000",
        "2027-01-01T00:00:00Z ",
    ] {
        all.push(world.field(act, "expiresAt", &json!(bad), FORMAT, By::Line));
    }
    all.push(world.field(act, "expiresAt", &json!(1_800_000_000), FORMAT, By::Line));
    for bad in ["", "gold", "Premium", "default "] {
        all.push(world.field(act, "tier", &json!(bad), ENUM, By::Line));
    }
    all.push(world.field(act, "tier", &json!(1), FORMAT, By::Line));
    all.push(world.field(act, "expiresAt", &json!("2020-01-01T00:00:00Z"), RANGE, By::Server));
    for bad in ["prod", "Test", "live"] {
        all.push(world.field(act, "environment", &json!(bad), ENUM, By::Server));
    }
    all
}
