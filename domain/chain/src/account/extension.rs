//! What the extensions of a Token-2022 mint mean for whoever pays with it.
//!
//! A closed list, as everywhere here: an extension that is not on it is a risk, because nobody has judged it.

use {super::MintAccount, portreeve_kernel::Address};

/// What to make of a mint's extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Concern {
    /// Payments arrive, but not as those in a plain token do: the owner has to want it, by name.
    Risk(&'static str),
    /// Payments out of a Squads limit never arrive, or may stop to at any time.
    Obstacle(&'static str),
}

impl Concern {
    /// In words, after "the mint".
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Risk(words) | Self::Obstacle(words) => words,
        }
    }
}

/// Calls a program with every transfer.
const TRANSFER_HOOK: u16 = 14;

/// By number: what it changes about a payment. Those that only describe the token, or close an account that is empty,
/// change nothing.
const EXTENSIONS: &[(u16, Option<Concern>)] = &[
    (
        1,
        Some(Concern::Risk(
            "takes a fee of every transfer, so who is paid gets less than is paid",
        )),
    ),
    (
        3,
        Some(Concern::Risk("can be closed and made anew, with other decimals")),
    ),
    (4, Some(Concern::Risk("allows hidden balances"))),
    (6, Some(Concern::Risk("may open token accounts frozen"))),
    (9, Some(Concern::Obstacle("forbids transfers"))),
    (10, None), // interest: how an amount is shown
    (
        12,
        Some(Concern::Risk(
            "has a permanent delegate, who can take it out of any account",
        )),
    ),
    (16, Some(Concern::Risk("allows hidden fees"))),
    (18, None), // where its metadata is
    (19, None), // its metadata
    (20, None), // where its group is
    (21, None), // its group
    (22, None), // where its membership of a group is
    (23, None), // its membership of a group
    (24, Some(Concern::Risk("allows hidden minting and burning"))),
    (25, None), // a factor by which an amount is shown
    (26, Some(Concern::Risk("can be paused, and then nothing moves"))),
];

/// What an extension that is not on the list is called.
const UNKNOWN: Concern = Concern::Risk("has an extension that is not known here");

impl MintAccount {
    /// Everything about the mint that an owner has to know before it is paid with; empty for a plain token.
    pub fn concerns(&self) -> impl Iterator<Item = Concern> + '_ {
        self.extensions
            .iter()
            .filter_map(|number| match (*number, self.transfer_hook) {
                // Squads hands a token program only its own accounts, and a hook wants more.
                (TRANSFER_HOOK, Some(_)) => Some(Concern::Obstacle(
                    "calls a program with every transfer, which no Squads limit can serve",
                )),
                (TRANSFER_HOOK, None) => Some(Concern::Risk(
                    "may call a program with every transfer, from whenever its authority wants",
                )),
                (number, _) => match EXTENSIONS.iter().find(|(known, _)| *known == number) {
                    Some((_, concern)) => *concern,
                    None => Some(UNKNOWN),
                },
            })
    }
}

/// The program in the content of a transfer hook; all zeros stand for none.
pub(super) fn hook(extensions: &[(u16, &[u8])]) -> Option<Address> {
    let (_, content) = extensions.iter().find(|(number, _)| *number == TRANSFER_HOOK)?;
    // What cannot be read is as bad as any program.
    let program = content
        .get(32..)
        .and_then(<[u8]>::first_chunk)
        .copied()
        .unwrap_or([u8::MAX; 32]);
    Some(Address::new(program)).filter(|program| *program != Address::SYSTEM_PROGRAM)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn concerns(extensions: &[u16], transfer_hook: Option<Address>) -> Vec<Concern> {
        let mint = MintAccount {
            supply: 0,
            decimals: 6,
            mint_authority: None,
            freeze_authority: None,
            extensions: extensions.to_vec(),
            transfer_hook,
        };
        mint.concerns().collect()
    }

    #[test]
    fn a_plain_token_and_one_that_describes_itself_give_no_concern() {
        assert_eq!(concerns(&[], None), []);
        assert_eq!(concerns(&[10, 18, 19, 20, 21, 22, 23, 25], None), []);
    }

    #[test]
    fn every_extension_that_touches_a_payment_gives_one() {
        for number in [1, 3, 4, 6, 12, 14, 16, 24, 26] {
            assert!(
                matches!(concerns(&[18, number], None).as_slice(), [Concern::Risk(_)]),
                "{number}"
            );
        }
        for (number, hook) in [(9, None), (14, Some(Address::new([5; 32])))] {
            assert!(
                matches!(concerns(&[number], hook).as_slice(), [Concern::Obstacle(_)]),
                "{number}"
            );
        }
    }

    #[test]
    fn what_nobody_has_judged_is_a_risk() {
        for number in [0, 2, 5, 7, 8, 11, 13, 15, 17, 27, 28, 9_999] {
            assert_eq!(concerns(&[number], None), [UNKNOWN], "{number}");
        }
    }

    #[test]
    fn a_hook_without_a_program_is_none_and_one_that_cannot_be_read_is_one() {
        let content = |program: u8| [[1; 32], [program; 32]].concat();
        assert_eq!(hook(&[(1, &content(3))]), None);
        assert_eq!(hook(&[(14, &content(0))]), None);
        assert_eq!(hook(&[(14, &content(3))]), Some(Address::new([3; 32])));
        assert!(hook(&[(14, &[0; 63])]).is_some());
    }
}
