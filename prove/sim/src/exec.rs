//! One thread, one clock, many tasks. The next thing to happen is always the earliest; of two at once the one that was
//! asked for first. So one plan has one history.

use std::{
    cell::{Cell, RefCell},
    cmp::Reverse,
    collections::BinaryHeap,
    future::Future,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

/// Whose a task is, so that it dies with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// Clients, owners and the laws of nature.
    World,
    /// A server.
    Node(u8),
    /// The signer.
    Signer,
}

type Work = Pin<Box<dyn Future<Output = ()>>>;

/// When, which turn, and whose.
type Wake = (i64, u64, usize, u64);

struct Task {
    id: u64,
    owner: Owner,
    work: Option<Work>,
}

/// The clock and the tasks.
#[derive(Default)]
pub(crate) struct Exec {
    now: Cell<i64>,
    turns: Cell<u64>,
    queue: RefCell<BinaryHeap<Reverse<Wake>>>,
    tasks: RefCell<Vec<Option<Task>>>,
    free: RefCell<Vec<usize>>,
    current: Cell<(usize, u64)>,
    killed: RefCell<Vec<Owner>>,
    stopped: RefCell<Vec<(usize, u64)>>,
    paused: RefCell<[i64; 2]>,
}

/// A task that can be stopped.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Handle(usize, u64);

impl Exec {
    /// Milliseconds since the beginning, in truth.
    pub(crate) fn now(&self) -> i64 {
        self.now.get()
    }

    fn turn(&self) -> u64 {
        self.turns.set(self.turns.get() + 1);
        self.turns.get()
    }

    /// How many turns were taken.
    pub(crate) fn turns(&self) -> u64 {
        self.turns.get()
    }

    fn wake_at(&self, at: i64, (slot, id): (usize, u64)) {
        let turn = self.turn();
        self.queue.borrow_mut().push(Reverse((at, turn, slot, id)));
    }

    /// Begins `work` now.
    pub(crate) fn spawn(&self, owner: Owner, work: impl Future<Output = ()> + 'static) -> Handle {
        let id = self.turn();
        let mut tasks = self.tasks.borrow_mut();
        let slot = self.free.borrow_mut().pop().unwrap_or(tasks.len());
        if slot == tasks.len() {
            tasks.push(None);
        }
        let work: Work = Box::pin(work);
        tasks[slot] = Some(Task {
            id,
            owner,
            work: Some(work),
        });
        drop(tasks);
        self.wake_at(self.now(), (slot, id));
        Handle(slot, id)
    }

    /// Ends all tasks of `owner`, also the one that says so, at its next pause.
    pub(crate) fn kill(&self, owner: Owner) {
        self.killed.borrow_mut().push(owner);
    }

    /// Ends one task.
    pub(crate) fn stop(&self, handle: Handle) {
        self.stopped.borrow_mut().push((handle.0, handle.1));
    }

    /// Lets the tasks of a node wait until `until`.
    pub(crate) fn pause(&self, node: u8, until: i64) {
        self.paused.borrow_mut()[usize::from(node)] = until;
    }

    /// Waits.
    pub(crate) fn sleep(self: &Rc<Self>, ms: i64) -> Sleep {
        Sleep {
            exec: Rc::clone(self),
            until: self.now() + ms,
            asked: false,
        }
    }

    /// Runs until `until`, or until nothing is left to do.
    pub(crate) fn run(&self, until: i64) {
        loop {
            let next = self.queue.borrow().peek().map(|Reverse((at, ..))| *at);
            if next.is_none_or(|at| at > until) {
                self.now.set(until.max(self.now()));
                return;
            }
            let Some(Reverse((at, _, slot, id))) = self.queue.borrow_mut().pop() else {
                return;
            };
            self.now.set(at.max(self.now()));
            self.turn_of(slot, id);
        }
    }

    /// Drops all tasks, which hold the world that holds them.
    pub(crate) fn clear(&self) {
        let tasks = std::mem::take(&mut *self.tasks.borrow_mut());
        drop(tasks);
        self.queue.borrow_mut().clear();
    }

