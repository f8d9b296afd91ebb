//! The vault for programs that know nothing but its address: the official SDKs of both kinds find out the rest from a bare
//! 401, somebody consents in a browser, and they list, read and search; and the same by key.

use {
    crate::{foreign::Street, house::House},
    portreeve_notes::testing::Plan,
    serde_json::{Value, json},
    std::collections::BTreeSet,
};

const TOOLS: [&str; 10] = [
    "browse",
    "get_context",
    "get_entity",
    "get_graph",
    "get_reference",
    "get_status",
    "list_entities",
    "read_notes",
    "search",
    "search_and_read",
];

/// What an SDK lists when it is asked for the resources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lists {
    /// The first page; whoever wants more asks with its cursor.
    APage,
    /// All of them: it turns the pages by itself.
    Everything,
}

/// Has one of the SDKs at the vault, and looks at what it saw.
#[track_caller]
fn sees(program: &str, args: &[&str], lists: Lists) {
    let mut house = House::secured();
    let manifest = Plan::default().write(house.notes().parent().unwrap()).unwrap();
    let (word, files) = manifest.terms.first_key_value().unwrap();
    house.serve(&[("PORTREEVE__VAULT__ROOT", house.notes().to_str().unwrap())]);
    let told = vec![
        ("PORTREEVE_FACE", "/vault/mcp".to_owned()),
        ("PORTREEVE_WORD", word.clone()),
    ];
    let all = house.cli(&["vault", "stats", "--root", house.notes().to_str().unwrap(), "--json"]);
    let notes = usize::try_from(all.json()["notes"].as_u64().unwrap()).unwrap();
    assert!(notes > 600);
    let mut street = Street::of(house, "mcp:read", told);
    let done = street.runs(program, args);
    for way in ["byToken", "afterRefresh", "byKey"] {
        let seen = &done[way];
        assert_eq!(seen["tools"], json!(TOOLS), "{way}: {done:#}");
        assert_eq!(seen["isError"], false, "{way}: {done:#}");
        let items = seen["found"]["items"].as_array().unwrap();
        let found: BTreeSet<String> = items
            .iter()
            .map(|item| item["path"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(&found, files, "{way}: {done:#}");
        assert_eq!(
            seen["templates"],
            json!(["vault://notes/{+path}", "vault://entities/{entity_id}"]),
            "{way}"
        );
        let uris = seen["uris"].as_array().unwrap();
        let different: BTreeSet<&str> = uris.iter().map(|uri| uri.as_str().unwrap()).collect();
        let wanted = if lists == Lists::APage { 100 } else { notes };
        assert_eq!((uris.len(), different.len()), (wanted, wanted), "{way}");
        let read = &seen["read"];
        assert_eq!(
            (&read["uri"], &read["mimeType"]),
            (&uris[0], &json!("text/markdown")),
            "{way}"
        );
        assert!(!read["text"].as_str().unwrap().is_empty(), "{way}");
    }
    assert_eq!(done["refreshed"], true, "{done:#}");
    let grants = street.house.cli(&["grant", "list", "--json"]).json();
    let resource = format!("{}/vault/mcp", street.house.origin());
    let grant: &Value = &grants["items"][0];
    assert_eq!(grant["resource"], json!(resource), "{grants:#}");
}

#[test]
fn the_typescript_sdk_of_the_older_kind_reads_the_vault() {
    sees("sdk.mjs", &["v1"], Lists::APage);
}

#[test]
fn the_typescript_sdk_reads_the_vault() {
    sees("sdk.mjs", &["v2"], Lists::Everything);
}

#[test]
fn the_python_sdk_of_the_older_kind_reads_the_vault() {
    sees("sdk.py", &["v1"], Lists::APage);
}

#[test]
fn the_python_sdk_reads_the_vault() {
    sees("sdk.py", &[], Lists::APage);
}
