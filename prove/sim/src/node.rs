//! A server node: its clock, its writer, its background work, and how it dies.

use {
    crate::{
        db::{Job, Subject, Tables},
        exec::{Handle, Owner, Slot},
        follow,
        plan::{Peer, Whose},
        wallet,
        world::{W, World},
    },
    portreeve_kernel::{Now, Seconds, Timestamp},
    portreeve_signing::{
        Reason, Receipt, Refusal,
        protocol::{Answer, Envelope, Outcome, Reply, Request},
    },
    std::{
        cell::{Cell, RefCell},
        collections::BTreeSet,
        rc::Rc,
    },
};

/// How long a claim on background work holds.
const LEASE: Seconds = Seconds(30);
/// How much of it a node does at once.
const AT_ONCE: usize = 16;
/// How long a node waits for the signer, in milliseconds.
const PATIENCE: i64 = 5_000;

/// Why a unit did not do what was asked, as far as one can know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StoreError {
    /// Nothing happened.
    Down,
    /// It may have happened.
    Unknown,
}

type Unit = (Box<dyn FnOnce(&mut Tables)>, Slot<Result<(), StoreError>>);

/// One server.
pub(crate) struct Node {
    pub(crate) alive: bool,
    /// Which start this is.
    pub(crate) life: u64,
    /// How wrong its wall clock was when it started.
    pub(crate) set_at_start: i64,
    slowest: Cell<i64>,
    fastest: Cell<i64>,
    receipt: Cell<Option<Receipt>>,
    units: Vec<Unit>,
    bell: Option<Slot<()>>,
    /// Rung when there is background work.
    pub(crate) work: Option<Slot<()>>,
    /// Payments of an earlier life.
    pub(crate) recovering: BTreeSet<u64>,
    busy: usize,
}

impl Node {
    pub(crate) fn new() -> Self {
        Self {
            alive: false,
            life: 0,
            set_at_start: 0,
            slowest: Cell::new(i64::MIN),
            fastest: Cell::new(i64::MIN),
            receipt: Cell::new(None),
            units: Vec::new(),
            bell: None,
            work: None,
            recovering: BTreeSet::new(),
            busy: 0,
        }
    }
}

/// Where a task of a node runs.
#[derive(Clone)]
pub(crate) struct Ctx {
    pub(crate) w: W,
    pub(crate) node: u8,
}

impl Ctx {
    pub(crate) fn owner(&self) -> Owner {
        Owner::Node(self.node)
    }

    /// The node's clocks. Neither reading goes back while it runs.
    pub(crate) fn clock(&self) -> Now {
        let nodes = self.w.nodes.borrow();
        let node = &nodes[usize::from(self.node)];
        let read = self.w.read_clock(Whose::Node(self.node), node.set_at_start);
        node.slowest.set(node.slowest.get().max(read.for_release().millis()));
        node.fastest.set(node.fastest.get().max(read.for_expiry().millis()));
        let at = Timestamp::from_millis;
        Now::between(at(node.slowest.get()), at(node.fastest.get()))
    }

    pub(crate) async fn point(&self, name: &'static str) {
        self.w.point(self.owner(), name).await;
    }

    /// What everybody can read.
    pub(crate) fn read(&self) -> Rc<Tables> {
        Rc::clone(&self.w.database.borrow().live)
    }

    pub(crate) fn receipt(&self) -> Option<Receipt> {
        self.w.nodes.borrow()[usize::from(self.node)].receipt.get()
    }

