//! What is the same in every world: keys, ids and addresses. Made once, because they take long to make.

use {
    portreeve_chain::{AgentKeys, AgentWallet, Programs, Signature, TokenProgram, squads::Currency},
    portreeve_kernel::{
        Address, AgentId, Amount, Asset, Cluster, Mint, OwnerId, Timestamp, TransactionId, entropy::Seeded,
    },
    portreeve_policy::{
        AgentPolicy, ChainDestinations, Escalation, Limits, PinnedToken, TimeControl, TokenPolicy, Whitelist,
    },
    portreeve_signing::{Hash, KeyError, Keys, Signatory, key::SecretKey, protocol::Enrolment},
    std::{cell::Cell, collections::BTreeMap, sync::OnceLock},
    zeroize::Zeroizing,
};

/// When every world begins.
pub(crate) const START: Timestamp = Timestamp::from_seconds(1_800_000_000);

/// Under which the signer's journal is sealed.
pub(crate) fn journal_key() -> Zeroizing<[u8; 32]> {
    Zeroizing::new([7; 32])
}

/// One agent.
pub(crate) struct Agent {
    pub(crate) id: AgentId,
    secret: SecretKey,
    pub(crate) wallet: AgentWallet,
}

/// All of it.
pub(crate) struct Estate {
    pub(crate) agents: [Agent; 2],
    pub(crate) owner: OwnerId,
    pub(crate) mint: Mint,
    /// 0 and 1 may be paid, 2 may not.
    pub(crate) payees: [Address; 3],
    owner_key: SecretKey,
    fee_payer: SecretKey,
    pub(crate) approval: SecretKey,
    pub(crate) thief: SecretKey,
}

/// The one there is.
pub(crate) fn estate() -> &'static Estate {
    static ESTATE: OnceLock<Estate> = OnceLock::new();
    ESTATE.get_or_init(|| {
        let secret = |seed: u8| SecretKey::from_seed(&[seed; 32]);
        let (owner_key, fee_payer) = (secret(1), secret(2));
        let agent = |number: u8| {
            let (id, own) = (
                AgentId::new(START, &Seeded::new(u64::from(number))),
                secret(10 + number),
            );
            let keys = AgentKeys {
                agent: id.clone(),
                agent_key: own.public(),
                owner_key: owner_key.public(),
                fee_payer: fee_payer.public(),
            };
            let wallet = AgentWallet::new(keys, Programs::default()).unwrap();
            Agent {
                id,
                secret: own,
                wallet,
            }
        };
        Estate {
            agents: [agent(0), agent(1)],
            owner: OwnerId::new(START, &Seeded::new(9)),
            mint: Mint::new(secret(30).public()),
            payees: [secret(40).public(), secret(41).public(), secret(42).public()],
            approval: secret(3),
            thief: secret(4),
            owner_key,
            fee_payer,
        }
    })
}

const TOKEN: TokenProgram = TokenProgram::Token;
const DECIMALS: u8 = 6;

impl Estate {
    pub(crate) fn enrolment(&self) -> Enrolment {
        Enrolment {
            cluster: Cluster::Devnet,
            squads: Programs::default().squads,
            owner_key: self.owner_key.public(),
            fee_payer: self.fee_payer.public(),
            approval_key: self.approval.public(),
        }
    }

    pub(crate) fn asset(&self, number: u8) -> Asset {
        if number == 0 {
            Asset::Sol
        } else {
            Asset::Token(self.mint)
        }
    }

    pub(crate) fn currency(&self, number: u8) -> Currency {
        if number == 0 {
            Currency::Sol
        } else {
            Currency::Token {
                mint: self.mint,
                program: TOKEN,
                decimals: DECIMALS,
            }
        }
    }

    /// Which agent an id is.
    pub(crate) fn number(&self, id: &AgentId) -> u8 {
        u8::from(self.agents[1].id == *id)
    }

    /// The policy of a world, in one of its versions. The token's limits are those of SOL.
    pub(crate) fn policy(&self, setup: &crate::plan::Setup, version: u64, daily: u64) -> AgentPolicy {
        let amount = |units: u64| Amount::new(units).unwrap();
        let limits = Limits {
            per_transaction: amount(setup.per_transaction.min(daily)),
            daily: amount(daily),
            weekly: amount(daily * setup.weekly_tenths / 10),
            monthly: amount(daily * setup.weekly_tenths / 5),
        };
        let escalation = Escalation {
            medium: setup.medium.map(amount),
            high: setup.high.map(amount),
            ..Escalation::default()
        };
        let pinned = Some(PinnedToken {
            program: TOKEN.address(),
            decimals: DECIMALS,
        });
        AgentPolicy {
            version,
            limits,
            escalation,
            tokens: BTreeMap::from([(
                self.mint,
                TokenPolicy {
                    limits,
                    escalation,
                    pinned,
                },
            )]),
            whitelist: Whitelist {
                allowed_destinations: self.payees[..2].iter().copied().collect(),
                ..Whitelist::default()
            },
            time_control: TimeControl::default(),
            min_interval_seconds: setup.interval,
            approval_may_exceed_per_transaction: false,
            chain_destinations: ChainDestinations::Whitelist,
        }
    }

    /// The id of the n-th decision of a world.
    pub(crate) fn transaction(&self, seed: u64, number: u64) -> TransactionId {
        TransactionId::new(START, &Seeded::new(crate::dice::mix(seed, number)))
    }
}

/// The signer's keystore.
#[derive(Default)]
pub(crate) struct Keystore {
    pub(crate) broken: Cell<bool>,
}

impl Keys for Keystore {
    fn create(&self, agent: &AgentId) -> Result<Address, KeyError> {
        let estate = estate();
        Ok(estate.agents[usize::from(estate.number(agent))].secret.public())
    }

    fn sign(&self, who: Signatory<'_>, message: &[u8]) -> Result<Signature, KeyError> {
        if self.broken.get() {
            return Err(KeyError("does not answer".to_owned()));
        }
        let estate = estate();
        Ok(match who {
            Signatory::Owner => estate.owner_key.sign(message),
            Signatory::FeePayer => estate.fee_payer.sign(message),
            Signatory::Agent(agent) => estate.agents[usize::from(estate.number(agent))].secret.sign(message),
        })
    }
}

/// 32 bytes that name something.
pub(crate) fn name(text: &[u8]) -> [u8; 32] {
    *Hash::of(text).as_bytes()
}
