//! Makes a failing trace smaller: what can be left out without the failure going away, is.

use crate::{
    group::{Trouble, live},
    plan::Plan,
};

/// Most tries. Each starts a chain.
const TRIES: u32 = 400;

/// A plan that fails when it lives alone, and how.
struct Shrinking {
    plan: Plan,
    trouble: Trouble,
    tries: u32,
}

/// The trace as small as a few tries make it, and how it fails then. `None` when it does not fail alone.
pub(crate) fn shrink(plan: &Plan) -> Option<(Plan, Trouble)> {
    let trouble = fails(plan)?;
    let mut plan = plan.clone();
    plan.rounds.truncate(trouble.round + 1);
    let mut shrinking = Shrinking {
        plan,
        trouble,
        tries: 0,
    };
    while shrinking.once_over() {}
    Some((shrinking.plan, shrinking.trouble))
}

fn fails(plan: &Plan) -> Option<Trouble> {
    live(std::slice::from_ref(plan)).1.pop()
}

impl Shrinking {
    /// Tries to leave out every round and every act once; true when something was left out.
    fn once_over(&mut self) -> bool {
        let before = self.tries;
        let mut smaller = false;
        for place in (0..self.plan.rounds.len()).rev() {
            if place < self.plan.rounds.len() && (self.without_round(place, true) || self.without_round(place, false)) {
                smaller = true;
                continue;
            }
            let acts = self.plan.rounds.get(place).map_or(0, |round| round.acts.len());
            for act in (0..acts).rev() {
                smaller |= self.attempt(|plan| {
                    if let Some(round) = plan.rounds.get_mut(place) {
                        round.acts.remove(act);
                    }
                });
            }
        }
        smaller && self.tries > before
    }

    /// Leaves out a round; its seconds pass all the same, or not.
    fn without_round(&mut self, place: usize, pass: bool) -> bool {
        self.attempt(|plan| {
            let gone = plan.rounds.remove(place);
            if let Some(next) = plan.rounds.get_mut(place).filter(|_| pass) {
                next.wait += gone.wait;
            }
        })
    }

    fn attempt(&mut self, change: impl FnOnce(&mut Plan)) -> bool {
        if self.tries >= TRIES {
            return false;
        }
        self.tries += 1;
        let mut plan = self.plan.clone();
        change(&mut plan);
        let Some(trouble) = fails(&plan) else {
            return false;
        };
        plan.rounds.truncate(trouble.round + 1);
        self.plan = plan;
        self.trouble = trouble;
        true
    }
}