    /// Has `work` done in the writer's next group.
    pub(crate) async fn unit<T: 'static>(
        &self,
        work: impl FnOnce(&mut Tables) -> T + 'static,
    ) -> Result<T, StoreError> {
        let (said, slot) = (Rc::new(RefCell::new(None)), Slot::new(&self.w.exec));
        let here = Rc::clone(&said);
        let unit = Box::new(move |tables: &mut Tables| *here.borrow_mut() = Some(work(tables)));
        {
            let mut nodes = self.w.nodes.borrow_mut();
            let node = &mut nodes[usize::from(self.node)];
            node.units.push((unit, slot.clone()));
            if let Some(bell) = &node.bell {
                bell.put(());
            }
        }
        slot.wait(i64::from(u32::MAX))
            .await
            .unwrap_or(Err(StoreError::Unknown))?;
        let said = said.borrow_mut().take();
        Ok(said.unwrap())
    }

    /// Asks the signer.
    pub(crate) async fn ask(&self, request: Request) -> Result<Answer, SignerError> {
        let w = &self.w;
        let envelope = Envelope {
            seen: self.receipt(),
            request,
        };
        let slot: Slot<Reply> = Slot::new(&w.exec);
        let late = w.lateness(Peer::Signer);
        let times = 1 + i64::from(w.strikes(|trouble| &mut trouble.twice, Peer::Signer));
        for time in 0..times {
            // On its way whatever becomes of who sent it.
            let (own, asked) = (w.clone(), (envelope.clone(), slot.clone()));
            let way = w.between(1, 4) + late + time * w.between(0, 500);
            w.exec.spawn(Owner::World, async move {
                own.exec.sleep(way).await;
                own.signer.borrow_mut().hear(asked);
            });
        }
        if late > 0 {
            w.count("signer request delayed");
        }
        if times > 1 {
            w.count("signer request twice");
        }
        let Some(reply) = slot.wait(PATIENCE).await else {
            w.count("signer silent");
            return Err(SignerError::Silent);
        };
        if w.strikes(|trouble| &mut trouble.lose, Peer::Signer) {
            w.count("signer reply lost");
            return Err(SignerError::Silent);
        }
        if let Some(receipt) = reply.receipt {
            let nodes = w.nodes.borrow();
            let kept = &nodes[usize::from(self.node)].receipt;
            if kept.get().is_none_or(|kept| kept.sequence < receipt.sequence) {
                kept.set(Some(receipt));
            }
        }
        match reply.outcome {
            Outcome::Done(answer) => Ok(answer),
            Outcome::Refused(refusal) => {
                w.count(refusal_name(refusal.reason));
                Err(SignerError::Refused(refusal))
            }
        }
    }
}

/// Why the signer did not do it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SignerError {
    Refused(Refusal),
    Silent,
}

const fn refusal_name(reason: Reason) -> &'static str {
    match reason {
        Reason::Policy => "signer refuses: policy",
        Reason::Suspended => "signer refuses: suspended",
        Reason::TransactionVoided => "signer refuses: given up",
        Reason::TransactionReused => "signer refuses: reused",
        Reason::ProofInvalid => "signer refuses: proof",
        Reason::NotSuspended => "signer refuses: not suspended",
        Reason::ClockUnavailable => "signer refuses: clock",
        Reason::KeyUnavailable => "signer refuses: key",
        Reason::NotApproved => "signer refuses: not approved",
        Reason::PolicyOlder => "signer refuses: older policy",
        Reason::PolicyLoosens => "signer refuses: looser policy",
        _ => "signer refuses: other",
    }
}

