//! What `services/wallet/src/transactions` does with a payment, on this world's database, signer and chain. What is
//! decided and what comes next is said by `domain/payment`, here as there.

use {
    crate::{
        chain,
        db::{PaymentRow, Subject, Tables},
        estate::estate,
        node::{self, Ctx, SignerError},
        rpc::{self, Silent},
        world::accounts_of,
    },
    portreeve_chain::{Blockhash, Message, Spend, Transaction},
    portreeve_kernel::{Address, Amount, Code, Seconds},
    portreeve_ledger::{AccountKey, WindowUse},
    portreeve_payment::{
        Case, Disagreement, End, Known, Next, Stage, agree, known, landed_at, mirrored_at, refused, seen, tried, voided,
    },
    portreeve_policy::{Outcome, SpendRequest},
    portreeve_signing::{
        Bytes, Reason,
        protocol::{Answer, Request, SignedSpend},
    },
    std::{collections::BTreeSet, rc::Rc},
};

/// How long whoever asked may take to prepare the payment before the job does it.
const GRACE: Seconds = Seconds(15);
/// How often one run looks at the chain, and how long between two looks, in milliseconds.
const LOOKS: u32 = 4;
const POLL: i64 = 700;

/// A request for a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Order {
    pub(crate) agent: u8,
    pub(crate) asset: u8,
    pub(crate) amount: u64,
    pub(crate) to: u8,
    pub(crate) key: u32,
}

impl Order {
    fn hash(&self) -> String {
        format!("{} {} {}", self.asset, self.amount, self.to)
    }

    fn payee(&self) -> Address {
        estate().payees[usize::from(self.to)]
    }
}

/// The answer to one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Paid {
    /// Taken, or known: its number and where it is.
    Known(u64, Stage),
    /// The key stands for another payment.
    Mismatch(u64),
    /// The agent may not; nothing is kept.
    Refused(Code),
    /// Not now. Ask again.
    Unavailable,
}

enum Decided {
    New(u64),
    Known(Paid),
}

fn replay(tables: &Tables, order: &Order) -> Option<Paid> {
    let id = *tables.keys.get(&(order.agent, order.key))?;
    let row = &tables.payments[&id];
    Some(match known(&row.hash, &order.hash()) {
        Known::Same => Paid::Known(id, row.stage),
        Known::Other => Paid::Mismatch(id),
    })
}

/// `transactions::pay`.
pub(crate) async fn pay(ctx: &Ctx, order: Order) -> Paid {
    let w = &ctx.w;
    let live = ctx.read();
    if let Some(known) = replay(&live, &order) {
        return known;
    }
    if is_recovering(ctx, order.agent) {
        w.count("503: recovering");
        return Paid::Unavailable;
    }
    if !live.agents[usize::from(order.agent)].active {
        return Paid::Refused(Code::AgentSuspended);
    }
    let now = ctx.clock();
    let Ok(blockhash) = rpc::latest_blockhash(w).await else {
        return Paid::Unavailable;
    };
    let estate = estate();
    let agent = estate.agents[usize::from(order.agent)].id.clone();
    let booked = match ctx
        .ask(Request::Headroom {
            agent,
            asset: estate.asset(order.asset),
        })
        .await
    {
        Ok(Answer::Headroom(booked)) => booked,
        Err(SignerError::Refused(refusal)) if refusal.reason == Reason::UnknownAgent => return Paid::Unavailable,
        _ => return Paid::Unavailable,
    };
    let [_, _, mirror] = accounts_of(order.agent, order.asset);
    let counted = ctx.read().usage(&mirror, mirrored_at(now));
    let uses = WindowUse {
        day: booked.day,
        week: booked.week,
        month: booked.month,
    };
    match agree(booked.frozen, booked.suspended, uses, counted) {
        Ok(()) => {}
        Err(Disagreement::Suspended) => {
            w.count("signer is suspended, server is not");
            let (own, agent) = (ctx.clone(), order.agent);
            let _ = ctx
                .unit(move |tables| tables.enqueue(Subject::Agent(agent), own.clock().for_release()))
                .await;
            return Paid::Refused(Code::AgentSuspended);
        }
        Err(Disagreement::Frozen) => {
            w.broken("the signer is frozen although nothing of its journal was lost".to_owned());
            return Paid::Unavailable;
        }
        Err(Disagreement::Lost) => {
            // A unit that was still being committed when the mirror was read looks the same: ask again.
            w.count("503: signer has booked more");
            return Paid::Unavailable;
        }
    }
    let (own, asked) = (ctx.clone(), order.clone());
    let id = w.ids.get() + 1;
    w.ids.set(id);
    match ctx.unit(move |tables| decide(&own, tables, &asked, id)).await {
        Err(_) => Paid::Unavailable,
        Ok(Decided::Known(paid)) => paid,
        Ok(Decided::New(id)) => {
            let row = Rc::clone(&ctx.read().payments[&id]);
            let stage = if row.stage == Stage::Reserved {
                prepare(ctx, id, blockhash).await.unwrap_or(Stage::Reserved)
            } else {
                row.stage
            };
            Paid::Known(id, stage)
        }
    }
}

