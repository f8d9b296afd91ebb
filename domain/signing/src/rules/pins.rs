//! Which passkeys speak for the owner. Taking one in needs the word of who speaks for the owner already; letting one go
//! needs nobody's, as stopping an agent does.

use {
    super::{Decided, Moment, refuse},
    crate::{
        event::Event,
        passkey::Passkey,
        pins::{MAX_PASSKEYS, Pins},
        protocol::Answer,
        refusal::Reason,
        state::SignerState,
    },
    portreeve_kernel::OwnerProof,
};

impl SignerState {
    /// Asked again it gives its answer again, so that one which was lost on the way does no harm.
    pub(super) fn pin(&self, passkey: &Passkey, proof: &OwnerProof, moment: &Moment) -> Decided {
        self.thawed()?;
        if let Err(cause) = passkey.check() {
            return refuse(Reason::PasskeyInvalid, cause.to_string());
        }
        match self.pins.find(&passkey.credential_id) {
            Some(pinned) if pinned == passkey => return Ok((None, Answer::Pins(self.pins.clone()))),
            Some(_) => {
                let detail = "another passkey is pinned under this id; unpin it first";
                return refuse(Reason::PasskeyInvalid, detail);
            }
            None => {}
        }
        if !self.pins.prove(proof, &self.pins.challenge(passkey)) {
            let detail = "the proof is not the owner's consent to pin this very passkey now";
            return refuse(Reason::ProofInvalid, detail);
        }
        if self.pins.passkeys.len() >= MAX_PASSKEYS {
            let detail = format!("{MAX_PASSKEYS} passkeys are pinned, and no more can be; unpin one first");
            return refuse(Reason::TooManyPasskeys, detail);
        }
        let mut then = self.pins.clone();
        then.passkeys.push(passkey.clone());
        then.revision = moment.sequence;
        Ok((
            Some(Event::PasskeyPinned {
                passkey: passkey.clone(),
                proof: proof.clone(),
            }),
            Answer::Pins(then),
        ))
    }

    pub(super) fn unpin(&self, credential_id: &str, moment: &Moment) -> (Option<Event>, Answer) {
        if self.pins.find(credential_id).is_none() {
            return (None, Answer::Pins(self.pins.clone()));
        }
        let then = Pins {
            revision: moment.sequence,
            approval_key: self.pins.approval_key,
            passkeys: self
                .pins
                .passkeys
                .iter()
                .filter(|one| one.credential_id != credential_id)
                .cloned()
                .collect(),
        };
        let event = Event::PasskeyUnpinned {
            credential_id: credential_id.to_owned(),
        };
        (Some(event), Answer::Pins(then))
    }
}
