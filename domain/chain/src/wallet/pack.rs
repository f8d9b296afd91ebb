//! Puts steps into as few transactions as filling them in order allows (first fit). A step is never torn in two.

use {
    super::{AgentWallet, BuildError},
    crate::{action::Action, message::MessageError, transaction::Blockhash},
};

pub(super) fn pack(wallet: &AgentWallet, steps: Vec<Vec<Action>>) -> Result<Vec<Vec<Action>>, BuildError> {
    // A blockhash has the same size whatever it is.
    let fits = |actions: &[Action]| match wallet.message(Blockhash::new([0; 32]), actions) {
        Ok(_) => Ok(true),
        Err(MessageError::TooLarge { .. }) => Ok(false),
        Err(other) => Err(other),
    };
    let mut packed: Vec<Vec<Action>> = Vec::new();
    'steps: for step in steps {
        for transaction in &mut packed {
            let fuller = [transaction.as_slice(), step.as_slice()].concat();
            if fits(&fuller)? {
                *transaction = fuller;
                continue 'steps;
            }
        }
        wallet.message(Blockhash::new([0; 32]), &step)?; // too large even alone
        packed.push(step);
    }
    Ok(packed)
}
