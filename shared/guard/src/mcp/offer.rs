//! What a resource server offers to models: tools and resources, each with its scope in the type of its function.

use {
    super::{
        brief,
        collection::{Collection, Members, Shelf},
        place::{Changes, Place, Resource},
        progress::Call,
        schema::{JsonObject, schema},
    },
    crate::{Caller, json, problem::Problem},
    futures_util::FutureExt,
    portreeve_kernel::{Code, Principal, RequiredScope, Scope},
    serde::{Serialize, de::DeserializeOwned},
    serde_json::Value,
    std::{fmt, future::Future, panic::AssertUnwindSafe, pin::Pin, sync::Arc, time::Duration},
    utoipa::ToSchema,
};

/// What is done for somebody.
pub(super) type Answer<T = Value> = Pin<Box<dyn Future<Output = Result<T, Problem>> + Send>>;
type Run<S> = Box<dyn Fn(S, Arc<Principal>, Value, Call) -> Answer + Send + Sync>;

/// Pause between two looks at what is kept here, when nobody says otherwise.
pub(super) const LOOK: Duration = Duration::from_secs(2);

/// What a view is read as.
pub(super) const JSON: &str = "application/json";

/// What is offered, and on whose state it works. Everything is offered in the order in which it was added.
pub struct Offer<S> {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) instructions: &'static str,
    pub(super) state: S,
    pub(super) tools: Vec<Tool<S>>,
    pub(super) resources: Vec<Resource<S>>,
    pub(super) shelves: Vec<Shelf<S>>,
    pub(super) words: fn(Code) -> Option<&'static str>,
    pub(super) pause: Duration,
    generation: fn(&S) -> Option<u64>,
    is_brief: bool,
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
    /// It adds to what is kept here, each time anew, and changes nothing that is there.
    Adds,
    /// It changes what is kept here, and once: a second time it would find something else than it was told to change.
    Changes,
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

pub(super) struct Tool<S> {
    pub(super) about: About,
    pub(super) scope: Scope,
    pub(super) input: Arc<JsonObject>,
    pub(super) output: Arc<JsonObject>,
    pub(super) run: Run<S>,
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
            shelves: Vec::new(),
            words: |_| None,
            pause: LOOK,
            generation: |_| None,
            is_brief: false,
        }
    }

    /// Describes the tools that are added from here on in as few characters as their schemas can do with. Their answers are
    /// described by types and names alone: for many tools, whose members are called by what they are.
    #[must_use]
    pub fn in_brief(self) -> Self {
        Self { is_brief: true, ..self }
    }

    /// Counts what is written: while `generation` stays the same, nothing that changes here has changed. Without it, or when
    /// it does not know, each look is a look at everything.
    #[must_use]
    pub fn counted_by(self, generation: fn(&S) -> Option<u64>) -> Self {
        Self { generation, ..self }
    }

    /// Looks every `pause` whether the count has moved, so that a change is told that soon.
    #[must_use]
    pub fn looked_at_every(self, pause: Duration) -> Self {
        Self { pause, ..self }
    }

    /// Says in words of its own what to do after some of the problems that its tools answer. The rest is said in the words
    /// of [`advice`](super::advice).
    #[must_use]
    pub fn advising(self, words: fn(Code) -> Option<&'static str>) -> Self {
        Self { words, ..self }
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
        let (mut input, mut output) = (schema::<Arguments>(), schema::<View>());
        if self.is_brief {
            (input, output) = (brief::arguments(input), brief::answer(output));
        }
        self.tools.push(Tool {
            about,
            scope: C::SCOPE,
            input: Arc::new(input),
            output: Arc::new(output),
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
        self.resources.push(Resource::new(place, read));
        self
    }

    /// Adds resources that are many: `read` answers the text of one, for a caller who holds the scope `C`. It is given what
    /// stands for the variable in its address, decoded. They are not listed.
    #[must_use]
    pub fn collection<C, Done>(
        mut self,
        collection: Collection,
        read: impl Fn(S, Caller<C>, String) -> Done + Send + Sync + 'static,
    ) -> Self
    where
        C: RequiredScope,
        Done: Future<Output = Result<String, Problem>> + Send + 'static,
    {
        self.shelves.push(Shelf::new(collection, read));
        self
    }

    /// The same, listed: `list` answers a page of them, from the beginning or from where the page before said that the list
    /// goes on.
    #[must_use]
    pub fn listed_collection<C, Read, List>(
        mut self,
        collection: Collection,
        list: impl Fn(S, Caller<C>, Option<String>) -> List + Send + Sync + 'static,
        read: impl Fn(S, Caller<C>, String) -> Read + Send + Sync + 'static,
    ) -> Self
    where
        C: RequiredScope,
        List: Future<Output = Result<Members, Problem>> + Send + 'static,
        Read: Future<Output = Result<String, Problem>> + Send + 'static,
    {
        self.shelves.push(Shelf::new(collection, read).listed(list));
        self
    }

    pub(super) fn generation(&self) -> Option<u64> {
        (self.generation)(&self.state)
    }

    pub(super) fn find_tool(&self, name: &str) -> Option<&Tool<S>> {
        self.tools.iter().find(|tool| tool.about.name == name)
    }

    /// What `uri` leads to.
    pub(super) fn find(&self, uri: &str) -> Option<Found<'_, S>> {
        let place = self.resources.iter().find_map(|resource| {
            let variable = resource.place.variable(uri)?.map(str::to_owned);
            Some(Found::Place(resource, variable))
        });
        place.or_else(|| {
            self.shelves.iter().find_map(|shelf| {
                let variable = shelf.collection.variable(uri)?;
                Some(Found::Member(shelf, variable))
            })
        })
    }
}

