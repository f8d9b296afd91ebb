//! The vault through the real binary: made-up notes in a folder, the server pointed at it.

mod attacks;
mod mcp;
mod page;
mod reads;
mod shown;
pub(crate) mod writes;

use {
    crate::{
        estate::{Estate, until},
        house::{Api, House},
    },
    portreeve_notes::testing::{Manifest, Plan},
    serde_json::json,
    std::fs,
};

/// A house with a vault, and what a correct reader finds in it.
pub(crate) struct Town {
    pub(crate) estate: Estate,
    pub(crate) manifest: Manifest,
}

impl Town {
    /// Of some 600 entities, with the odd files of real vaults.
    pub(crate) fn open() -> Self {
        Self::of(&Plan::default())
    }

    pub(crate) fn of(plan: &Plan) -> Self {
        let (house, manifest) = House::with_vault(plan);
        Self {
            estate: Estate::of(house),
            manifest,
        }
    }

    /// The owner, who may read.
    pub(crate) fn reader(&self) -> Api {
        let key = self.estate.key(&json!({"name": "reader", "scopes": ["mcp:read"]}));
        self.estate.house.api(&key)
    }

    /// Waits until the full text has been read.
    pub(crate) fn until_searchable(&self) {
        let api = self.reader();
        until("the vault can be searched", || {
            let stats = api.get("/vault/api/v1/stats").is(200)["searchable"].clone();
            (stats == true).then_some(())
        });
    }

    /// Writes a file of the vault, as an editor does.
    pub(crate) fn write(&self, path: &str, text: &str) {
        let whole = self.estate.house.notes().join(path);
        fs::create_dir_all(whole.parent().unwrap()).unwrap();
        fs::write(whole, text).unwrap();
    }
}

/// A text as it stands in a query.
pub(crate) fn encoded(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

#[test]
fn the_vault_says_what_it_asks_of_its_callers_and_where_tokens_for_it_come_from() {
    let town = Town::open();
    let house = &town.estate.house;
    let api = house.api("");
    let told = api
        .get("/.well-known/oauth-protected-resource/vault/mcp")
        .is(200)
        .clone();
    assert_eq!(told["resource"], format!("{}/vault/mcp", house.origin()));
    assert_eq!(told["authorization_servers"], json!([house.origin()]));
    assert_eq!(told["scopes_supported"], json!(["mcp:read"]));
    let root = api.get("/.well-known/oauth-protected-resource").is(200).clone();
    assert_eq!(
        root["resource"],
        format!("{}/mcp", house.origin()),
        "the root is the wallet's"
    );
    let issuer = api.get("/.well-known/oauth-authorization-server").is(200).clone();
    let names = [told["resource"].clone(), root["resource"].clone()];
    assert!(
        names
            .iter()
            .all(|name| issuer["protected_resources"].as_array().unwrap().contains(name))
    );
    assert!(!issuer["scopes_supported"].to_string().contains("mcp:"), "{issuer}");
    assert!(town.manifest.types["Task"] > 100);
}

#[test]
fn without_a_vault_nothing_of_it_is_served() {
    let house = House::open();
    let api = house.api(&house.owner_key());
    for path in [
        "/vault/api/v1/entities",
        "/vault/mcp",
        "/vault/",
        "/vault/note?path=README.md",
        "/.well-known/oauth-protected-resource/vault/mcp",
    ] {
        api.get(path).is_problem(404, "REQUEST_NOT_FOUND");
    }
}

#[test]
fn a_vault_that_is_not_there_stops_the_start_and_says_so() {
    let mut house = House::built();
    assert!(!house.try_serve(&[("PORTREEVE__VAULT__ROOT", "/nonexistent/notes")]));
    let end = house.wait_for_end();
    assert!(
        end.stderr.contains("cannot open the vault `/nonexistent/notes`"),
        "{}",
        end.stderr
    );
    let home = house.home();
    assert!(!house.try_serve(&[("PORTREEVE__VAULT__ROOT", home.to_str().unwrap())]));
    let end = house.wait_for_end();
    assert!(end.stderr.contains("lies in the vault"), "{}", end.stderr);
}