fn is_recovering(ctx: &Ctx, agent: u8) -> bool {
    let live = ctx.read();
    let mut nodes = ctx.w.nodes.borrow_mut();
    let left = &mut nodes[usize::from(ctx.node)].recovering;
    left.retain(|id| live.payments[id].stage.is_in_flight());
    left.iter().any(|id| live.payments[id].agent == agent)
}

/// `transactions/decide`: one unit of a group.
fn decide(ctx: &Ctx, tables: &mut Tables, order: &Order, id: u64) -> Decided {
    if let Some(known) = replay(tables, order) {
        return Decided::Known(known);
    }
    let (now, estate) = (ctx.clock(), estate());
    let agent = tables.agents[usize::from(order.agent)].clone();
    let keys = accounts_of(order.agent, order.asset);
    let all: BTreeSet<AccountKey> = keys.iter().cloned().collect();
    let mut sheet = tables.sheet(&all, now);
    let amount = Amount::new(order.amount).unwrap();
    let case = Case {
        may_pay: if agent.active {
            Ok(())
        } else {
            Err(Code::AgentSuspended)
        },
        policy: &agent.policy,
        request: SpendRequest {
            asset: estate.asset(order.asset),
            amount,
            destination: order.payee(),
            program: estate.currency(order.asset).program(),
        },
        server: sheet.usage(&keys[1]).unwrap(),
        signer: sheet.usage(&keys[2]).unwrap(),
        last_spend_at: agent.last_spend_at,
        unsigned: tables.unsigned(order.agent),
    };
    let (stage, decision) = match case.decide(now) {
        Ok(decided) => decided,
        Err(code) => return Decided::Known(Paid::Refused(code)),
    };
    let row = PaymentRow {
        id: estate.transaction(ctx.w.plan.seed, id),
        agent: order.agent,
        asset: order.asset,
        amount,
        to: order.payee(),
        hash: order.hash(),
        stage,
        policy_version: decision.policy_version,
        created_at: now.for_expiry(),
        suspensions: agent.suspensions,
        message: None,
        last_valid_height: None,
        signature: None,
    };
    if stage == Stage::Reserved {
        sheet.reserve(&all, amount).unwrap();
        tables.write(&sheet, vec![(id, all, amount)]);
        tables.enqueue(Subject::Payment(id), now.for_release().plus(GRACE));
    }
    if decision.outcome.suspends() {
        crate::follow::stop(tables, order.agent, now, decision.outcome == Outcome::DenySuspendRevoke);
    }
    ctx.w.note(format_args!(
        "node {} decides {} (key {}/{}): {stage}, {amount} units",
        ctx.node, row.id, order.agent, order.key
    ));
    tables.payments.insert(id, Rc::new(row));
    tables.keys.insert((order.agent, order.key), id);
    Decided::New(id)
}

/// Why a payment is not carried on just now.
#[derive(Debug)]
struct Stuck;

impl From<Silent> for Stuck {
    fn from(_: Silent) -> Self {
        Self
    }
}

impl From<node::StoreError> for Stuck {
    fn from(_: node::StoreError) -> Self {
        Self
    }
}

impl From<SignerError> for Stuck {
    fn from(_: SignerError) -> Self {
        Self
    }
}