/// Starts a node, and finds what an earlier life left.
pub(crate) fn start(w: &W, number: u8) {
    let jump = w.jump(Whose::Node(number)).min(0);
    let live = Rc::clone(&w.database.borrow().live);
    {
        let mut nodes = w.nodes.borrow_mut();
        let node = &mut nodes[usize::from(number)];
        let life = node.life + 1;
        *node = Node::new();
        (node.alive, node.life, node.set_at_start) = (true, life, jump);
        node.bell = Some(Slot::new(&w.exec));
        node.work = Some(Slot::new(&w.exec));
        node.receipt.set(live.receipt);
        let open = live.payments.iter().filter(|(_, row)| row.stage.is_in_flight());
        node.recovering = open.map(|(id, _)| *id).collect();
        if !node.recovering.is_empty() {
            w.count("node recovers payments");
        }
        w.note(format_args!(
            "node {number} starts with {} payments in flight",
            node.recovering.len()
        ));
    }
    let ctx = Ctx {
        w: w.clone(),
        node: number,
    };
    w.exec.spawn(ctx.owner(), write(ctx.clone()));
    w.exec.spawn(ctx.owner(), async move {
        let own = ctx.clone();
        let recovered = ctx.unit(move |tables| {
            let now = own.clock().for_release();
            for job in tables.jobs.values_mut() {
                // Leases of an earlier life of this node.
                job.lease = job.lease.filter(|(holder, ..)| *holder != own.node);
            }
            let open = |(id, row): (&u64, &Rc<crate::db::PaymentRow>)| {
                row.stage.is_in_flight().then_some(Subject::Payment(*id))
            };
            let mut subjects: Vec<Subject> = tables.payments.iter().filter_map(open).collect();
            let behind = tables
                .agents
                .iter()
                .enumerate()
                .filter(|(_, agent)| agent.stage.is_some());
            subjects.extend(behind.map(|(agent, _)| Subject::Agent(agent as u8)));
            subjects.into_iter().for_each(|subject| tables.enqueue(subject, now));
        });
        // Without it the leases lapse, and the jobs are there.
        let _ = recovered.await;
        run(ctx).await;
    });
}

impl World {
    /// `kill -9`, and a start after `down` milliseconds.
    pub(crate) fn kill_node(self: &Rc<Self>, number: u8, down: i64) {
        self.bury_node(number);
        let own = Rc::clone(self);
        self.exec.spawn(Owner::World, async move {
            own.exec.sleep(down).await;
            start_if_down(&own, number);
        });
    }

    fn bury_node(&self, number: u8) {
        let node = usize::from(number);
        self.exec.kill(Owner::Node(number));
        self.exec.pause(number, 0);
        let was_alive = std::mem::replace(&mut self.nodes.borrow_mut()[node].alive, false);
        if !was_alive {
            return;
        }
        self.nodes.borrow_mut()[node].units.clear();
        self.count("node killed");
        self.note(format_args!("node {number} dies"));
        if self.writing.get() != Some(number) {
            return;
        }
        self.writing.set(None);
        if self.database.borrow().pending.is_some() {
            // A file's log holds whatever was written; a server that lost its client may not have been told to commit.
            let told = self.plan.setup.nodes == 1 || self.dice().chance(50);
            self.settle_doubt(told);
        }
    }

    /// Says what became of the group that was being committed.
    fn settle_doubt(&self, written: bool) {
        let before = Rc::clone(&self.database.borrow().live);
        let kept = {
            let mut database = self.database.borrow_mut();
            if written {
                database.recover()
            } else {
                database.forget();
                false
            }
        };
        self.count(if kept {
            "commit survived its writer"
        } else {
            "commit died with its writer"
        });
        if kept {
            crate::oracle::on_commit(self, &before);
        }
    }

    /// The same for the signer.
    pub(crate) fn kill_signer(self: &Rc<Self>, down: i64) {
        self.exec.kill(Owner::Signer);
        self.signer.borrow_mut().die();
        self.count("signer killed");
        self.note(format_args!("the signer dies"));
        let own = Rc::clone(self);
        self.exec.spawn(Owner::World, async move {
            own.exec.sleep(down).await;
            start_signer_if_down(&own);
        });
    }

    /// All processes stop, and disks keep of what was not synced what they like.
    pub(crate) fn cut_power(self: &Rc<Self>, down: i64) {
        self.note(format_args!("the power goes"));
        self.count("power cut");
        let losses = {
            let mut dice = self.dice();
            let [journal, marks] = self.signer.borrow_mut().lose_power(&mut dice);
            [journal, marks, self.database.borrow_mut().lose_power(&mut dice)]
        };
        for loss in losses {
            for (count, what) in [
                (loss.kept, "unsynced write kept"),
                (loss.lost, "unsynced write lost"),
                (loss.torn, "unsynced write torn"),
                (loss.reordered, "unsynced writes reordered"),
            ] {
                (0..count).for_each(|_| self.count(what));
            }
        }
        if self.database.borrow().pending.is_some() {
            self.settle_doubt(true);
        }
        for number in 0..self.plan.setup.nodes {
            self.kill_node(number, down);
        }
        self.kill_signer(down);
    }
}

