//! A resource at an address of its own: one view, as JSON.

use {
    super::offer::{Answer, answer},
    crate::{Caller, problem::Problem},
    portreeve_kernel::{Principal, RequiredScope, Scope},
    serde::Serialize,
    std::{future::Future, sync::Arc},
};

type Read<S> = Box<dyn Fn(S, Arc<Principal>, Option<String>) -> Answer + Send + Sync>;

/// How a resource is presented.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// Its address, for a caller who speaks for one agent: that agent's.
    pub own: &'static str,
    /// Its address with one `{variable}`, for callers who have to say which.
    pub template: &'static str,
    /// Its short name.
    pub name: &'static str,
    /// For people.
    pub title: &'static str,
    /// For models.
    pub about: &'static str,
    /// What makes it change.
    pub changes: Changes,
    /// Members that differ from look to look although nothing has happened.
    pub passing: &'static [&'static str],
}

/// What makes a resource change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changes {
    /// What is written here.
    Here,
    /// The world, which has to be asked.
    Elsewhere,
}

pub(super) struct Resource<S> {
    pub(super) place: Place,
    pub(super) scope: Scope,
    pub(super) read: Read<S>,
}

impl<S> Resource<S> {
    pub(super) fn new<C, View, Done>(
        place: Place,
        read: impl Fn(S, Caller<C>, Option<String>) -> Done + Send + Sync + 'static,
    ) -> Self
    where
        C: RequiredScope,
        View: Serialize,
        Done: Future<Output = Result<View, Problem>> + Send + 'static,
    {
        let read = move |state: S, principal: Arc<Principal>, variable: Option<String>| -> Answer {
            answer(Caller::of(principal).map(|caller| read(state, caller, variable)))
        };
        Self {
            place,
            scope: C::SCOPE,
            read: Box::new(read),
        }
    }
}

impl Place {
    /// What stands for the variable in `uri`, when it leads here: nothing at the caller's own address.
    pub(super) fn variable<'u>(&self, uri: &'u str) -> Option<Option<&'u str>> {
        if uri == self.own {
            return Some(None);
        }
        let (before, rest) = self.template.split_once('{')?;
        let (_, after) = rest.split_once('}')?;
        let variable = uri.strip_prefix(before)?.strip_suffix(after)?;
        let is_one_segment = !variable.is_empty() && !variable.contains('/');
        is_one_segment.then_some(Some(variable))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_leads_to_one_resource_or_to_none() {
        let place = Place {
            own: "w://balance",
            template: "w://{agent}/balance",
            name: "balance",
            title: "",
            about: "",
            changes: Changes::Here,
            passing: &[],
        };
        assert_eq!(place.variable("w://balance"), Some(None));
        assert_eq!(place.variable("w://a1/balance"), Some(Some("a1")));
        for uri in [
            "w://",
            "w:///balance",
            "w://a/b/balance",
            "w://a/balance/",
            "W://balance",
            "w://a/other",
            "x://balance",
        ] {
            assert_eq!(place.variable(uri), None, "{uri}");
        }
    }
}