/// `transactions/prepare`: from RESERVED to SIGNING. Says where the payment is then.
async fn prepare(ctx: &Ctx, id: u64, (hash, last_valid): ([u8; 32], Option<u64>)) -> Result<Stage, Stuck> {
    ctx.point("wallet.pay.reserved").await;
    let row = Rc::clone(&ctx.read().payments[&id]);
    if let Some(late) = row.course().in_time(ctx.clock()) {
        return give_up(ctx, id, late).await;
    }
    let wallet = &estate().agents[usize::from(row.agent)].wallet;
    let spend = Spend {
        transaction: row.id.clone(),
        currency: estate().currency(row.asset),
        amount: row.amount,
        destination: row.to,
        creates_token_account: false,
    };
    let actions = wallet.spend(&spend).unwrap();
    let message: Message = wallet.message(Blockhash::new(hash), &actions).unwrap();
    let Ok(outcome) = rpc::simulate(&ctx.w, &chain::effects(&actions)).await else {
        return Ok(Stage::Reserved);
    };
    let why = |refusal| (Code::TransactionSimulationFailed, format!("{refusal:?}"));
    let bytes = match tried(outcome.map(|()| message.as_bytes().to_vec()).map_err(why)) {
        Ok(bytes) => bytes,
        Err(end) => return give_up(ctx, id, end).await,
    };
    let own = ctx.clone();
    let fixed = ctx.unit(move |tables| {
        let row = Rc::clone(&tables.payments[&id]);
        let standing = tables.agents[usize::from(row.agent)].standing();
        if let Some(stopped) = row.course().may_be_fixed(Some(standing)) {
            end_unsigned(tables, id, &stopped);
        } else if tables.advance(id, Stage::Reserved, Stage::Signing, |row| {
            row.message = Some(Rc::new(bytes));
            row.last_valid_height = last_valid;
        }) {
            tables.enqueue(Subject::Payment(id), own.clock().for_release());
        }
        tables.payments[&id].stage
    });
    Ok(fixed.await?)
}

async fn give_up(ctx: &Ctx, id: u64, end: End) -> Result<Stage, Stuck> {
    let ended = ctx.unit(move |tables| {
        end_unsigned(tables, id, &end);
        tables.payments[&id].stage
    });
    Ok(ended.await?)
}

fn end_unsigned(tables: &mut Tables, id: u64, end: &End) {
    if tables.advance(id, Stage::Reserved, end.to, |_| {}) {
        tables.release(id, &end.proof).unwrap();
    }
}

/// What one look at the payment brought.
enum Step {
    Ended,
    Moved,
    Waiting,
}

/// `transactions/advance`: the job.
pub(crate) async fn advance(ctx: &Ctx, id: u64) -> node::Next {
    let mut looks = LOOKS;
    while looks > 0 {
        match step(ctx, id).await {
            Ok(Step::Ended) => {
                ctx.w.nodes.borrow_mut()[usize::from(ctx.node)].recovering.remove(&id);
                return node::Next::Done;
            }
            Ok(Step::Moved) => {}
            Ok(Step::Waiting) => {
                looks -= 1;
                ctx.w.exec.sleep(POLL).await;
            }
            Err(Stuck) => return node::Next::Failed,
        }
    }
    node::Next::Again(Seconds(1))
}

async fn step(ctx: &Ctx, id: u64) -> Result<Step, Stuck> {
    let w = &ctx.w;
    let payment = Rc::clone(&ctx.read().payments[&id]);
    let course = payment.course();
    let mut next = course.next(ctx.clock());
    let mut signed: Option<SignedSpend> = None;
    loop {
        next = match next {
            Next::Rest => return Ok(Step::Ended),
            Next::Wait => return Ok(Step::Waiting),
            Next::Prepare => {
                let blockhash = rpc::latest_blockhash(w).await?;
                return match prepare(ctx, id, blockhash).await? {
                    Stage::Reserved => Err(Stuck),
                    _ => Ok(Step::Moved),
                };
            }
            Next::LookAtAgent => course.may_be_signed(Some(ctx.read().agents[usize::from(payment.agent)].standing())),
            Next::LookAtHeight => course.has_time_to_land(rpc::finalized_height(w).await.ok(), ctx.clock()),
            Next::Sign => sign(ctx, &payment, &mut signed).await?,
            Next::Void(end) => {
                let agent = estate().agents[usize::from(payment.agent)].id.clone();
                let request = Request::VoidSpend {
                    transaction: payment.id.clone(),
                    agent,
                };
                let Answer::Voided(answer) = ctx.ask(request).await? else {
                    return Err(Stuck);
                };
                ctx.point("wallet.sign.voided").await;
                signed = answer.signed;
                if signed.is_some() {
                    w.count("void came too late");
                }
                voided(end, signed.is_some())
            }
            Next::Keep => return keep(ctx, id, &payment, signed.ok_or(Stuck)?).await,
            Next::Send => submit(ctx, &payment).await?,
            Next::AskHeight => course.may_still_land(rpc::finalized_height(w).await?),
            Next::Bound { last_valid_height } => {
                w.count("last height learnt later");
                let bound = ctx.unit(move |tables| tables.bound(id, last_valid_height));
                bound.await?;
                return Ok(Step::Waiting);
            }
            Next::AskOperators => {
                let evidence = rpc::evidence(w, payment.signature.as_deref().unwrap_or_default()).await;
                course.is_dead(&evidence, rpc::min_operators(w))
            }
            Next::Settle { slot } => return settle(ctx, id, &payment, slot).await,
            Next::End(how) if payment.stage == Stage::Reserved => {
                give_up(ctx, id, how).await?;
                return Ok(Step::Ended);
            }
            Next::End(how) => return end(ctx, id, &payment, how).await,
        };
    }
}

