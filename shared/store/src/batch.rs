//! Many commands of one kind decided together: each row is read once, each table written once, one commit for all.

use {
    crate::{
        database::Database,
        error::StoreError,
        tx::Tx,
        unit::{Local, Said, Unit},
    },
    std::{
        future::Future,
        mem,
        sync::{Arc, Mutex, MutexGuard, PoisonError},
    },
    tokio::sync::{OwnedSemaphorePermit, oneshot},
};

/// The most commands that are decided together.
const AT_ONCE: usize = 256;

/// Decides commands of one kind, as many at once as happen to wait.
pub trait Batch: Send + Sync + 'static {
    /// What a caller asks.
    type Command: Send + Sync + 'static;
    /// What it is told once the decision is on disk. A refusal is an answer too, and as durable.
    type Answer: Send + 'static;

    /// Decides `commands` in their order, so that each sees the effect of those before it, and gives one answer to
    /// each. May be called again with the same commands, or with one of them, after an earlier run was undone;
    /// therefore it has no effect but through `tx`.
    ///
    /// # Errors
    /// An error undoes the whole run; then each command is decided on its own, so that one that cannot be stored
    /// fails alone.
    fn decide(
        &self,
        tx: &mut Tx,
        commands: &[Self::Command],
    ) -> impl Future<Output = Result<Vec<Self::Answer>, StoreError>>;
}

/// Hands commands to a [`Batch`]. Cheap to clone.
pub struct Batcher<B: Batch> {
    database: Database,
    shared: Arc<Shared<B>>,
}

struct Shared<B: Batch> {
    batch: B,
    waiting: Mutex<Waiting<B>>,
}

struct Waiting<B: Batch> {
    callers: Vec<Caller<B>>,
    /// True while a unit that will take them stands in the writer's queue.
    queued: bool,
}

struct Caller<B: Batch> {
    command: B::Command,
    answer: oneshot::Sender<Result<B::Answer, StoreError>>,
    place: OwnedSemaphorePermit,
}

impl<B: Batch> Shared<B> {
    fn waiting(&self) -> MutexGuard<'_, Waiting<B>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<B: Batch> Clone for Batcher<B> {
    fn clone(&self) -> Self {
        Self {
            database: self.database.clone(),
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<B: Batch> Batcher<B> {
    pub(crate) fn new(database: Database, batch: B) -> Self {
        let waiting = Mutex::new(Waiting {
            callers: Vec::new(),
            queued: false,
        });
        Self {
            database,
            shared: Arc::new(Shared { batch, waiting }),
        }
    }

    /// Has `command` decided, and returns when the decision is on disk. It is decided even when the caller goes away.
    ///
    /// # Errors
    /// [`StoreError::Overloaded`], [`StoreError::Stopped`], [`StoreError::OutcomeUnknown`], and whatever
    /// [`Batch::decide`] failed with.
    pub async fn submit(&self, command: B::Command) -> Result<B::Answer, StoreError> {
        let place = self.database.place()?;
        let (answer, decided) = oneshot::channel();
        let first = {
            let mut waiting = self.shared.waiting();
            waiting.callers.push(Caller { command, answer, place });
            !mem::replace(&mut waiting.queued, true)
        };
        if first {
            self.database.enqueue(Box::new(Together {
                shared: Arc::clone(&self.shared),
                queue: Some(self.database.clone()),
                callers: Callers::default(),
                said: None,
            }));
        }
        decided.await.unwrap_or(Err(StoreError::Stopped))
    }
}

/// Where an answer goes, and the place in the queue that its asker holds until then.
type Asker<A> = (oneshot::Sender<Result<A, StoreError>>, OwnedSemaphorePermit);

/// The commands of one run, with those who asked.
struct Callers<B: Batch> {
    commands: Vec<B::Command>,
    askers: Vec<Asker<B::Answer>>,
}

impl<B: Batch> Default for Callers<B> {
    fn default() -> Self {
        Self {
            commands: Vec::new(),
            askers: Vec::new(),
        }
    }
}

impl<B: Batch> Extend<Caller<B>> for Callers<B> {
    fn extend<I: IntoIterator<Item = Caller<B>>>(&mut self, callers: I) {
        for caller in callers {
            self.commands.push(caller.command);
            self.askers.push((caller.answer, caller.place));
        }
    }
}

/// The unit that takes all that wait, up to [`AT_ONCE`].
struct Together<B: Batch> {
    shared: Arc<Shared<B>>,
    /// Where to queue up again when more wait than are taken at once.
    queue: Option<Database>,
    callers: Callers<B>,
    said: Option<Result<Vec<B::Answer>, StoreError>>,
}

impl<B: Batch> Unit for Together<B> {
    fn gather(&mut self) {
        let Some(database) = self.queue.take() else {
            return;
        };
        let more = {
            let mut waiting = self.shared.waiting();
            let taken = waiting.callers.len().min(AT_ONCE);
            self.callers.extend(waiting.callers.drain(..taken));
            waiting.queued = !waiting.callers.is_empty();
            waiting.queued
        };
        if more {
            database.enqueue(Box::new(Self {
                shared: Arc::clone(&self.shared),
                queue: Some(database.clone()),
                callers: Callers::default(),
                said: None,
            }));
        }
    }

    fn run<'a>(&'a mut self, tx: &'a mut Tx) -> Local<'a, Said> {
        self.said = None;
        Box::pin(async move {
            let commands = &self.callers.commands;
            let said = match self.shared.batch.decide(tx, commands).await {
                Ok(answers) if answers.len() != commands.len() => Err(StoreError::Batch {
                    commands: commands.len(),
                    answers: answers.len(),
                }),
                said => said,
            };
            let verdict = match &said {
                Ok(_) => Said::Keep,
                Err(_) if self.is_single() => Said::Undo,
                Err(_) => Said::Split,
            };
            self.said = Some(said);
            verdict
        })
    }

    fn is_single(&self) -> bool {
        self.callers.commands.len() <= 1
    }

    fn split(self: Box<Self>) -> Vec<Box<dyn Unit>> {
        let shared = self.shared;
        let alone = |(command, asker)| -> Box<dyn Unit> {
            Box::new(Self {
                shared: Arc::clone(&shared),
                queue: None,
                callers: Callers {
                    commands: vec![command],
                    askers: vec![asker],
                },
                said: None,
            })
        };
        self.callers
            .commands
            .into_iter()
            .zip(self.callers.askers)
            .map(alone)
            .collect()
    }

    fn undone(&mut self, reason: StoreError) {
        self.said = Some(Err(reason));
    }

    fn answer(self: Box<Self>, fate: Result<(), StoreError>) {
        let askers = self.callers.askers;
        // `Stopped` is not reached: a unit that is committed has run.
        match fate.and(self.said.unwrap_or(Err(StoreError::Stopped))) {
            Ok(said) => {
                for ((caller, _place), answer) in askers.into_iter().zip(said) {
                    let _ = caller.send(Ok(answer));
                }
            }
            Err(error) => {
                for (caller, _place) in askers {
                    let _ = caller.send(Err(error.clone()));
                }
            }
        }
    }
}
