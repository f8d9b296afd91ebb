//! How much one caller may ask: so many requests a minute from an address, with a credential, and payments by an agent.
//!
//! What must stay true: no limit can be switched off, only set; what is refused is told when it passes; and nobody is
//! locked out by what somebody else does.

mod servers;
mod strikes;

use {
    crate::problem::Problem,
    axum::http::{HeaderName, HeaderValue, Method, header},
    foldhash::quality::RandomState,
    governor::{
        Quota, RateLimiter,
        clock::{Clock as GovernorClock, ReasonablyRealtime},
        middleware::StateInformationMiddleware,
        nanos::Nanos,
        state::keyed::DashMapStateStore,
    },
    portreeve_kernel::{AgentId, Code, Credential, Tier, Timestamp},
    serde::Deserialize,
    servers::Servers,
    std::{
        fmt,
        future::Future,
        hash::Hash,
        net::{IpAddr, Ipv6Addr},
        num::NonZeroU32,
        pin::pin,
        sync::Arc,
        time::Duration,
    },
    strikes::{Rule, Strikes},
    tokio::time::{Instant, sleep},
};

const MINUTE: Duration = Duration::from_secs(60);

const HOUR: Duration = Duration::from_secs(60 * 60);

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");

/// What a request weighs that changes something. One that only reads weighs 1.
const WRITE: NonZeroU32 = many(5);

/// How many keys of which nothing is known a resource server asks its issuer about in a minute. Anybody can make up what has the
/// form of a key, and whoever comes from many addresses must not use up what those have who are known.
const UNKNOWN_KEYS: NonZeroU32 = many(6_000);

/// Who gets so many credentials wrong is not listened to for a while, unless with a right one.
const WRONG_CREDENTIALS: &[Rule] = &[Rule::new(10, 10 * 60, 15 * 60)];

/// Who goes on asking beyond a limit has to wait longer and longer.
const BEYOND_LIMITS: &[Rule] = &[Rule::new(10, 5 * 60, 15 * 60), Rule::new(50, 60 * 60, 60 * 60)];

/// How much passes in a minute, or in an hour where that is said. As much may come at once, when nothing came before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Requests from one address, before anybody looks who it is; an IPv6 address counts with its /64.
    pub per_address: NonZeroU32,
    /// What the requests with one credential weigh: 1 each, and 5 when they change something.
    pub per_credential: NonZeroU32,
    /// The same for keys of the tier `premium`.
    pub premium: NonZeroU32,
    /// The same for keys of the tier `enterprise`.
    pub enterprise: NonZeroU32,
    /// Payments that one agent may ask for.
    pub agent_payments: NonZeroU32,
    /// OAuth clients that may be registered from one address without a credential, in an hour.
    pub registrations: NonZeroU32,
    /// What resource servers of others may ask about credentials from one address, once one of them proved itself there.
    pub introspections: NonZeroU32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            per_address: many(1_000),
            per_credential: many(100),
            premium: many(500),
            enterprise: many(5_000),
            agent_payments: many(10),
            registrations: many(10),
            introspections: many(30_000),
        }
    }
}

/// `count`, or 1 for none.
const fn many(count: u32) -> NonZeroU32 {
    match NonZeroU32::new(count) {
        Some(count) => count,
        None => NonZeroU32::MIN,
    }
}

/// What is left of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    limit: NonZeroU32,
    remaining: u32,
    per: Per,
}

/// In which time all of a limit comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Per {
    Minute,
    Hour,
}

impl Per {
    const fn time(self) -> Duration {
        match self {
            Self::Minute => MINUTE,
            Self::Hour => HOUR,
        }
    }

    const fn quota(self, limit: NonZeroU32) -> Quota {
        match self {
            Self::Minute => Quota::per_minute(limit),
            Self::Hour => Quota::per_hour(limit),
        }
    }
}

