//! What a payment in a token depends on besides the policy: what kind of token it is, and whether somebody has to pay
//! for an account that holds it.

use {
    portreeve_kernel::{Amount, Code, Mint, Seconds, Timestamp},
    portreeve_policy::{AgentPolicy, Decision},
};

/// Token accounts that an agent may open for those it pays in [`OPENED_WINDOW`]. The fee payer pays about 0.002 SOL for
/// each, which no limit of the agent's counts. The signer allows as many.
pub const OPENED_MAX: usize = 10;

/// How long an account that was opened counts: here from the decision, at the signer for 24 hours from the signature. The
/// ten minutes more are for what lies between the two, so that the signer hardly ever refuses what was allowed here.
pub const OPENED_WINDOW: Seconds = Seconds(86_400 + 600);

/// How a token's own rules bear on a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Nature {
    /// A plain token: what is paid arrives.
    #[default]
    Plain,
    /// Something an owner has to want, by listing the mint.
    Unusual,
    /// It cannot be paid from here, listed or not.
    Unpayable,
}

/// Adds to `decision` what forbids a payment in `mint`. `opens` is what opening an account for whoever is paid would
/// meet: when this agent opened others, oldest first. `None` when there is an account already.
pub fn judge_token(
    decision: &mut Decision,
    policy: &AgentPolicy,
    (mint, amount): (Mint, Amount),
    nature: Nature,
    opens: Option<&[Timestamp]>,
) {
    let listed = policy.whitelist.allowed_token_mints.contains(&mint);
    match nature {
        Nature::Plain => {}
        Nature::Unusual if listed => {}
        Nature::Unusual | Nature::Unpayable => decision.refuse(Code::PolicyTokenNotAllowed, amount, None),
    }
    // The last OPENED_MAX of them: the oldest of these has to leave before there is room again.
    let full = opens.and_then(|opened| opened.iter().rev().nth(OPENED_MAX.saturating_sub(1)));
    if let Some(oldest) = full {
        decision.refuse(
            Code::PolicyTokenAccountsExceeded,
            amount,
            Some(oldest.plus(OPENED_WINDOW)),
        );
    }
}

#[cfg(test)]
mod tests {
    use {
        super::*,
        portreeve_kernel::{Address, Asset, Now},
        portreeve_policy::{Outcome, SpendRequest, Usage, evaluate},
    };

    const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn mint() -> Mint {
        Mint::new(Address::new([9; 32]))
    }

    fn policy(listed: bool) -> AgentPolicy {
        let mint = mint();
        let list = if listed { format!("\"{mint}\"") } else { String::new() };
        let text = format!(
            r#"{{"preset":"custom","limits":{{"daily":"20"}},"tokens":{{"{mint}":{{"limits":{{"daily":"20"}}}}}},
                "whitelist":{{"allowedTokenMints":[{list}]}}}}"#
        );
        let input: portreeve_policy::PolicyInput = serde_json::from_str(&text).unwrap();
        input.resolve(1).unwrap()
    }

    fn judged(listed: bool, nature: Nature, opens: Option<&[Timestamp]>) -> Decision {
        let policy = policy(listed);
        let request = SpendRequest {
            asset: Asset::Token(mint()),
            amount: Amount::new(5).unwrap(),
            destination: Address::new([7; 32]),
            program: Address::new([6; 32]),
        };
        let mut decision = evaluate(&policy, &request, &Usage::default(), Now::at(NOW));
        assert_eq!(decision.outcome, Outcome::Allow);
        judge_token(&mut decision, &policy, (mint(), request.amount), nature, opens);
        decision
    }

    #[test]
    fn an_unusual_token_is_paid_only_when_its_mint_is_listed_and_an_unpayable_one_never() {
        for (listed, nature, paid) in [
            (false, Nature::Plain, true),
            (true, Nature::Plain, true),
            (false, Nature::Unusual, false),
            (true, Nature::Unusual, true),
            (false, Nature::Unpayable, false),
            (true, Nature::Unpayable, false),
        ] {
            let decision = judged(listed, nature, None);
            let code = (!paid).then_some(Code::PolicyTokenNotAllowed);
            assert_eq!(decision.code(), code, "{listed} {nature:?}");
            assert_eq!(decision.passes_at(), None);
        }
    }

    #[test]
    fn the_last_account_that_fits_is_opened_and_the_next_waits_for_the_oldest_of_those_that_count() {
        let opened: Vec<Timestamp> = (0_u32..12).map(|second| NOW.plus(Seconds(second))).collect();
        assert_eq!(
            judged(false, Nature::Plain, Some(&opened[..OPENED_MAX - 1])).code(),
            None
        );
        let full = judged(false, Nature::Plain, Some(&opened[..OPENED_MAX]));
        assert_eq!(full.code(), Some(Code::PolicyTokenAccountsExceeded));
        assert_eq!(full.passes_at(), Some(NOW.plus(OPENED_WINDOW)));
        let fuller = judged(false, Nature::Plain, Some(&opened));
        assert_eq!(fuller.passes_at(), Some(opened[2].plus(OPENED_WINDOW)));
        assert_eq!(judged(false, Nature::Plain, None).code(), None, "no account to open");
    }
}
