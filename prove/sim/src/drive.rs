//! The plan's hand: clients that ask until they know, owners, and everything that goes wrong.

use {
    crate::{
        exec::{Owner, Slot},
        follow,
        node::{self, Ctx},
        plan::What,
        wallet::{self, Order, Paid},
        world::W,
    },
    std::future::Future,
};

/// How long a client waits for an answer, in milliseconds.
const PATIENCE: i64 = 20_000;
/// How often an owner tries what is not possible just now.
const TRIES: u32 = 40;
/// How often it tries what must not be left half done.
const FOR_EVER: u32 = 100_000;

/// Sets everything up to happen when the plan says.
pub(crate) fn begin(w: &W) {
    for item in w.plan.items.clone() {
        let own = w.clone();
        w.exec.spawn(Owner::World, async move {
            own.exec.sleep(item.at.max(0)).await;
            act(&own, item.what).await;
        });
    }
}

async fn act(w: &W, what: What) {
    if !matches!(what, What::Pay { .. }) {
        w.note(format_args!("plan: {what:?}"));
    }
    let now = w.now();
    match what {
        What::Pay {
            agent,
            asset,
            amount,
            to,
            key,
            node,
        } => {
            client(
                w,
                Order {
                    agent,
                    asset,
                    amount,
                    to,
                    key,
                },
                node,
            )
            .await;
        }
        What::Suspend { agent } => {
            w.count("owner suspends");
            owner(w, TRIES, move |ctx| async move {
                follow::suspend(&ctx, agent).await.is_ok()
            })
            .await;
        }
        What::Resume { agent } => {
            let done = owner(w, TRIES, move |ctx| async move {
                follow::resume(&ctx, agent, false).await.is_ok() || ctx.read().agents[usize::from(agent)].active
            });
            if done.await {
                w.count("owner resumes");
            }
        }
        What::ForgeResume { agent } => {
            let done = owner(w, TRIES, move |ctx| async move {
                let settled = ctx.read().agents[usize::from(agent)].stage.is_none();
                settled
                    && (follow::resume(&ctx, agent, true).await.is_ok() || ctx.read().agents[usize::from(agent)].active)
            });
            if done.await {
                w.count("somebody forges consent");
            }
        }
        What::Limit { agent, daily } => {
            let place = usize::from(agent);
            while !w.oracle.borrow_mut().owner_begins(agent) {
                w.exec.sleep(5_000).await;
            }
            let now = w.database.borrow().live.agents[place].policy.limits.daily.units();
            let version = w.oracle.borrow_mut().next_version(agent);
            w.count(if daily > now {
                "owner raises a limit"
            } else {
                "owner lowers a limit"
            });
            w.oracle
                .borrow_mut()
                .owner_approves(agent, version, daily, &w.plan.setup);
            owner(w, FOR_EVER, move |ctx| async move {
                follow::limit(&ctx, agent, daily, version).await.is_ok()
            })
            .await;
            w.oracle.borrow_mut().owner_ends(agent);
        }
        What::KillNode { node, down } => w.kill_node(node, down),
        What::KillSigner { down } => w.kill_signer(down),
        What::KillAt { point, nth, down } => w.trouble.borrow_mut().kills.push((point, nth, down)),
        What::PowerCut { down } => w.cut_power(down),
        What::Pause { node, ms } => {
            w.count("node paused");
            w.exec.pause(node, now + ms);
        }
        What::DatabaseDown { ms } => w.trouble.borrow_mut().database_down_until = now + ms,
        What::CommitUnknown { count } => w.trouble.borrow_mut().commits_unknown += count,
        What::LoseReply { of, count } => *w.trouble.borrow_mut().lose.entry(of).or_default() += count,
        What::Delay { at, ms, count } => {
            w.trouble.borrow_mut().delay.insert(at, (ms, count));
        }
        What::Twice { at, count } => *w.trouble.borrow_mut().twice.entry(at).or_default() += count,
        What::RpcDown { ms } => w.trouble.borrow_mut().rpc_down_until = now + ms,
        What::OperatorDown { operator, ms } => {
            w.count("operator silent");
            w.trouble.borrow_mut().operators_down_until.insert(operator, now + ms);
        }
        What::OperatorStuck { operator, ms } => {
            w.count("operator stands still");
            let slot = w.chain.borrow().final_slot(now);
            w.trouble
                .borrow_mut()
                .operators_stuck
                .insert(operator, (slot, now + ms));
        }
        What::Lies { how, ms } => w.trouble.borrow_mut().lies.push((how, now + ms)),
        What::Fork { slots } => {
            w.chain.borrow_mut().catch_up(now);
            crate::oracle::on_blocks(w);
            let forgotten = w.chain.borrow_mut().fork(now, u64::from(slots), &mut w.dice());
            crate::oracle::on_fork(w);
            w.count(if forgotten > 0 {
                "fork forgets a transaction"
            } else {
                "fork forgets nothing"
            });
        }
        What::SlowLanding { ms } => w.trouble.borrow_mut().slow_until = now + ms,
        What::Drops { ms } => w.trouble.borrow_mut().drops_until = now + ms,
        What::Halt { ms } => {
            w.chain.borrow_mut().catch_up(now);
            w.chain.borrow_mut().stop(now);
            w.count("chain halts");
            w.exec.sleep(ms).await;
            w.chain.borrow_mut().go_on(w.now());
        }
        What::WallJump { whose, by, ms } => {
            w.count(if by > 0 {
                "wall clock set ahead"
            } else {
                "wall clock set back"
            });
            w.trouble.borrow_mut().jumps.push((whose, by, now + ms));
        }
        What::SignerImpaired { clock, ms } => {
            let mut trouble = w.trouble.borrow_mut();
            if clock {
                trouble.clock_gone_until = now + ms;
            } else {
                trouble.keystore_gone_until = now + ms;
            }
        }
    }
}