impl Share {
    /// Whether less of this limit is left than of the other, each measured by itself.
    fn is_tighter_than(&self, other: &Self) -> bool {
        let left = |share: &Self, of: &Self| u64::from(share.remaining).saturating_mul(u64::from(of.limit.get()));
        left(self, other) < left(other, self)
    }

    /// The tighter of what is known already and this.
    #[must_use]
    pub(crate) fn tightest(self, known: Option<Self>) -> Self {
        known.filter(|known| !self.is_tighter_than(known)).unwrap_or(self)
    }

    /// How long until all of it is there again.
    fn refills_in(&self) -> Duration {
        let missing = self.limit.get().saturating_sub(self.remaining);
        let whole = u64::try_from(self.per.time().as_millis()).unwrap_or(u64::MAX);
        let part = whole.saturating_mul(u64::from(missing));
        Duration::from_millis(part.checked_div(u64::from(self.limit.get())).unwrap_or(whole))
    }

    /// `X-RateLimit-*`: the limit, what is left, and the second (Unix) in which all of it is there again.
    pub(crate) fn headers(&self, now: Timestamp) -> [(HeaderName, HeaderValue); 3] {
        let millis = i64::try_from(self.refills_in().as_millis()).unwrap_or(i64::MAX);
        let reset = now.plus_millis(millis).millis().saturating_add(999).div_euclid(1_000);
        [
            (LIMIT, number(self.limit.get())),
            (REMAINING, number(self.remaining)),
            (RESET, number(reset)),
        ]
    }
}

/// A number as a header's value. What the library offers for that asks for memory twice.
fn number(value: impl itoa::Integer + Into<HeaderValue> + Copy) -> HeaderValue {
    let mut digits = itoa::Buffer::new();
    HeaderValue::from_str(digits.format(value)).unwrap_or_else(|_| value.into())
}

/// Why a request has to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exceeded {
    layer: &'static str,
    /// What is left of the limit: less than was asked for.
    pub(crate) share: Share,
    /// When it is worth trying again.
    pub(crate) retry_after: Duration,
    blocked: bool,
}

impl From<Exceeded> for Problem {
    fn from(exceeded: Exceeded) -> Self {
        let Exceeded {
            layer,
            share,
            retry_after,
            blocked,
        } = exceeded;
        // A second early would be refused again.
        let seconds = retry_after.as_millis().div_ceil(1_000).max(1);
        let why = if blocked {
            format!("after too many requests beyond the limit, or with wrong credentials, {layer} has to pause")
        } else {
            let limit = share.limit;
            match share.per {
                Per::Minute => {
                    format!("{layer} has {limit} a minute, and a request that changes something counts as {WRITE}")
                }
                Per::Hour => format!("{layer} may register {limit} clients an hour without a credential"),
            }
        };
        let problem = Self::new(Code::SystemRateLimited).detail(format_args!("{why}; try again in {seconds} s"));
        let problem = problem.with("retryAfter", u64::try_from(seconds).unwrap_or(u64::MAX));
        match HeaderValue::try_from(seconds.to_string()) {
            Ok(value) => problem.header(header::RETRY_AFTER, value),
            Err(_) => problem,
        }
    }
}

/// The runtime's own time, which only goes on and which tests can stop.
#[derive(Debug, Clone, Copy)]
struct Uptime(Instant);

impl GovernorClock for Uptime {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        self.0.elapsed().into()
    }
}

impl ReasonablyRealtime for Uptime {}

/// One limit for many, each by itself (the generic cell rate algorithm).
struct Each<K: Hash + Eq + Clone> {
    limit: NonZeroU32,
    per: Per,
    cells: RateLimiter<K, DashMapStateStore<K, RandomState>, Uptime, StateInformationMiddleware>,
    layer: &'static str,
}

impl<K: Hash + Eq + Clone> Each<K> {
    fn new(limit: NonZeroU32, per: Per, layer: &'static str, clock: Uptime) -> Self {
        Self {
            limit,
            per,
            cells: RateLimiter::dashmap_with_clock_and_hasher(per.quota(limit), clock, RandomState::default())
                .with_middleware(),
            layer,
        }
    }

