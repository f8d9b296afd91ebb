//! What the server may ask the signer, and what it answers. One [`Envelope`] in, one [`Reply`] out, over a
//! [frame](crate::frame) each. Nothing here can export a key, set a policy without the owner, or give budget back.

use {
    crate::{passkey::Passkey, pins::Pins, receipt::Receipt, refusal::Refusal, text::Bytes},
    portreeve_chain::Signature,
    portreeve_kernel::{Address, AgentId, Asset, Cluster, OwnerProof, Timestamp, Total, TransactionId},
    portreeve_policy::AgentPolicy,
    serde::{Deserialize, Serialize},
};

/// A request, and the newest receipt that the caller holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Envelope {
    /// From the newest [`Reply`] ever seen, across restarts; `None` only before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Receipt>,
    /// What is asked.
    pub request: Request,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    tag = "kind",
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum Request {
    /// Does it live, and may it sign? Answer: [`Health`].
    Health,
    /// The keys and names it was set up with. Answer: [`Enrolment`].
    Enrolment,
    /// Makes the agent's key, or names the one that is there. Answer: [`AgentKey`].
    CreateAgentKey {
        /// Whose.
        agent: AgentId,
    },
    /// Takes a policy over: with the owner's proof any newer one, without it only one that allows nothing more.
    /// The newest again is no error. Answer: [`Approved`].
    ApprovePolicy {
        /// Whose.
        agent: AgentId,
        /// All of it, version included.
        policy: Box<AgentPolicy>,
        /// Over [`portreeve_policy::approval_challenge`].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        proof: Option<OwnerProof>,
    },
    /// Signs one spend. The same transaction with the same message gets the same answer for ever, and nothing is
    /// booked twice; with another message it is refused. Answer: [`SignedSpend`].
    SignSpend {
        /// Also the memo on chain.
        transaction: TransactionId,
        /// Who spends.
        agent: AgentId,
        /// The message's bytes.
        message: Bytes,
    },
    /// Sees to it that a transaction is never signed. One that was signed already is not undone: its signatures are
    /// told instead. So the caller knows for certain, whatever became of earlier requests. Answer: [`Voided`].
    VoidSpend {
        /// Which.
        transaction: TransactionId,
        /// Whose.
        agent: AgentId,
    },
    /// Signs a part of the creation of the agent's wallet and limits. Answer: [`Signed`].
    SignSetup {
        /// Whose wallet.
        agent: AgentId,
        /// The message's bytes.
        message: Bytes,
    },
    /// Signs the removal of limits of the agent, which is always allowed. Answer: [`Signed`].
    SignLimitRemoval {
        /// Whose limits.
        agent: AgentId,
        /// The message's bytes.
        message: Bytes,
    },
    /// Signs putting the agent's limits on chain as the newest approved policy says, in place of those that are there
    /// or again after a removal. Answer: [`Signed`].
    SignLimitRestore {
        /// Whose limits.
        agent: AgentId,
        /// The message's bytes.
        message: Bytes,
    },
    /// Stops signing spends for the agent. Only the owner's proof undoes it. Each request is a suspension of its own:
    /// consent to end an earlier one does not end it. Answer: [`Suspension`].
    Suspend {
        /// Whose.
        agent: AgentId,
    },
    /// What the owner has to sign to undo the present suspension. Answer: [`Suspension`].
    ResumeChallenge {
        /// Whose.
        agent: AgentId,
    },
    /// Undoes the present suspension. Answer: [`Answer::Resumed`].
    Resume {
        /// Whose.
        agent: AgentId,
        /// Over [`crate::resume_challenge`] of the present suspension.
        proof: OwnerProof,
    },
    /// Destroys the agent's key. Nothing undoes it, and the agent's id gets no other key.
    /// Answer: [`Answer::KeyDestroyed`].
    DestroyKey {
        /// Whose.
        agent: AgentId,
    },
    /// What the signer has booked for the agent. Answer: [`Headroom`].
    Headroom {
        /// Whose.
        agent: AgentId,
        /// Of what.
        asset: Asset,
    },
    /// Whose word is the owner's. Answer: [`Pins`].
    Pins,
    /// Takes a passkey's word for the owner's from here on. One that is pinned already is no error. Answer: [`Pins`].
    PinPasskey {
        /// Which.
        passkey: Passkey,
        /// Over [`crate::pins::pin_challenge`], by who is pinned already.
        proof: OwnerProof,
    },
    /// Takes it no longer, which needs nobody's consent. One that is not pinned is no error. Answer: [`Pins`].
    UnpinPasskey {
        /// The credential's id.
        credential_id: String,
    },
}

