//! What several RPC operators say about the same accounts: believed when as many say the same as a proof takes.
//!
//! What must stay true: fewer operators than that cannot make us believe anything, by lying or by not keeping up.

use {
    crate::ports::{Account, Sighting},
    std::collections::BTreeSet,
};

/// What the accounts hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Agreed {
    /// One for each address that was asked for.
    pub(super) accounts: Vec<Option<Account>>,
    /// Of a block in which all that can be seen: no lower than what the honest among those say who agree.
    pub(super) height: u64,
}

/// Nothing can be believed about the accounts now. Asking again may help.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoWitness {
    /// Too few answers.
    #[error("{answered} RPC operators say what the accounts hold, {needed} have to")]
    Few {
        /// Different operators that did.
        answered: usize,
        /// How many it takes.
        needed: usize,
    },
    /// Enough answers, too few of them from late enough.
    #[error("too few RPC operators have come past block {past}")]
    Behind {
        /// The block.
        past: u64,
    },
    /// Each says something else.
    #[error("the RPC operators do not agree on what the accounts hold")]
    Apart,
}

/// What `needed` different operators say alike of a block past `past`.
pub(super) fn agreed(sightings: Vec<Sighting>, past: Option<u64>, needed: usize) -> Result<Agreed, NoWitness> {
    let witnesses = |sightings: &[Sighting]| {
        let names: BTreeSet<&str> = sightings.iter().map(|one| one.operator.as_str()).collect();
        names.len()
    };
    let answered = witnesses(&sightings);
    if answered < needed {
        return Err(NoWitness::Few { answered, needed });
    }
    let mut late = sightings;
    late.retain(|one| past.is_none_or(|past| one.height > past));
    if let Some(past) = past
        && witnesses(&late) < needed
    {
        return Err(NoWitness::Behind { past });
    }
    while let Some(first) = late.first().cloned() {
        let (same, others): (Vec<_>, Vec<_>) = late.into_iter().partition(|one| one.accounts == first.accounts);
        if witnesses(&same) >= needed {
            let height = same.iter().map(|one| one.height).max().unwrap_or(first.height);
            let accounts = first.accounts;
            return Ok(Agreed { accounts, height });
        }
        late = others;
    }
    Err(NoWitness::Apart)
}

#[cfg(test)]
mod tests {
    use {super::*, portreeve_kernel::Address};

    fn there() -> Vec<Option<Account>> {
        vec![Some(Account {
            lamports: 1,
            owner: Address::new([1; 32]),
            data: vec![7],
        })]
    }

    fn said(operator: &str, height: u64, accounts: Vec<Option<Account>>) -> Sighting {
        Sighting {
            operator: operator.to_owned(),
            height,
            accounts,
        }
    }

    #[test]
    fn one_operator_alone_is_believed_only_where_one_is_enough() {
        let one = || vec![said("a", 5, vec![None])];
        let gone = Agreed {
            accounts: vec![None],
            height: 5,
        };
        assert_eq!(agreed(one(), None, 1), Ok(gone));
        let few = NoWitness::Few { answered: 1, needed: 2 };
        assert_eq!(agreed(one(), None, 2), Err(few.clone()));
        let twice = vec![said("a", 5, vec![None]), said("a", 6, vec![None])];
        assert_eq!(agreed(twice, None, 2), Err(few), "asked twice it is still one");
        let none = NoWitness::Few { answered: 0, needed: 1 };
        assert_eq!(agreed(Vec::new(), None, 1), Err(none));
    }

    #[test]
    fn a_liar_is_outvoted_and_stops_what_it_cannot_be_outvoted_in() {
        let liar = || said("liar", 1_000, vec![None]);
        let two = vec![liar(), said("a", 5, there())];
        assert_eq!(agreed(two, None, 2), Err(NoWitness::Apart));
        let three = vec![liar(), said("a", 5, there()), said("b", 7, there())];
        let truth = Agreed {
            accounts: there(),
            height: 7,
        };
        assert_eq!(agreed(three, None, 2), Ok(truth));
    }

    #[test]
    fn who_has_not_come_past_the_block_does_not_count() {
        let lag = || said("lag", 5, vec![None]);
        assert_eq!(agreed(vec![lag()], Some(5), 1), Err(NoWitness::Behind { past: 5 }));
        assert!(agreed(vec![lag()], Some(4), 1).is_ok());
        let with_one_that_keeps_up = vec![lag(), said("b", 6, there())];
        assert_eq!(agreed(with_one_that_keeps_up, Some(5), 1).unwrap().accounts, there());
    }
}