    fn take(&self, key: &K, weight: NonZeroU32) -> Result<Share, Exceeded> {
        let share = |remaining| self.share(remaining);
        // A limit below a write's weight lets one write pass at a time.
        match self.cells.check_key_n(key, weight.min(self.limit)) {
            Ok(Ok(state)) => Ok(share(state.remaining_burst_capacity())),
            Ok(Err(wait)) => Err(Exceeded {
                layer: self.layer,
                share: share(0),
                retry_after: wait.wait_time_from(self.cells.clock().now()),
                blocked: false,
            }),
            Err(_) => Err(Exceeded {
                layer: self.layer,
                share: share(0),
                retry_after: self.per.time(),
                blocked: false,
            }),
        }
    }
}

/// Whose requests count together. Every request has one made, so it takes no memory of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Holder {
    /// What the credential is counted as.
    id: [u8; LONGEST_ID],
    /// What somebody is told without asking again. It has a share of its own, as large as that of what they ask, so that
    /// who watches can still ask.
    watching: bool,
}

/// More than any id has, in bytes.
const LONGEST_ID: usize = 32;

impl Holder {
    fn of(credential: &Credential) -> Self {
        let mut id = [0; LONGEST_ID];
        for (to, from) in id.iter_mut().zip(credential.counted_as().bytes()) {
            *to = from;
        }
        Self { id, watching: false }
    }

    const fn watching(self) -> Self {
        Self { watching: true, ..self }
    }
}

/// Counts what callers ask, in memory, for this process. One per server.
pub struct Limiter {
    addresses: Each<Network>,
    credentials: Each<Holder>,
    premium: Each<Holder>,
    enterprise: Each<Holder>,
    payments: Each<AgentId>,
    registrations: Each<Network>,
    introspections: Each<Network>,
    servers: Servers,
    unknown_keys: Each<()>,
    wrong: Strikes<Network>,
    beyond: Strikes<Holder>,
}

impl fmt::Debug for Limiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Limiter")
    }
}

/// Whom an address stands for: itself, or the /64 that one customer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Network(IpAddr);

impl From<IpAddr> for Network {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
            address @ IpAddr::V4(_) => address,
        })
    }
}