/// Starts a node that is down.
pub(crate) fn start_if_down(w: &W, number: u8) {
    if !w.nodes.borrow()[usize::from(number)].alive {
        start(w, number);
    }
}

/// Starts the signer if it is down.
pub(crate) fn start_signer_if_down(w: &W) {
    if !w.signer.borrow().is_up() {
        crate::signer::start(w);
    }
}

/// The writer: takes what waits, commits it, and only then answers.
async fn write(ctx: Ctx) {
    let (w, place) = (ctx.w.clone(), usize::from(ctx.node));
    loop {
        let bell = w.nodes.borrow()[place].bell.clone().unwrap();
        if w.nodes.borrow()[place].units.is_empty() {
            bell.wait(3_600_000).await;
        }
        while w.writing.get().is_some() {
            w.exec.sleep(5).await;
        }
        let group = std::mem::take(&mut w.nodes.borrow_mut()[place].units);
        if group.is_empty() {
            continue;
        }
        if w.trouble.borrow().database_down_until > w.now() {
            w.count("database down");
            w.exec.sleep(20).await;
            group.into_iter().for_each(|(_, slot)| slot.put(Err(StoreError::Down)));
            continue;
        }
        w.writing.set(Some(ctx.node));
        if group.len() > 1 {
            w.count("group of several units");
        }
        let (before, mut tables) = {
            let database = w.database.borrow();
            (Rc::clone(&database.live), (*database.live).clone())
        };
        let mut slots = Vec::with_capacity(group.len());
        for (unit, slot) in group {
            unit(&mut tables);
            slots.push(slot);
        }
        w.point(ctx.owner(), "store.commit.before").await;
        w.database.borrow_mut().begin(tables);
        w.exec.sleep(w.between(1, 9)).await;
        w.database.borrow_mut().finish();
        w.writing.set(None);
        crate::oracle::on_commit(&w, &before);
        if !w.database.borrow().live.jobs.is_empty() {
            w.nodes
                .borrow()
                .iter()
                .filter_map(|node| node.work.as_ref())
                .for_each(|work| work.put(()));
        }
        w.point(ctx.owner(), "store.commit.after").await;
        let unknown = {
            let mut trouble = w.trouble.borrow_mut();
            let unknown = trouble.commits_unknown > 0;
            trouble.commits_unknown -= u8::from(unknown);
            unknown
        };
        if unknown {
            w.count("commit outcome unknown");
        }
        for slot in slots {
            slot.put(if unknown { Err(StoreError::Unknown) } else { Ok(()) });
        }
    }
}

/// What a job says when it is through.
pub(crate) enum Next {
    Done,
    Again(Seconds),
    Failed,
}

/// Claims what is due and sees it through.
async fn run(ctx: Ctx) {
    let w = ctx.w.clone();
    loop {
        let now = ctx.clock();
        let due = move |job: &Job| {
            job.run_at <= now.for_expiry() && job.lease.is_none_or(|(_, _, until)| until <= now.for_release())
        };
        let room = AT_ONCE - w.nodes.borrow()[usize::from(ctx.node)].busy;
        let live = ctx.read();
        if room > 0 && live.jobs.values().any(due) {
            let own = ctx.clone();
            let claimed = ctx.unit(move |tables| {
                let claim = w_claim(&own);
                let mut claimed = Vec::new();
                for (subject, job) in tables.jobs.iter_mut().filter(|(_, job)| due(job)).take(room) {
                    if job.lease.is_some() {
                        own.w.count("lapsed lease taken over");
                    }
                    job.lease = Some((own.node, claim, now.for_release().plus(LEASE)));
                    job.attempts += 1;
                    claimed.push((*subject, *job));
                }
                claimed
            });
            for (subject, job) in claimed.await.unwrap_or_default() {
                see_through(&ctx, subject, job);
            }
        }
        rest(&ctx).await;
    }
}