async fn sign(ctx: &Ctx, payment: &PaymentRow, signed: &mut Option<SignedSpend>) -> Result<Next, Stuck> {
    ctx.point("wallet.sign.before").await;
    let request = Request::SignSpend {
        transaction: payment.id.clone(),
        agent: estate().agents[usize::from(payment.agent)].id.clone(),
        message: Bytes(payment.message.as_deref().cloned().unwrap_or_default()),
    };
    match ctx.ask(request).await {
        Ok(Answer::Spend(spend)) => {
            ctx.point("wallet.sign.signed").await;
            *signed = Some(spend);
            Ok(Next::Keep)
        }
        Ok(_) => Err(Stuck),
        Err(SignerError::Refused(refusal)) => refused(refusal.reason.code(), refusal.detail.clone()).ok_or(Stuck),
        Err(SignerError::Silent) => Err(Stuck),
    }
}

/// The bytes on their way, put together again from what the row and the signer say.
fn wire(payment: &PaymentRow, spend: &SignedSpend) -> (Vec<u8>, String) {
    let message = Message::parse(payment.message.as_deref().unwrap()).unwrap();
    let signed: Vec<_> = spend.signatures.iter().map(|one| (one.key, one.signature)).collect();
    let transaction = Transaction::assemble(message, &signed).unwrap();
    (transaction.to_wire(), transaction.signature().to_string())
}

async fn keep(ctx: &Ctx, id: u64, payment: &Rc<PaymentRow>, spend: SignedSpend) -> Result<Step, Stuck> {
    let (bytes, signature) = wire(payment, &spend);
    let (agent, receipt) = (payment.agent, ctx.receipt());
    let kept = ctx.unit(move |tables| {
        if tables.advance(id, Stage::Signing, Stage::Submitted, |row| {
            row.message = Some(Rc::new(bytes));
            row.signature = Some(signature);
        }) {
            let of_signer = |key: &AccountKey| matches!(key, AccountKey::Signer { .. });
            tables.settle(id, of_signer, spend.counts_until_base).unwrap();
            let row = &mut tables.agents[usize::from(agent)];
            row.last_spend_at = row.last_spend_at.max(Some(spend.signed_at));
            tables.keep_receipt(receipt);
        }
    });
    kept.await?;
    ctx.point("wallet.sign.kept").await;
    Ok(Step::Moved)
}

async fn submit(ctx: &Ctx, payment: &PaymentRow) -> Result<Next, Stuck> {
    let (Some(wire), Some(signature)) = (&payment.message, &payment.signature) else {
        return Err(Stuck);
    };
    ctx.point("wallet.submit.before").await;
    let _ = rpc::send(&ctx.w, signature, wire).await;
    ctx.point("wallet.submit.sent").await;
    Ok(seen(rpc::status(&ctx.w, signature).await?))
}

async fn settle(ctx: &Ctx, id: u64, payment: &Rc<PaymentRow>, slot: u64) -> Result<Step, Stuck> {
    let block_time = rpc::block_time(&ctx.w, slot).await?;
    let (own, created_at) = (ctx.clone(), payment.created_at);
    let settled = ctx.unit(move |tables| {
        let landed = landed_at(block_time, created_at, own.clock());
        if tables.advance(id, Stage::Submitted, Stage::Finalized, |_| {}) {
            tables.settle(id, |_| true, landed).unwrap();
        }
    });
    settled.await?;
    ctx.point("wallet.settled").await;
    Ok(Step::Ended)
}

async fn end(ctx: &Ctx, id: u64, payment: &Rc<PaymentRow>, how: End) -> Result<Step, Stuck> {
    let (from, receipt) = (payment.stage, ctx.receipt());
    ctx.w.note(format_args!(
        "node {} ends {} as {}: {}",
        ctx.node, payment.id, how.to, how.proof
    ));
    let ended = ctx.unit(move |tables| {
        if tables.advance(id, from, how.to, |_| {}) {
            tables.release(id, &how.proof).unwrap();
            tables.keep_receipt(receipt);
        }
    });
    ended.await?;
    ctx.point("wallet.released").await;
    Ok(Step::Ended)
}