impl Limiter {
    /// Nobody has asked anything yet.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        let clock = Uptime(Instant::now());
        Self {
            addresses: Each::new(limits.per_address, Per::Minute, "this address", clock),
            credentials: Each::new(limits.per_credential, Per::Minute, "this credential", clock),
            premium: Each::new(limits.premium, Per::Minute, "this credential", clock),
            enterprise: Each::new(limits.enterprise, Per::Minute, "this credential", clock),
            payments: Each::new(limits.agent_payments, Per::Minute, "this agent's payments", clock),
            registrations: Each::new(limits.registrations, Per::Hour, "this address", clock),
            introspections: Each::new(limits.introspections, Per::Minute, "this address", clock),
            servers: Servers::default(),
            unknown_keys: Each::new(UNKNOWN_KEYS, Per::Minute, "this server", clock),
            wrong: Strikes::new(WRONG_CREDENTIALS),
            beyond: Strikes::new(BEYOND_LIMITS),
        }
    }

    /// Before anybody looks who it is.
    pub(crate) fn address(&self, address: IpAddr) -> Result<Share, Exceeded> {
        self.addresses.take(&address.into(), NonZeroU32::MIN)
    }

    /// The same, before a credential is asked about.
    pub(crate) fn introspection(&self, address: IpAddr) -> Result<Share, Exceeded> {
        let network = address.into();
        if self.servers.are_at(network) {
            self.introspections.take(&network, NonZeroU32::MIN)
        } else {
            self.addresses.take(&network, NonZeroU32::MIN)
        }
    }

    /// A resource server proved to be itself at this address.
    pub(crate) fn server_asked(&self, address: IpAddr) {
        self.servers.note(address.into());
    }

    /// Before the issuer is asked about a key of which nothing is known.
    pub(crate) fn unknown_key(&self) -> Result<Share, Exceeded> {
        self.unknown_keys.take(&(), NonZeroU32::MIN)
    }

    const fn of_tier(&self, tier: Tier) -> &Each<Holder> {
        match tier {
            Tier::Default => &self.credentials,
            Tier::Premium => &self.premium,
            Tier::Enterprise => &self.enterprise,
        }
    }

    /// Before something is looked at for somebody who wants to be told when it changes. Whoever has to pause is told nothing, and
    /// nobody is held to have asked too much for what we do by ourselves.
    pub(crate) fn watch(&self, credential: &Credential, tier: Tier) -> Result<(), Exceeded> {
        let (limit, holder) = (self.of_tier(tier), Holder::of(credential));
        if let Some(left) = self.beyond.blocked(&holder) {
            return Err(limit.blocked(left));
        }
        limit.take(&holder.watching(), NonZeroU32::MIN).map(drop)
    }

    /// Once it is known who it is.
    pub(crate) fn credential(&self, credential: &Credential, tier: Tier, method: &Method) -> Result<Share, Exceeded> {
        let limit = self.of_tier(tier);
        let holder = Holder::of(credential);
        if let Some(left) = self.beyond.blocked(&holder) {
            self.beyond.strike(&holder);
            return Err(limit.blocked(left));
        }
        let weight = if method.is_safe() { NonZeroU32::MIN } else { WRITE };
        let taken = limit.take(&holder, weight);
        if taken.is_err() {
            self.beyond.strike(&holder);
        }
        taken
    }

    /// Before a payment is decided.
    pub(crate) fn payment(&self, agent: &AgentId) -> Result<Share, Exceeded> {
        self.payments.take(agent, NonZeroU32::MIN)
    }

    /// Before a client is registered for somebody without a credential.
    pub(crate) fn registration(&self, address: IpAddr) -> Result<Share, Exceeded> {
        self.registrations.take(&address.into(), NonZeroU32::MIN)
    }

    /// Somebody at this address showed a wrong credential.
    ///
    /// # Errors
    /// When that was once too often: then the answer says no more than when to come back.
    pub(crate) fn wrong_credential(&self, address: IpAddr) -> Result<(), Exceeded> {
        let network = address.into();
        if let Some(left) = self.wrong.blocked(&network) {
            return Err(self.addresses.blocked(left));
        }
        self.wrong.strike(&network);
        Ok(())
    }

    /// Whether so many wrong credentials came from this address that it has to pause.
    pub(crate) fn is_distrusted(&self, address: IpAddr) -> bool {
        self.wrong.blocked(&address.into()).is_some()
    }

    /// Forgets whoever has all of a limit left. Called now and then, so that memory does not grow with every address that
    /// ever came.
    fn forget_idle(&self) {
        self.addresses.cells.retain_recent();
        for tier in [&self.credentials, &self.premium, &self.enterprise] {
            tier.cells.retain_recent();
        }
        self.payments.cells.retain_recent();
        self.registrations.cells.retain_recent();
        self.introspections.cells.retain_recent();
        self.servers.forget_old();
        self.wrong.forget_old();
        self.beyond.forget_old();
    }
}

/// Forgets who is idle, now and then, until `shutdown`. One task per process.
pub async fn upkeep(limiter: Arc<Limiter>, shutdown: impl Future<Output = ()>) {
    let mut shutdown = pin!(shutdown);
    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => return,
            () = sleep(MINUTE) => limiter.forget_idle(),
        }
    }
}

impl<K: Hash + Eq + Clone> Each<K> {
    const fn share(&self, remaining: u32) -> Share {
        Share {
            limit: self.limit,
            remaining,
            per: self.per,
        }
    }

    const fn blocked(&self, left: Duration) -> Exceeded {
        Exceeded {
            layer: self.layer,
            share: self.share(0),
            retry_after: left,
            blocked: true,
        }
    }
}

#[cfg(test)]
mod tests;