/// The answer, and how far the journal has come. Once it is sent, what it says is on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Reply {
    /// To be kept, and shown with every later request. `None` when the signer could not read the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Receipt>,
    /// What came of it.
    pub outcome: Outcome,
}

/// Done or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Outcome {
    /// Done, and durable.
    Done(Answer),
    /// Not done, and why.
    Refused(Refusal),
}

/// What the signer says when it does as asked. Each request has one kind of answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum Answer {
    /// To [`Request::Health`].
    Health(Health),
    /// To [`Request::Enrolment`].
    Enrolment(Enrolment),
    /// To [`Request::CreateAgentKey`].
    AgentKey(AgentKey),
    /// To [`Request::ApprovePolicy`].
    Approved(Approved),
    /// To [`Request::SignSpend`].
    Spend(SignedSpend),
    /// To [`Request::VoidSpend`].
    Voided(Voided),
    /// To [`Request::SignSetup`], [`Request::SignLimitRemoval`] and [`Request::SignLimitRestore`].
    Signed(Signed),
    /// To [`Request::Suspend`] and [`Request::ResumeChallenge`].
    Suspension(Suspension),
    /// To [`Request::Resume`].
    Resumed,
    /// To [`Request::DestroyKey`].
    KeyDestroyed,
    /// To [`Request::Headroom`].
    Headroom(Headroom),
    /// To [`Request::Pins`], [`Request::PinPasskey`] and [`Request::UnpinPasskey`]: as they are then.
    Pins(Pins),
}

/// How the signer is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Health {
    /// Records in the journal.
    pub sequence: u64,
    /// True when it was shown that its journal has lost records, and signs nothing any more.
    pub frozen: bool,
    /// Its own time; `None` when its clock cannot be read, and then it signs no spend.
    pub time: Option<Timestamp>,
}

/// What the signer was set up with, once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Enrolment {
    /// The chain its keys are for.
    pub cluster: Cluster,
    /// The Squads program.
    pub squads: Address,
    /// Config authority and only voter of every agent's multisig.
    pub owner_key: Address,
    /// Pays fees and rent, and nothing else.
    pub fee_payer: Address,
    /// Whose signature is the owner's word.
    pub approval_key: Address,
}

/// An agent's key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AgentKey {
    /// The public half.
    pub agent_key: Address,
}

/// A policy is in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Approved {
    /// Its version.
    pub version: u64,
}

/// A signature and whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeySignature {
    /// The signing key's public half.
    pub key: Address,
    /// Over the message.
    pub signature: Signature,
}

/// A signed message that moves no money of the agent's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Signed {
    /// In the order the message asks for.
    pub signatures: Vec<KeySignature>,
}

/// A signed spend, as it is booked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SignedSpend {
    /// In the order the message asks for.
    pub signatures: Vec<KeySignature>,
    /// When, by the signer's clock.
    pub signed_at: Timestamp,
    /// The latest moment the spend may land. Each of the signer's windows counts it until one window and a second
    /// after this.
    pub counts_until_base: Timestamp,
    /// The number of its record in the journal.
    pub journal_sequence: u64,
    /// The version of the policy that allowed it.
    pub policy_version: u64,
    /// True when it was signed before, and this is the same answer again.
    pub replayed: bool,
}

