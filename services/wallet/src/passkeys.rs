//! Passkeys that speak for the owner: which ones the signer believes, and how that is changed.
//!
//! The signer alone decides what it believes. What is asked here comes before that: a passkey whose holder was removed, or
//! is no owner any more, does nothing for anybody, also while the signer still has it pinned.

use {
    crate::{
        Wallet,
        error::{self, Failure},
    },
    portreeve_guard::Problem,
    portreeve_kernel::{Code, OwnerProof, Principal, control::KnownPasskey},
    portreeve_signing::{Passkey, Pins},
    portreeve_store::{AuditEntry, Tx},
    serde_json::json,
};

/// That a passkey's proof comes from somebody who may speak for the caller's owner; and, when a person asks, from them.
pub(crate) async fn check_holder(wallet: &Wallet, caller: &Principal, proof: &OwnerProof) -> Result<(), Problem> {
    let OwnerProof::Passkey { credential_id, .. } = proof else {
        return Ok(());
    };
    let may = |known: &KnownPasskey| {
        let by_themselves = caller.user.as_ref().is_none_or(|user| *user == known.user);
        known.speaks_for_owner && known.owner == caller.owner && by_themselves
    };
    match find(wallet, credential_id).await? {
        Some(known) if may(&known) => Ok(()),
        _ => Err(Problem::new(Code::PolicyProofInvalid)
            .detail("the passkey is not one that may speak for the owner here")
            .param("proof")),
    }
}

async fn find(wallet: &Wallet, passkey: &str) -> Result<Option<KnownPasskey>, Problem> {
    let found = wallet.passkeys().find(passkey).await;
    found.map_err(|error| error::store(&error))
}

/// The passkey, when it is of the caller's people.
async fn reach(wallet: &Wallet, caller: &Principal, passkey: &str) -> Result<KnownPasskey, Problem> {
    let found = find(wallet, passkey).await?.filter(|known| known.owner == caller.owner);
    found.ok_or_else(|| Code::AuthPasskeyNotFound.into())
}

/// Whose word the signer takes for the owner's.
pub(crate) async fn pins(wallet: &Wallet) -> Result<Pins, Problem> {
    wallet.signer().pins().await.map_err(|error| error::signer(&error))
}

/// Those of `caller`'s own passkeys by which they can consent to something.
pub(crate) async fn of_person(wallet: &Wallet, caller: &Principal) -> Result<Vec<Passkey>, Problem> {
    let mut own = Vec::new();
    for pinned in pins(wallet).await?.passkeys {
        let known = find(wallet, &pinned.credential_id).await?;
        if known.is_some_and(|known| known.speaks_for_owner && Some(&known.user) == caller.user.as_ref()) {
            own.push(pinned);
        }
    }
    Ok(own)
}

/// Has the signer take a passkey's word for the owner's, on the word of who speaks for the owner already.
pub(crate) async fn pin(wallet: &Wallet, caller: &Principal, id: &str, proof: OwnerProof) -> Result<Pins, Problem> {
    let known = reach(wallet, caller, id).await?;
    if !known.speaks_for_owner {
        return Err(Problem::new(Code::PolicyProofInvalid)
            .detail("the passkey was removed, or its holder is no owner")
            .param("passkeyId"));
    }
    check_holder(wallet, caller, &proof).await?;
    let passkey = Passkey {
        credential_id: id.to_owned(),
        public_key: known.public_key,
        rp_id: known.site,
        origin: known.origin,
    };
    let pinned = wallet.signer().pin_passkey(&passkey, &proof).await;
    let pins = pinned.map_err(|error| error::signer(&error))?;
    note(wallet, caller, "passkey.pinned", id, &pins).await?;
    Ok(pins)
}

/// Has the signer take it no longer. Nobody has to consent to that.
pub(crate) async fn unpin(wallet: &Wallet, caller: &Principal, id: &str) -> Result<(), Problem> {
    reach(wallet, caller, id).await?;
    if pins(wallet).await?.find(id).is_none() {
        return Err(Code::AuthPasskeyNotFound.into());
    }
    let unpinned = wallet.signer().unpin_passkey(id).await;
    let pins = unpinned.map_err(|error| error::signer(&error))?;
    note(wallet, caller, "passkey.unpinned", id, &pins).await
}

/// The signer's journal has it already; this is for those who read ours.
async fn note(wallet: &Wallet, caller: &Principal, kind: &'static str, id: &str, pins: &Pins) -> Result<(), Problem> {
    let (wallet, caller, id, revision) = (wallet.clone(), caller.clone(), id.to_owned(), pins.revision);
    let at = wallet.hands().clock.now().for_expiry();
    let own = wallet.clone();
    let unit = async move |tx: &mut Tx| {
        own.keep_receipt(tx).await?;
        tx.audit(AuditEntry {
            at,
            kind: kind.into(),
            actor: caller.credential.to_string(),
            owner: Some(caller.owner.clone()),
            project: Some(caller.project.clone()),
            subject: id.clone(),
            data: json!({"passkeyId": id, "revision": revision}),
        });
        Ok::<_, Failure>(())
    };
    Ok(wallet.database().write(unit).await?)
}
