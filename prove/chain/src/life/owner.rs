//! What the owner allows, and in which order server, signer and chain learn of a change.

use {
    super::{Life, Step},
    crate::{
        plan::{Coin, Edit, Plan, Sums},
        world::World,
    },
    portreeve_chain::LimitSpec,
    portreeve_kernel::Amount,
    portreeve_policy::{AgentPolicy, Limits as PolicyLimits, PolicyInput, loosens},
    portreeve_signing::limits_on_chain,
    serde_json::json,
};

impl Life<'_> {
    /// A new policy, and the order in which server, signer and chain learn of it: what loosens goes to the chain first,
    /// what tightens to the server first, and then everything that the old one allowed lands before the chain follows.
    pub(super) fn edit(&mut self, edit: &Edit) {
        let old = self.books.policy.clone();
        let mut new = old.clone();
        new.version += 1;
        match edit {
            Edit::Daily { coin, day } => {
                let limits = match coin {
                    Coin::Sol => &mut new.limits,
                    Coin::Token => &mut new.tokens.get_mut(&self.world.mint()).unwrap().limits,
                };
                let daily = Amount::new(day * self.plan.scale).unwrap();
                *limits = PolicyLimits {
                    per_transaction: limits.per_transaction.min(daily),
                    daily,
                    weekly: limits.weekly.max(daily),
                    monthly: limits.monthly.max(daily),
                };
            }
            Edit::Shops(shops) => new.whitelist.allowed_destinations = self.addresses(shops),
            Edit::Interval(seconds) => new.min_interval_seconds = *seconds,
            Edit::Nothing(_) => {}
        }
        let (loosened, new) = (loosens(&old, &new), Box::new(new));
        let again = match edit {
            Edit::Nothing(coin) => Some(self.world.asset(*coin)),
            _ => None,
        };
        let before = limits_on_chain(&old);
        let changed = |spec: &LimitSpec| !before.contains(spec) || again == Some(spec.asset);
        let specs: Vec<LimitSpec> = limits_on_chain(&new).into_iter().filter(changed).collect();
        let (drain, put) = match specs.is_empty() {
            true => (None, None),
            // Suspended there is no limit to replace; what is under way ends all the same before the next one is put.
            false => (Some(Step::Drain), self.books.active.then_some(Step::Put(specs))),
        };
        let steps = if loosened {
            vec![Some(Step::Approve(new.clone())), put, Some(Step::Serve(new))]
        } else {
            let (serve, approve) = (Step::Serve(new.clone()), Step::Approve(new));
            vec![Some(serve), Some(approve), drain, put]
        };
        for step in steps.into_iter().rev().flatten() {
            self.queue.push_front(step);
        }
    }
}

pub(super) fn first_policy(world: &World, plan: &Plan) -> AgentPolicy {
    let limits = |sums: Sums| {
        let text = |units: u64| (units * plan.scale).to_string();
        json!({"perTransaction": text(sums.once), "daily": text(sums.day), "weekly": text(sums.week), "monthly": text(sums.month)})
    };
    let terms = &plan.terms;
    let mint = world.mint().to_string();
    let shops: Vec<String> = terms
        .shops
        .iter()
        .map(|shop| world.shops[usize::from(*shop)].to_string())
        .collect();
    let hours = terms.hours.map(|(start, end)| json!({"start": start, "end": end}));
    let input = json!({
        "preset": "custom",
        "limits": limits(terms.sol),
        "tokens": {mint: {"limits": limits(terms.token)}},
        "whitelist": {"allowedDestinations": shops},
        "timeControl": {"operatingHoursUtc": hours},
        "minIntervalSeconds": terms.interval,
    });
    let input: PolicyInput = serde_json::from_value(input).unwrap();
    input.resolve(1).unwrap()
}