/// Until the next look: soon while something is due soon, and when somebody asks for work.
async fn rest(ctx: &Ctx) {
    let (live, now) = (ctx.read(), ctx.clock().for_expiry());
    let next = live.jobs.values().map(|job| job.run_at.millis_since(now)).min();
    match next {
        Some(soon) => ctx.w.exec.sleep(soon.clamp(500, 10_000)).await,
        None => {
            let work = ctx.w.nodes.borrow()[usize::from(ctx.node)].work.clone().unwrap();
            work.wait(3_600_000).await;
        }
    }
}

/// The number of a claim: leases of different claims are not mistaken for one another.
fn w_claim(ctx: &Ctx) -> u64 {
    ctx.w.exec.turns()
}

/// Works on a job while its lease holds, and says how it ended.
fn see_through(ctx: &Ctx, subject: Subject, job: Job) {
    let (own, claim) = (ctx.clone(), job.lease.map(|(_, claim, _)| claim));
    let exec = Rc::clone(&ctx.w.exec);
    ctx.w.nodes.borrow_mut()[usize::from(ctx.node)].busy += 1;
    let ended = Rc::new(Cell::new(false));
    let over = Rc::clone(&ended);
    let holds = move |tables: &Tables| {
        let lease = tables.jobs.get(&subject).and_then(|job| job.lease);
        lease.map(|(_, claim, _)| claim) == claim
    };
    let handle: Handle = exec.spawn(ctx.owner(), async move {
        let next = match subject {
            Subject::Payment(id) => wallet::advance(&own, id).await,
            Subject::Agent(agent) => follow::sync(&own, agent).await,
        };
        over.set(true);
        end(&own, subject, job, next, holds).await;
        own.w.nodes.borrow_mut()[usize::from(own.node)].busy -= 1;
    });
    let own = ctx.clone();
    exec.spawn(ctx.owner(), async move {
        loop {
            own.w.exec.sleep(10_000).await;
            if ended.get() {
                return;
            }
            let until = own.clock().for_release().plus(LEASE);
            let renewed = own.unit(move |tables| {
                let ours = holds(tables);
                if let Some((_, _, lease)) = tables.jobs.get_mut(&subject).and_then(|job| job.lease.as_mut())
                    && ours
                {
                    *lease = until;
                }
                ours
            });
            if renewed.await == Ok(false) && !ended.get() {
                own.w.count("lease lost");
                own.w.exec.stop(handle);
                own.w.nodes.borrow_mut()[usize::from(own.node)].busy -= 1;
                return;
            }
        }
    });
}

async fn end(ctx: &Ctx, subject: Subject, job: Job, next: Next, holds: impl Fn(&Tables) -> bool + Copy + 'static) {
    for _ in 0..LEASE.0 {
        let now = ctx.clock().for_release();
        let said = match &next {
            Next::Done => None,
            Next::Again(after) => Some((now.plus(*after), 0)),
            Next::Failed => {
                let pause = 1_u32 << job.attempts.saturating_sub(1).min(5);
                Some((now.plus(Seconds(pause)), job.attempts))
            }
        };
        let told = ctx.unit(move |tables| {
            if !holds(tables) {
                return;
            }
            let again = tables.jobs.get(&subject).is_some_and(|found| found.asked != job.asked);
            match (said, tables.jobs.get_mut(&subject)) {
                (None, Some(_)) if !again => {
                    tables.jobs.remove(&subject);
                }
                (Some((run_at, attempts)), Some(found)) if !again => {
                    (found.run_at, found.attempts, found.lease) = (run_at, attempts, None);
                }
                (_, Some(found)) => (found.attempts, found.lease) = (0, None),
                (_, None) => {}
            }
        });
        if told.await.is_ok() {
            return;
        }
        ctx.w.exec.sleep(1_000).await;
    }
}

/// For worlds that are looked at from outside.
pub(crate) fn is_quiet(w: &World) -> bool {
    let live = Rc::clone(&w.database.borrow().live);
    let open = live.payments.values().any(|row| row.stage.is_in_flight());
    !open && live.agents.iter().all(|agent| agent.stage.is_none()) && live.jobs.is_empty()
}
