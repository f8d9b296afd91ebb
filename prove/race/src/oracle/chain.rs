//! The chain's own word, and the signer's: what landed from an agent's vault is what the books call settled, each payment
//! once and with the signature that the signer gave out, and nothing else has ever been signed.

use {
    super::{Finding, Findings},
    crate::facts::{Facts, OnChain, Payment, Signed},
    std::collections::BTreeMap,
};

pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    let mut found = Findings::of("chain");
    for ((agent, chain), signer) in facts.agents.iter().zip(&facts.chain).zip(&facts.signer) {
        let own = facts.books.payments.iter().filter(|payment| payment.agent == agent.id);
        let own: BTreeMap<&str, &Payment> = own.map(|payment| (payment.id.as_str(), payment)).collect();
        landed(&mut found, &own, chain);
        signed(&mut found, &agent.id, &own, signer);
        let paid: u64 = own
            .values()
            .filter(|payment| payment.is_settled())
            .map(|payment| payment.lamports)
            .sum();
        found.check(chain.vault + paid == agent.funded, || {
            format!(
                "{} had {}, paid {paid}, and has {}",
                agent.id, agent.funded, chain.vault
            )
        });
        // No run is as long as a month.
        found.check(paid <= agent.limits[2] * facts.unit, || {
            format!("{} has paid {paid} lamports in all", agent.id)
        });
    }
    found.all()
}

fn landed(found: &mut Findings, own: &BTreeMap<&str, &Payment>, chain: &OnChain) {
    // Live signatures by idempotency key.
    let mut by_key: BTreeMap<&str, u32> = BTreeMap::new();
    let mut moved: BTreeMap<&str, i128> = BTreeMap::new();
    for one in &chain.landed {
        let payment = one.payment.as_deref().and_then(|id| own.get(id));
        let Some(payment) = payment else {
            found.add(format!(
                "`{}` took {} lamports for no payment of the books",
                one.signature, one.lamports
            ));
            continue;
        };
        found.check(payment.signature.as_deref() == Some(&one.signature), || {
            format!(
                "{} landed as `{}`, and the books know `{:?}`",
                payment.id, one.signature, payment.signature
            )
        });
        if one.failed {
            found.add(format!(
                "the chain refused {}, which the server had allowed",
                payment.id
            ));
        } else {
            *by_key.entry(&payment.key).or_default() += 1;
            *moved.entry(&payment.id).or_default() += one.lamports;
        }
    }
    for (key, times) in by_key.iter().filter(|(_, times)| **times > 1) {
        found.add(format!("{times} transactions landed for the idempotency key `{key}`"));
    }
    for payment in own.values() {
        let moved = moved.get(payment.id.as_str()).copied().unwrap_or(0);
        let expected = if payment.is_settled() {
            i128::from(payment.lamports)
        } else {
            0
        };
        // What is open may have landed and not be booked yet.
        let fine = moved == expected || payment.is_open() && moved == i128::from(payment.lamports);
        found.check(fine, || {
            format!(
                "{} is {}, and {moved} lamports moved where {expected} should have",
                payment.id, payment.stage
            )
        });
    }
}

fn signed(found: &mut Findings, agent: &str, own: &BTreeMap<&str, &Payment>, signer: &Signed) {
    let mut sum = 0;
    for payment in own.values() {
        let by_signer = signer.payments.get(payment.id.as_str()).cloned().flatten();
        if by_signer.is_some() {
            sum += payment.lamports;
        }
        found.check(by_signer == payment.signature, || {
            format!(
                "of {} the signer has `{by_signer:?}` and the books `{:?}`",
                payment.id, payment.signature
            )
        });
        found.check(by_signer.is_none() || !payment.was_refused(), || {
            format!("{} was refused and signed", payment.id)
        });
    }
    found.check(sum == signer.lamports, || {
        format!(
            "the signer has signed for {} lamports of {agent}, of which the books know {sum}",
            signer.lamports
        )
    });
}

#[cfg(test)]
mod tests {
    use {
        super::{super::sample::*, *},
        crate::facts::Landed,
    };

    fn says(facts: &Facts, what: &str) {
        let found = judge(facts);
        assert!(found.iter().any(|one| one.what.contains(what)), "{found:#?}");
    }

    #[test]
    fn a_run_as_it_should_be_is_in_order() {
        assert_eq!(judge(&run()), []);
    }

    #[test]
    fn a_second_live_signature_for_one_key_is_found() {
        let mut facts = run();
        let second = Landed {
            signature: "other".into(),
            ..facts.chain[0].landed[0].clone()
        };
        facts.chain[0].landed.push(second);
        says(&facts, "2 transactions landed for the idempotency key `pay-a`");
        says(&facts, "landed as `other`");
    }

    #[test]
    fn what_is_settled_and_never_landed_is_found_and_so_is_the_reverse() {
        let mut facts = run();
        facts.chain[0].landed.remove(0);
        says(&facts, "tx_a is FINALIZED, and 0 lamports moved");
        let mut facts = run();
        facts.books.payments[0].stage = "EXPIRED".into();
        says(&facts, "tx_a is EXPIRED, and 1000 lamports moved");
    }

    #[test]
    fn money_that_no_payment_explains_is_found() {
        let mut facts = run();
        facts.chain[0].landed.push(Landed {
            signature: "x".into(),
            payment: None,
            failed: false,
            lamports: 5,
        });
        facts.chain[0].vault -= 5;
        says(&facts, "took 5 lamports for no payment");
        says(&facts, "had 10000, paid 2000, and has 7995");
    }

    #[test]
    fn a_signature_that_the_books_do_not_know_is_found() {
        let mut facts = run();
        facts.signer[0].lamports += 1000;
        says(&facts, "the signer has signed for 3000 lamports");
        let mut facts = run();
        facts.signer[0].payments.insert("tx_c".into(), Some("sig".into()));
        says(&facts, "tx_c was refused and signed");
    }

    #[test]
    fn what_the_server_allowed_and_the_chain_refused_is_found() {
        let mut facts = run();
        facts.chain[0].landed[0].failed = true;
        says(&facts, "the chain refused tx_a");
    }
}