/// What became of a transaction that was to be given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Voided {
    /// `None`: it was never signed and never will be. Otherwise the signed spend, as it is booked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed: Option<SignedSpend>,
}

/// A suspension, and how the owner ends it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Suspension {
    /// The number of its record in the journal, which no other suspension has.
    pub suspension: u64,
    /// [`crate::resume_challenge`] of it, Base58.
    pub challenge: String,
}

/// What the signer has booked, and for when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Headroom {
    /// Signed in the last 24 hours, in base units.
    pub day: Total,
    /// Signed in the last 7 days.
    pub week: Total,
    /// Signed in the last 30 days.
    pub month: Total,
    /// The newest approved policy; `None` before the first.
    pub policy_version: Option<u64>,
    /// When the agent last signed a spend, of whatever asset.
    pub last_spend_at: Option<Timestamp>,
    /// True when it signs no spends until the owner resumes it.
    pub suspended: bool,
    /// True when the signer signs nothing at all any more.
    pub frozen: bool,
}

#[cfg(test)]
mod tests {
    use {super::*, crate::frame};

    fn request(json: &str) -> Result<Request, String> {
        frame::decode(format!(r#"{{"request":{json}}}"#).as_bytes())
            .map(|envelope: Envelope| envelope.request)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn requests_read_as_documented() {
        let agent: AgentId = "agt_01ARYZ6S41TSV4RRFFQ69G5FAV".parse().unwrap();
        assert_eq!(request(r#"{"kind":"health"}"#), Ok(Request::Health));
        let json = r#"{"kind":"signSpend","transaction":"tx_01ARYZ6S41TSV4RRFFQ69G5FAV","agent":"agt_01ARYZ6S41TSV4RRFFQ69G5FAV","message":"AQI="}"#;
        let transaction = "tx_01ARYZ6S41TSV4RRFFQ69G5FAV".parse().unwrap();
        let message = Bytes(vec![1, 2]);
        assert_eq!(
            request(json),
            Ok(Request::SignSpend {
                transaction,
                agent: agent.clone(),
                message
            })
        );
        let json = r#"{"kind":"headroom","agent":"agt_01ARYZ6S41TSV4RRFFQ69G5FAV","asset":"SOL"}"#;
        assert_eq!(
            request(json),
            Ok(Request::Headroom {
                agent,
                asset: Asset::Sol
            })
        );
    }

    #[test]
    fn what_is_no_request_of_the_protocol_is_refused() {
        for bad in [
            r#"{"kind":"export","agent":"agt_01ARYZ6S41TSV4RRFFQ69G5FAV"}"#,
            r#"{"kind":"health","kind":"enrolment"}"#,
            r#"{"kind":"suspend","agent":"agt_01ARYZ6S41TSV4RRFFQ69G5FAV","force":true}"#,
            r#"{"kind":"suspend","agent":"agt_01ARYZ6S41TSV4RRFFQ69G5FAV","agent":"agt_01ARYZ6S41TSV4RRFFQ69G5FAV"}"#,
            r#"{"kind":"suspend","agent":"tx_01ARYZ6S41TSV4RRFFQ69G5FAV"}"#,
            r#"{"kind":"suspend"}"#,
            r#"{"kind":"pinPasskey","passkey":{"credentialId":"AQ","publicKey":"AQ","rpId":"a","origin":"b"}}"#,
            r#"{"kind":"signRaw","message":"AQI="}"#,
            "[]",
            "null",
        ] {
            assert!(request(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_reply_gives_back_what_was_put_in() {
        let refusal = Refusal::new(crate::Reason::Frozen, "the journal has lost records");
        for outcome in [Outcome::Done(Answer::Resumed), Outcome::Refused(refusal)] {
            let reply = Reply {
                receipt: Some(Receipt::issue(&[1; 32], 4)),
                outcome,
            };
            let frame = frame::encode(&reply).unwrap();
            assert_eq!(frame::decode::<Reply>(&frame[frame::HEADER..]).unwrap(), reply);
        }
    }
}