/// A resource that an address leads to, and what stands in it for the variable.
pub(super) enum Found<'o, S> {
    Place(&'o Resource<S>, Option<String>),
    Member(&'o Shelf<S>, String),
}

impl<S> Found<'_, S> {
    pub(super) const fn scope(&self) -> &Scope {
        match self {
            Self::Place(resource, _) => &resource.scope,
            Self::Member(shelf, _) => &shelf.scope,
        }
    }

    pub(super) const fn changes(&self) -> Changes {
        match self {
            Self::Place(resource, _) => resource.place.changes,
            Self::Member(..) => Changes::Here,
        }
    }

    pub(super) const fn mime_type(&self) -> &'static str {
        match self {
            Self::Place(..) => JSON,
            Self::Member(shelf, _) => shelf.collection.mime_type,
        }
    }

    /// What is there, as text.
    pub(super) async fn read(self, state: S, caller: Arc<Principal>) -> Result<String, Problem> {
        match self {
            Self::Place(resource, variable) => Ok((resource.read)(state, caller, variable).await?.to_string()),
            Self::Member(shelf, variable) => (shelf.read)(state, caller, variable).await,
        }
    }

    /// The same, without what differs from look to look although nothing has happened.
    pub(super) async fn look(self, state: S, caller: Arc<Principal>) -> Result<String, Problem> {
        let Self::Place(resource, variable) = self else {
            return self.read(state, caller).await;
        };
        let mut view = (resource.read)(state, caller, variable).await?;
        if let Value::Object(members) = &mut view {
            members.retain(|name, _| !resource.place.passing.contains(&name.as_str()));
        }
        Ok(view.to_string())
    }
}

pub(super) fn answer<View, Done>(begun: Result<Done, Problem>) -> Answer
where
    View: Serialize,
    Done: Future<Output = Result<View, Problem>> + Send + 'static,
{
    Box::pin(async move { serde_json::to_value(whole(begun).await?).map_err(Problem::internal) })
}

/// What comes of `begun`, also when it panics: rmcp would wait for ever for the answer of a task that has gone.
pub(super) async fn whole<T, Done>(begun: Result<Done, Problem>) -> Result<T, Problem>
where
    Done: Future<Output = Result<T, Problem>> + Send + 'static,
{
    let done = AssertUnwindSafe(begun?).catch_unwind().await;
    done.map_err(|_| Problem::internal("a tool panicked"))?
}
