//! What a resource server offers to models: tools and resources, each with its scope in the type of its function.

use {
    super::{
        progress::Call,
        schema::{JsonObject, schema},
    },
    crate::{Caller, json, problem::Problem},
    futures_util::FutureExt,
    portreeve_kernel::{Principal, RequiredScope, Scope},
    serde::{Serialize, de::DeserializeOwned},
    serde_json::Value,
    std::{fmt, future::Future, panic::AssertUnwindSafe, pin::Pin, sync::Arc},
    utoipa::ToSchema,
};

type Answer = Pin<Box<dyn Future<Output = Result<Value, Problem>> + Send>>;
type Run<S> = Box<dyn Fn(S, Arc<Principal>, Value, Call) -> Answer + Send + Sync>;
type Read<S> = Box<dyn Fn(S, Arc<Principal>, Option<String>) -> Answer + Send + Sync>;

/// What is offered, and on whose state it works. Everything is offered in the order in which it was added.
pub struct Offer<S> {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) instructions: &'static str,
    pub(super) state: S,
    pub(super) tools: Vec<Tool<S>>,
    pub(super) resources: Vec<Resource<S>>,
    generation: fn(&S) -> Option<u64>,
}

/// What a tool does to the world, as clients are told, so that they ask their user when it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It only looks.
    Looks,
    /// It stops something. Doing it again changes nothing more, and no limit of how much may be asked holds it up.
    Stops,
    /// It does something out in the world that cannot be taken back, each time anew.
    Acts,
}

/// How a tool is presented.
#[derive(Debug, Clone, Copy)]
pub struct About {
    /// What it is called by.
    pub name: &'static str,
    /// For people.
    pub title: &'static str,
    /// For models: when to use it, and what comes of it.
    pub about: &'static str,
    /// What it does to the world.
    pub effect: Effect,
}

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

pub(super) struct Tool<S> {
    pub(super) about: About,
    pub(super) scope: Scope,
    pub(super) input: Arc<JsonObject>,
    pub(super) output: Arc<JsonObject>,
    pub(super) run: Run<S>,
}

pub(super) struct Resource<S> {
    pub(super) place: Place,
    pub(super) scope: Scope,
    pub(super) read: Read<S>,
}

impl<S> fmt::Debug for Offer<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Offer")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl<S> Offer<S> {
    /// Nothing yet. `instructions` tell a model how to use what follows.
    #[must_use]
    pub const fn new(name: &'static str, title: &'static str, instructions: &'static str, state: S) -> Self {
        Self {
            name,
            title,
            instructions,
            state,
            tools: Vec::new(),
            resources: Vec::new(),
            generation: |_| None,
        }
    }

    /// Counts what is written: while `generation` stays the same, nothing that changes here has changed. Without it, or when
    /// it does not know, each look is a look at everything.
    #[must_use]
    pub fn counted_by(self, generation: fn(&S) -> Option<u64>) -> Self {
        Self { generation, ..self }
    }

    /// Adds a tool: `run` does what it does, for a caller who holds the scope `C`.
    #[must_use]
    pub fn tool<C, Arguments, View, Done>(
        mut self,
        about: About,
        run: impl Fn(S, Caller<C>, Arguments, Call) -> Done + Send + Sync + 'static,
    ) -> Self
    where
        C: RequiredScope,
        Arguments: DeserializeOwned + ToSchema,
        View: Serialize + ToSchema,
        Done: Future<Output = Result<View, Problem>> + Send + 'static,
    {
        let run = move |state: S, principal: Arc<Principal>, arguments: Value, call: Call| -> Answer {
            let begun = Caller::of(principal).and_then(|caller| {
                let arguments = json::from_value(arguments)?;
                Ok(run(state, caller, arguments, call))
            });
            answer(begun)
        };
        self.tools.push(Tool {
            about,
            scope: C::SCOPE,
            input: Arc::new(schema::<Arguments>()),
            output: Arc::new(schema::<View>()),
            run: Box::new(run),
        });
        self
    }

    /// Adds a resource: `read` answers what is there, for a caller who holds the scope `C`. It is given what stands for
    /// the template's variable, or nothing at the caller's own address.
    #[must_use]
    pub fn resource<C, View, Done>(
        mut self,
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
        self.resources.push(Resource {
            place,
            scope: C::SCOPE,
            read: Box::new(read),
        });
        self
    }

    pub(super) fn generation(&self) -> Option<u64> {
        (self.generation)(&self.state)
    }

    pub(super) fn find_tool(&self, name: &str) -> Option<&Tool<S>> {
        self.tools.iter().find(|tool| tool.about.name == name)
    }

    /// The resource at `uri`, and what stands there for its variable.
    pub(super) fn find_resource(&self, uri: &str) -> Option<(&Resource<S>, Option<String>)> {
        self.resources.iter().find_map(|resource| {
            let variable = resource.place.variable(uri)?;
            Some((resource, variable.map(str::to_owned)))
        })
    }
}

impl Place {
    /// What stands for the variable in `uri`, when it leads here: nothing at the caller's own address.
    fn variable<'u>(&self, uri: &'u str) -> Option<Option<&'u str>> {
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

fn answer<View: Serialize, Done>(begun: Result<Done, Problem>) -> Answer
where
    Done: Future<Output = Result<View, Problem>> + Send + 'static,
{
    match begun {
        Err(problem) => Box::pin(std::future::ready(Err(problem))),
        Ok(done) => Box::pin(async move {
            // rmcp would wait for ever for the answer of a task that panicked.
            let view = AssertUnwindSafe(done).catch_unwind().await;
            let view = view.map_err(|_| Problem::internal("a tool panicked"))??;
            serde_json::to_value(view).map_err(Problem::internal)
        }),
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
