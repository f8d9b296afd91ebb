//! Somebody's passkeys, and which of them the signer believes.

use {
    crate::{
        cli::{CliError, Context, approve, encoded},
        client::Client,
        output::list as table,
    },
    portreeve_signing::{Passkey, Pins},
    serde::Deserialize,
    serde_json::{Value, json},
};

/// Where the signer's pins are.
const PINS: &str = "/signer/passkeys";

#[derive(Debug, Deserialize)]
struct Made {
    items: Vec<One>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct One {
    id: String,
    name: String,
    public_key: String,
    rp_id: String,
    origin: String,
    created_at: String,
}

pub(super) async fn list(context: &Context, client: &Client, user: &str) -> Result<(), CliError> {
    let pins = client.get::<Pins>(PINS).await?.view;
    let made = client.get::<Made>(&format!("{user}/passkeys")).await?;
    let is_pinned = |one: &One| pins.find(&one.id).is_some();
    let rows = || {
        made.view.items.iter().map(|one| {
            let pinned = if is_pinned(one) { "pinned" } else { "" };
            [
                one.id.clone(),
                one.name.clone(),
                one.created_at.clone(),
                pinned.to_owned(),
            ]
        })
    };
    let mut raw = made.raw.clone();
    let items = raw.get_mut("items").and_then(Value::as_array_mut);
    for (item, one) in items.into_iter().flatten().zip(&made.view.items) {
        if let Some(members) = item.as_object_mut() {
            members.insert("pinned".to_owned(), json!(is_pinned(one)));
        }
    }
    context
        .out
        .result(&raw, || table(["ID", "NAME", "MADE", "AT THE SIGNER"], rows(), None))?;
    Ok(())
}

/// What is signed is what is shown here, as the server told it and the signer will hold it.
pub(super) async fn pin(context: &Context, client: &Client, user: &str, id: &str, yes: bool) -> Result<(), CliError> {
    let made = client.get::<Made>(&format!("{user}/passkeys")).await?.view;
    let found = made.items.into_iter().find(|one| one.id == id);
    let found = found.ok_or_else(|| CliError::NotDone(format!("they have no passkey `{id}`; nothing was signed")))?;
    let passkey = Passkey {
        credential_id: found.id,
        public_key: found.public_key,
        rp_id: found.rp_id,
        origin: found.origin,
    };
    passkey
        .check()
        .map_err(|cause| CliError::NotDone(format!("that is no passkey: {cause}; nothing was signed")))?;
    context.out.note(shown(&passkey, &found.name));
    if !yes && !approve::confirmed(context, "Let this passkey approve policies? Type yes:")? {
        return Err(CliError::NotDone("nothing was signed".to_owned()));
    }
    let revision = client.get::<Pins>(PINS).await?.view.revision;
    let proof = approve::key(context)?.approve_pin(revision, &passkey);
    let body = json!({"passkeyId": passkey.credential_id, "proof": proof});
    let done = client.post::<Pins>(PINS, &body).await?;
    context
        .out
        .result(&done.raw, || format!("passkey {id} is pinned at the signer"))?;
    Ok(())
}

pub(super) async fn unpin(context: &Context, client: &Client, id: &str) -> Result<(), CliError> {
    client.delete(&format!("{PINS}/{}", encoded(id))).await?;
    let done = json!({"id": id, "pinned": false});
    context.out.result(&done, || format!("passkey {id} is unpinned"))?;
    Ok(())
}

fn shown(passkey: &Passkey, name: &str) -> String {
    let Passkey {
        credential_id,
        public_key,
        rp_id,
        origin,
    } = passkey;
    format!(
        "passkey     {credential_id}\nname        {name}\npublic key  {public_key}\nsite        {rp_id}\npages       {origin}"
    )
}
