//! What a model may have meant: ids that are nearly the one that is not there.
//!
//! What must stay true: only what the caller could list is named.

use {
    crate::{Moment, Served},
    portreeve_guard::Problem,
    portreeve_kernel::Code,
    strsim::osa_distance,
};

/// Most that are named.
const MOST: usize = 3;
/// Characters that may be wrong.
const FAR: usize = 3;

/// The problem, with the closest ids when there is no such entity. A path has no ids near it.
pub(super) fn named(problem: Problem, moment: &Moment, id: &str) -> Problem {
    if problem.code() != Code::VaultNotFound {
        return problem;
    }
    let closest = closest(moment, id);
    if closest.is_empty() {
        return problem.detail(format_args!("there is no `{}` in the vault", short(id)));
    }
    let words = closest.join("`, `");
    problem
        .detail(format_args!(
            "there is no `{}` in the vault; closest are `{words}`",
            short(id)
        ))
        .with("closest", closest)
}

/// As much of an id as is said back.
fn short(id: &str) -> String {
    id.chars().take(200).filter(|c| !c.is_control()).collect()
}

fn closest(moment: &Moment, id: &str) -> Vec<String> {
    let length = id.chars().count();
    if length > 200 {
        return Vec::new();
    }
    let wanted = id.to_lowercase();
    let mut near: Vec<(usize, &str)> = moment
        .entities()
        .filter_map(|served: Served<'_>| {
            let known = served.id();
            let about = known.chars().count().abs_diff(length) <= FAR;
            let distance = about.then(|| osa_distance(&wanted, &known.to_lowercase()))?;
            (distance <= FAR.min(length.div_ceil(3))).then_some((distance, known))
        })
        .collect();
    near.sort_unstable();
    near.into_iter().take(MOST).map(|(_, id)| id.to_owned()).collect()
}
