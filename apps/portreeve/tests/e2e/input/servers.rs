//! What may be wrong with a resource server that is to be registered.

use {
    super::{
        face::{Act, By, Cli, Row, World},
        table::{FORMAT, RANGE, no_texts},
        texts::NOT_PLAIN,
    },
    serde_json::{Value, json},
};

/// Texts that are no address of a resource server.
const NO_RESOURCES: [&str; 16] = [
    "",
    "probe",
    "probe.example/mcp",
    "http://probe.example/mcp",
    "http://10.0.0.1/mcp",
    "HTTPS://probe.example/mcp",
    "https://Probe.example/mcp",
    "https://probe.example/mcp#part",
    "https://probe.example/mcp?a=b",
    "https://ada@probe.example/mcp",
    "https://probe.example/a/../mcp",
    "https://probe.example/%2e%2e/mcp",
    "https://probe.example/ mcp",
    "https://prоbe.example/mcp",
    "javascript:alert(1)",
    "ftp://probe.example/mcp",
];

pub(super) fn rows(world: &World) -> Vec<Row> {
    let act = Act::NewServer;
    let with_flags = || Cli::Not("the command line has an argument for it without a name");
    let mut all = vec![
        world.without(act, "name").on_the_line(with_flags()),
        world.without(act, "resource").on_the_line(with_flags()),
        world.without(act, "scopes"),
    ];
    for bad in ["", &"x".repeat(101), &"é".repeat(101)] {
        all.push(world.field(act, "name", &json!(bad), RANGE, By::Server));
    }
    for bad in NOT_PLAIN {
        all.push(world.field(act, "name", &json!(bad), FORMAT, By::Server));
        all.push(
            world
                .field(act, "scopes[0].words", &json!(bad), FORMAT, By::Server)
                .naming("scopes"),
        );
    }
    for bad in ["", &"x".repeat(201)] {
        all.push(
            world
                .field(act, "scopes[0].words", &json!(bad), RANGE, By::Server)
                .naming("scopes"),
        );
    }
    for bad in NO_RESOURCES {
        all.push(world.field(act, "resource", &json!(bad), FORMAT, By::Server));
    }
    let long = format!("https://probe.example/{}", "x".repeat(500));
    all.push(world.field(act, "resource", &json!(long), FORMAT, By::Server));
    for bad in no_texts() {
        for field in [
            "name",
            "resource",
            "scopes[0].scope",
            "scopes[0].words",
            "roles[0].role",
        ] {
            all.push(world.field(act, field, &bad, FORMAT, By::Server));
        }
    }
    for field in ["scopes[0].isDefault", "roles[0].bypass"] {
        for bad in [json!("true"), json!(1), json!(null)] {
            all.push(world.field(act, field, &bad, FORMAT, By::Server));
        }
    }
    for bad in ["", "probe read", "\"", "зонд:read", &"x".repeat(65)] {
        all.push(world.field(act, "scopes[0].scope", &json!(bad), FORMAT, By::Server));
        all.push(
            world
                .field(act, "roles[0].scopes", &json!([bad]), FORMAT, By::Server)
                .naming("roles[0].scopes[0]"),
        );
    }
    for built_in in ["admin:all", "agents:read", "mcp:read"] {
        all.push(
            world
                .field(act, "scopes[0].scope", &json!(built_in), FORMAT, By::Server)
                .naming("scopes"),
        );
    }
    for bad in [
        "",
        "owner",
        "agent",
        "member",
        "Prober",
        "pro ber",
        "none",
        "9th",
        &"x".repeat(33),
    ] {
        all.push(
            world
                .field(act, "roles[0].role", &json!(bad), FORMAT, By::Server)
                .naming("roles"),
        );
    }
    all.push(
        world
            .field(act, "roles[0].scopes", &json!(["other:read"]), FORMAT, By::Server)
            .naming("roles"),
    );
    let twice = json!([{"scope": "a", "words": "x"}, {"scope": "a", "words": "y"}]);
    all.push(world.field(act, "scopes", &twice, FORMAT, By::Server));
    let twice = json!([{"role": "a", "scopes": []}, {"role": "a", "scopes": []}]);
    all.push(world.field(act, "roles", &twice, FORMAT, By::Server));
    let scopes: Vec<Value> = (0..51)
        .map(|number| json!({"scope": format!("s{number}"), "words": "x"}))
        .collect();
    let roles: Vec<Value> = (0..21)
        .map(|number| json!({"role": format!("r{number}"), "scopes": []}))
        .collect();
    for (field, bad) in [
        ("scopes", json!([])),
        ("scopes", json!(scopes)),
        ("roles", json!(roles)),
    ] {
        all.push(world.field(act, field, &bad, RANGE, By::Server));
    }
    all
}