/// Has `work` done on a node; `None` when no answer comes.
async fn on_node<T: 'static, F: Future<Output = T> + 'static>(
    w: &W,
    node: u8,
    work: impl FnOnce(Ctx) -> F,
) -> Option<T> {
    if !w.nodes.borrow()[usize::from(node)].alive {
        return None;
    }
    let slot = Slot::new(&w.exec);
    let (here, ctx) = (slot.clone(), Ctx { w: w.clone(), node });
    let work = work(ctx.clone());
    w.exec.spawn(ctx.owner(), async move { here.put(work.await) });
    slot.wait(PATIENCE).await
}

/// Asks for a payment until it knows what became of it.
async fn client(w: &W, order: Order, mut node: u8) {
    w.oracle.borrow_mut().asks();
    loop {
        w.exec.sleep(w.between(0, 5)).await;
        let asked = order.clone();
        let answer = on_node(w, node, move |ctx| async move { wallet::pay(&ctx, asked).await }).await;
        match answer {
            Some(Paid::Unavailable) | None => {
                w.count("client asks again");
                node = (node + 1) % w.plan.setup.nodes;
                w.exec.sleep(w.between(500, 4_000)).await;
            }
            Some(paid) => {
                w.note(format_args!(
                    "a client is told {paid:?} about key {}/{}",
                    order.agent, order.key
                ));
                crate::oracle::on_answer(w, &order, &paid);
                return;
            }
        }
    }
}

/// An owner's act: tried on one node after the other until it is done, or there is no point in it any more.
async fn owner<F: Future<Output = bool> + 'static>(w: &W, tries: u32, act: impl Fn(Ctx) -> F) -> bool {
    for time in 0..tries {
        let node = (time % u32::from(w.plan.setup.nodes)) as u8;
        if on_node(w, node, &act).await == Some(true) {
            return true;
        }
        w.exec.sleep(3_000).await;
    }
    w.count("owner gives up");
    false
}

/// Everything works again. Who was started while its wall clock was behind is started again: until then it does not
/// believe its clocks (the signer), or gives budget back late.
pub(crate) fn calm(w: &W) {
    w.calm.set(true);
    *w.trouble.borrow_mut() = crate::world::Trouble::default();
    w.chain.borrow_mut().go_on(w.now());
    for number in 0..w.plan.setup.nodes {
        w.exec.pause(number, 0);
        if w.nodes.borrow()[usize::from(number)].set_at_start != 0 {
            w.kill_node(number, 1_000);
        } else {
            node::start_if_down(w, number);
        }
    }
    if w.signer.borrow().set_at_start != 0 {
        w.kill_signer(1_000);
    } else {
        node::start_signer_if_down(w);
    }
}
