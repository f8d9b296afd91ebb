//! Whether a decoded message is one of this wallet's, and what it then does.
//!
//! One rule for all: take out of the message what the caller has to judge, build the transaction anew from that, and
//! compare. So a message that passes is, byte for byte, one that we would have built.

use {
    super::{AgentWallet, BuildError, LimitSpec, Spend},
    crate::{action::Action, decode::DecodedMessage},
    portreeve_kernel::{Address, Asset},
};

/// In what a message differs from any that this wallet would ask for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// Somebody else pays the fees.
    #[error("the fee payer is `{found}`, not `{expected}`")]
    FeePayer {
        /// This wallet's.
        expected: Address,
        /// The message's.
        found: Address,
    },
    /// The actions are not those of a payment.
    #[error("a payment is one spending_limit_use, after CreateIdempotent at most; this is: {0}")]
    NotASpend(String),
    /// The memo is no transaction id.
    #[error("the memo `{0}` is no transaction id")]
    Memo(String),
    /// An action of the right kind that differs in a field.
    #[error("`{field}` of {action} is {found}, not {expected}")]
    Field {
        /// Which action.
        action: &'static str,
        /// The first field that differs.
        field: &'static str,
        /// As this wallet would have it.
        expected: String,
        /// As it is.
        found: String,
    },
    /// An action that does not belong in such a message.
    #[error("{0} does not belong in this message")]
    Action(&'static str),
    /// A limit on an asset that the policy gives none.
    #[error("the policy has no limit on {0}")]
    NoLimit(Asset),
    /// One limit set twice, or two multisigs made.
    #[error("{0} is there twice")]
    Twice(&'static str),
    /// Nothing this wallet would build.
    #[error(transparent)]
    Build(#[from] BuildError),
}

impl Mismatch {
    /// The first difference between actions that are not equal. Equality has decided; this only explains.
    fn between(expected: &[Action], found: &[Action]) -> Self {
        let pairs = expected.iter().zip(found).find(|(expected, found)| expected != found);
        let Some((expected, found)) = pairs else {
            return Self::NotASpend(format!("{} actions, not {}", found.len(), expected.len()));
        };
        let action = found.name();
        let mut fields = expected.fields().into_iter().zip(found.fields());
        match fields.find(|(expected, found)| expected != found) {
            Some(((field, expected), (_, found))) => Self::Field {
                action,
                field,
                expected,
                found,
            },
            None => Self::Action(action),
        }
    }
}

/// What a configuration message does to a wallet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Configuration {
    /// Makes the multisig.
    pub creates_multisig: bool,
    /// The limits it removes. Each is this multisig's, for the chain checks that.
    pub removed: Vec<Address>,
    /// The assets whose limits it sets, exactly as expected.
    pub added: Vec<Asset>,
}

impl AgentWallet {
    /// The payment that `message` makes, if that is all it does and it is this wallet's in every byte: its fee payer,
    /// multisig, limit and agent key, token accounts that are the owners' associated ones, a transaction id as memo.
    /// Amount, asset, destination and transaction are left to the caller to judge.
    ///
    /// # Errors
    /// [`Mismatch`] names the first difference.
    pub fn check_spend(&self, message: &DecodedMessage) -> Result<Spend, Mismatch> {
        self.check_fee_payer(message)?;
        let (creates_token_account, pay) = match message.actions.as_slice() {
            [Action::UseSpendingLimit(pay)] => (false, pay),
            [Action::CreateTokenAccount(_), Action::UseSpendingLimit(pay)] => (true, pay),
            other => {
                let names: Vec<&str> = other.iter().map(Action::name).collect();
                return Err(Mismatch::NotASpend(names.join(", ")));
            }
        };
        let memo = pay.memo.clone().unwrap_or_default();
        let spend = Spend {
            transaction: memo.parse().map_err(|_| Mismatch::Memo(memo))?,
            currency: pay.currency,
            amount: pay.amount,
            destination: pay.destination,
            creates_token_account,
        };
        let expected = self.spend(&spend)?;
        if expected != message.actions {
            return Err(Mismatch::between(&expected, &message.actions));
        }
        Ok(spend)
    }

    /// What `message` does, if it is a part of setting up this wallet with `limits`, and nothing else.
    ///
    /// # Errors
    /// [`Mismatch`] names the first difference.
    pub fn check_setup(&self, message: &DecodedMessage, limits: &[LimitSpec]) -> Result<Configuration, Mismatch> {
        let done = self.check_configuration(message, limits)?;
        if done.removed.is_empty() {
            Ok(done)
        } else {
            Err(Mismatch::Action("multisig_remove_spending_limit"))
        }
    }

    /// What `message` does, if all it does is to remove limits of this wallet and set some of `limits`.
    ///
    /// Removing is never refused, since it only takes away. Setting one fills it up: the caller may want to bound how
    /// often that happens, though its own sums hold anyway.
    ///
    /// # Errors
    /// [`Mismatch`] names the first difference.
    pub fn check_limit_change(
        &self,
        message: &DecodedMessage,
        limits: &[LimitSpec],
    ) -> Result<Configuration, Mismatch> {
        let done = self.check_configuration(message, limits)?;
        if done.creates_multisig {
            Err(Mismatch::Action("multisig_create_v2"))
        } else {
            Ok(done)
        }
    }

    fn check_configuration(&self, message: &DecodedMessage, limits: &[LimitSpec]) -> Result<Configuration, Mismatch> {
        self.check_fee_payer(message)?;
        let mut done = Configuration::default();
        for found in &message.actions {
            let expected = match found {
                Action::CreateMultisig(create) => {
                    if std::mem::replace(&mut done.creates_multisig, true) {
                        return Err(Mismatch::Twice(found.name()));
                    }
                    // The chain takes no treasury but the program's own, so any is as good as the right one.
                    self.create(create.treasury).into()
                }
                Action::AddSpendingLimit(add) => {
                    if done.added.contains(&add.asset) {
                        return Err(Mismatch::Twice(found.name()));
                    }
                    done.added.push(add.asset);
                    let limit = limits.iter().find(|limit| limit.asset == add.asset);
                    self.add_limit(limit.ok_or(Mismatch::NoLimit(add.asset))?)?.into()
                }
                Action::RemoveSpendingLimit(remove) => {
                    done.removed.push(remove.limit);
                    self.remove_limit_at(remove.limit).into()
                }
                other => return Err(Mismatch::Action(other.name())),
            };
            if expected != *found {
                return Err(Mismatch::between(&[expected], std::slice::from_ref(found)));
            }
        }
        Ok(done)
    }

    fn check_fee_payer(&self, message: &DecodedMessage) -> Result<(), Mismatch> {
        let (expected, found) = (self.keys.fee_payer, message.fee_payer);
        if expected == found {
            Ok(())
        } else {
            Err(Mismatch::FeePayer { expected, found })
        }
    }
}
