//! A unit of work in the writer's queue: run, perhaps run again, and answered once.

use {
    crate::{error::StoreError, tx::Tx},
    std::{future::Future, pin::Pin},
    tokio::sync::{OwnedSemaphorePermit, oneshot},
};

/// A future of the writer's own thread; it need not move to another.
pub(crate) type Local<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// What a unit said of its run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    /// Commit it.
    Keep,
    /// Undo it. Its caller gets the reason as its answer.
    Undo,
    /// Undo it, and ask each of its commands on its own: one of them spoils the rest.
    Split,
}

/// One caller's work, or that of many callers who share a batch.
pub(crate) trait Unit: Send {
    /// Takes in what waits. Called when its group is formed.
    fn gather(&mut self) {}

    /// Does the work. May be called again after the earlier run was undone.
    fn run<'a>(&'a mut self, tx: &'a mut Tx) -> Local<'a, Said>;

    /// True when it cannot be split.
    fn is_single(&self) -> bool {
        true
    }

    /// The same work, each caller's on its own.
    fn split(self: Box<Self>) -> Vec<Box<dyn Unit>>;

    /// Says that the last run was undone for `reason`, whatever it said itself.
    fn undone(&mut self, reason: StoreError);

    /// Answers the callers: what the last run said when its group was committed, else the error. That goes for failures
    /// too: a refusal may rest on what a neighbour did, and was undone.
    fn answer(self: Box<Self>, fate: Result<(), StoreError>);
}

/// The work of one caller.
pub(crate) struct Call<F, T, E> {
    work: F,
    said: Option<Result<T, E>>,
    caller: oneshot::Sender<Result<T, E>>,
    _place: OwnedSemaphorePermit,
}

impl<F, T, E> Call<F, T, E> {
    pub(crate) const fn new(work: F, caller: oneshot::Sender<Result<T, E>>, place: OwnedSemaphorePermit) -> Self {
        Self {
            work,
            said: None,
            caller,
            _place: place,
        }
    }
}

impl<F, T, E> Unit for Call<F, T, E>
where
    F: AsyncFn(&mut Tx) -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
{
    fn run<'a>(&'a mut self, tx: &'a mut Tx) -> Local<'a, Said> {
        self.said = None;
        Box::pin(async move {
            let said = (self.work)(tx).await;
            let kept = said.is_ok();
            self.said = Some(said);
            if kept { Said::Keep } else { Said::Undo }
        })
    }

    fn split(self: Box<Self>) -> Vec<Box<dyn Unit>> {
        vec![self]
    }

    fn undone(&mut self, reason: StoreError) {
        self.said = Some(Err(E::from(reason)));
    }

    fn answer(self: Box<Self>, fate: Result<(), StoreError>) {
        let answer = match (fate, self.said) {
            (Err(error), _) => Err(E::from(error)),
            (Ok(()), Some(said)) => said,
            // Not reached: a unit that is committed has run.
            (Ok(()), None) => Err(E::from(StoreError::Stopped)),
        };
        // A caller who has gone away wants no answer.
        let _ = self.caller.send(answer);
    }
}