    fn turn_of(&self, slot: usize, id: u64) {
        let taken = {
            let mut tasks = self.tasks.borrow_mut();
            match &mut tasks[slot] {
                Some(task) if task.id == id => task.work.take().map(|work| (work, task.owner)),
                _ => None,
            }
        };
        let Some((mut work, owner)) = taken else { return };
        if let Owner::Node(node) = owner {
            let until = self.paused.borrow()[usize::from(node)];
            if until > self.now() {
                self.put_back(slot, work);
                self.wake_at(until, (slot, id));
                return;
            }
        }
        self.current.set((slot, id));
        let done = work.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
        if done {
            self.remove(slot);
        } else {
            self.put_back(slot, work);
        }
        self.bury();
    }

    fn put_back(&self, slot: usize, work: Work) {
        if let Some(task) = &mut self.tasks.borrow_mut()[slot] {
            task.work = Some(work);
        }
    }

    fn remove(&self, slot: usize) {
        let gone = self.tasks.borrow_mut()[slot].take();
        drop(gone);
        self.free.borrow_mut().push(slot);
    }

    fn bury(&self) {
        for owner in std::mem::take(&mut *self.killed.borrow_mut()) {
            let slots: Vec<usize> = {
                let tasks = self.tasks.borrow();
                let theirs = |(slot, task): (usize, &Option<Task>)| {
                    task.as_ref().filter(|task| task.owner == owner).map(|_| slot)
                };
                tasks.iter().enumerate().filter_map(theirs).collect()
            };
            slots.into_iter().for_each(|slot| self.remove(slot));
        }
        for (slot, id) in std::mem::take(&mut *self.stopped.borrow_mut()) {
            let there = self.tasks.borrow()[slot].as_ref().is_some_and(|task| task.id == id);
            if there {
                self.remove(slot);
            }
        }
    }
}

/// A pause.
pub(crate) struct Sleep {
    exec: Rc<Exec>,
    until: i64,
    asked: bool,
}

impl Future for Sleep {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if self.asked && self.exec.now() >= self.until {
            return Poll::Ready(());
        }
        if !self.asked {
            self.asked = true;
            self.exec.wake_at(self.until, self.exec.current.get());
        }
        Poll::Pending
    }
}

/// A place where one task leaves something for another.
pub(crate) struct Slot<T>(Rc<SlotInner<T>>);

struct SlotInner<T> {
    exec: Rc<Exec>,
    value: RefCell<Option<T>>,
    waiting: Cell<Option<(usize, u64)>>,
}

impl<T> Clone for Slot<T> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<T> Slot<T> {
    pub(crate) fn new(exec: &Rc<Exec>) -> Self {
        Self(Rc::new(SlotInner {
            exec: Rc::clone(exec),
            value: RefCell::new(None),
            waiting: Cell::new(None),
        }))
    }

    /// Leaves `value`, unless there is one already.
    pub(crate) fn put(&self, value: T) {
        self.0.value.borrow_mut().get_or_insert(value);
        if let Some(waiting) = self.0.waiting.take() {
            self.0.exec.wake_at(self.0.exec.now(), waiting);
        }
    }

    /// What is left here, or `None` after `ms`.
    pub(crate) fn wait(&self, ms: i64) -> Waiting<T> {
        Waiting {
            slot: self.clone(),
            until: self.0.exec.now() + ms,
            asked: false,
        }
    }
}

/// The wait for what comes into a [`Slot`].
pub(crate) struct Waiting<T> {
    slot: Slot<T>,
    until: i64,
    asked: bool,
}

impl<T> Future for Waiting<T> {
    type Output = Option<T>;
    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<T>> {
        if let Some(value) = self.slot.0.value.borrow_mut().take() {
            return Poll::Ready(Some(value));
        }
        let exec = Rc::clone(&self.slot.0.exec);
        if exec.now() >= self.until {
            return Poll::Ready(None);
        }
        self.slot.0.waiting.set(Some(exec.current.get()));
        if !self.asked {
            self.asked = true;
            exec.wake_at(self.until, exec.current.get());
        }
        Poll::Pending
    }
}
