//! Clients that want to be told when a resource changes.
//!
//! What must stay true: who is told of a change may read it at that moment. So each look is made anew with the credential
//! that the subscription was asked for with, as if it were a request of its own; when that is good no more, it ends. And each
//! counts: for one credential no more is looked at in a minute, by all its subscriptions together, than it may ask.

use {
    super::{
        offer::{LOOK, Offer},
        place::Changes,
    },
    crate::{context::RequestContext, gate::Gate, problem::Problem},
    portreeve_kernel::{Code, Credential, Principal, Secret},
    rmcp::{
        model::{ResourceUpdatedNotification, ResourceUpdatedNotificationParam, ServerNotification},
        service::SubscriptionContext,
    },
    std::{
        collections::HashMap,
        hash::{DefaultHasher, Hash, Hasher},
        sync::{Arc, Mutex, PoisonError},
        time::Duration,
    },
    tokio::{
        sync::watch,
        time::{Instant, sleep},
    },
};

/// Pause between two looks at what is kept elsewhere.
const LOOK_ELSEWHERE: Duration = Duration::from_secs(10);

/// Longest pause between two looks at what cannot be read.
const LONGEST_REST: Duration = Duration::from_secs(60);

/// Longest life of a subscription; the client asks again.
const LIFE: Duration = Duration::from_secs(60 * 60);

/// Most subscriptions of one credential at a time.
const MOST: usize = 5;

/// Most resources of one subscription.
const MOST_PLACES: usize = 16;

/// How many subscriptions each credential has.
#[derive(Debug, Clone, Default)]
pub(super) struct Counter(Arc<Mutex<HashMap<Credential, usize>>>);

/// One of the subscriptions of a credential, until it is dropped.
#[derive(Debug)]
struct Counted {
    counter: Counter,
    credential: Credential,
}

impl Counter {
    fn change(&self, credential: &Credential, change: impl FnOnce(&mut usize) -> bool) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = all.entry(credential.clone()).or_default();
        let changed = change(count);
        if *count == 0 {
            all.remove(credential);
        }
        changed
    }

    fn take(&self, credential: &Credential) -> Result<Counted, Problem> {
        let taken = self.change(credential, |count| {
            let fits = *count < MOST;
            *count = count.saturating_add(fits.into());
            fits
        });
        if !taken {
            return Err(Problem::new(Code::SystemOverloaded)
                .detail(format_args!("a credential has at most {MOST} subscriptions at a time")));
        }
        Ok(Counted {
            counter: self.clone(),
            credential: credential.clone(),
        })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.counter.change(&self.credential, |count| {
            *count = count.saturating_sub(1);
            true
        });
    }
}

/// A subscription that may begin: everything it is about could be read.
pub(super) struct Asked {
    bearer: Secret,
    http: RequestContext,
    places: Vec<Watched>,
    _counted: Counted,
}

/// A resource, how it was at the last look, and when the next one is due.
#[derive(Debug, Clone)]
struct Watched {
    uri: String,
    changes: Changes,
    seen: u64,
    /// The count at the last look; `None` where nobody counts.
    counted: Option<u64>,
    /// Before this it is not looked at, whatever is written.
    rests_until: Instant,
    /// How many looks in a row found that it cannot be read.
    failed: u32,
}

impl Watched {
    /// Whether it may have changed since the last look, when the count stands at `counted` now.
    fn is_due(&self, counted: Option<u64>, now: Instant) -> bool {
        let may_have_changed = match self.changes {
            Changes::Elsewhere => true,
            Changes::Here => counted.is_none() || counted != self.counted,
        };
        may_have_changed && now >= self.rests_until
    }

    /// It was looked at. True when it is not what it was.
    fn looked(&mut self, seen: u64, counted: Option<u64>, now: Instant) -> bool {
        let rest = match (self.changes, counted) {
            (Changes::Elsewhere, _) => LOOK_ELSEWHERE,
            (Changes::Here, None) => LOOK,
            (Changes::Here, Some(_)) => Duration::ZERO,
        };
        (self.counted, self.failed, self.rests_until) = (counted, 0, after(now, rest));
        std::mem::replace(&mut self.seen, seen) != seen
    }

    /// It cannot be read just now: it rests longer each time, and holds up no other.
    fn failed(&mut self, now: Instant) {
        let rest = LOOK.saturating_mul(1_u32.checked_shl(self.failed).unwrap_or(u32::MAX));
        self.failed = self.failed.saturating_add(1);
        self.rests_until = after(now, rest.min(LONGEST_REST));
    }
}

impl Asked {
    /// Takes a look at each of `uris`, so that no change after the answer is missed.
    ///
    /// # Errors
    /// What reading one of them answers; `SYSTEM_OVERLOADED` when the credential has too many subscriptions already,
    /// `SYSTEM_RATE_LIMITED` when so much is looked at for it already.
    pub(super) async fn begin<S: Clone>(
        offer: &Offer<S>,
        gate: &Gate,
        counter: &Counter,
        caller: &Arc<Principal>,
        (bearer, http): (Secret, RequestContext),
        uris: &[String],
    ) -> Result<Self, Problem> {
        if uris.len() > MOST_PLACES {
            return Err(Problem::new(Code::ValidationOutOfRange)
                .detail(format_args!("at most {MOST_PLACES} resources in one subscription"))
                .param("notifications.resourceSubscriptions"));
        }
        let of_caller = counter.take(&caller.credential)?;
        let mut places = Vec::with_capacity(uris.len());
        for uri in uris {
            gate.limiter().watch(&caller.credential, caller.tier)?;
            // Before the read: what is written between the two is a change.
            let (counted, now) = (offer.generation(), Instant::now());
            let mut place = Watched {
                uri: uri.clone(),
                changes: offer.find(uri).map_or(Changes::Here, |found| found.changes()),
                seen: look(offer, caller, uri).await?,
                counted,
                rests_until: now,
                failed: 0,
            };
            place.looked(place.seen, counted, now);
            places.push(place);
        }
        Ok(Self {
            bearer,
            http,
            places,
            _counted: of_caller,
        })
    }

    /// Tells of changes until the client goes away, its credential is good no more, its life is over or the server ends.
    pub(super) async fn tell<S: Clone>(
        &self,
        offer: &Offer<S>,
        gate: &Gate,
        told: &SubscriptionContext,
        mut ending: watch::Receiver<bool>,
    ) {
        let (begun, mut places) = (Instant::now(), self.places.clone());
        let (mut looked, mut rests_until) = (begun, begun);
        while goes_on(begun, offer.pause, told.cancelled(), &mut ending).await {
            // Before the reads: what is written between them and the next look is a later one.
            let (counted, now) = (offer.generation(), Instant::now());
            let anything = now >= rests_until && places.iter().any(|place| place.is_due(counted, now));
            // Between two looks only the count is looked at.
            if !anything && looked.elapsed() < LOOK {
                continue;
            }
            looked = now;
            let authenticated = gate
                .authenticator()
                .authenticate(self.bearer.expose(), self.http.client())
                .await;
            let caller = match authenticated {
                Ok(caller) => caller,
                Err(crate::AuthFailure::Unavailable(_) | crate::AuthFailure::IssuerUnavailable(_)) => {
                    rests_until = after(now, LOOK);
                    continue;
                }
                Err(_) => return,
            };
            if !anything {
                continue;
            }
            let mut done = 0_usize;
            for place in &mut places {
                if place.is_due(counted, now) {
                    if let Err(exceeded) = gate.limiter().watch(&caller.credential, caller.tier) {
                        rests_until = after(now, exceeded.retry_after);
                        break;
                    }
                    match look(offer, &caller, &place.uri).await {
                        Ok(seen) if place.looked(seen, counted, now) => {
                            if tell_of(told, &place.uri).await.is_err() {
                                return;
                            }
                        }
                        Ok(_) => {}
                        // It is not the caller's to read any more.
                        Err(problem) if problem.status().is_client_error() => return,
                        Err(_) => place.failed(now),
                    }
                }
                done = done.saturating_add(1);
            }
            // Whoever had no turn has the next one.
            let all = places.len();
            places.rotate_left(done.checked_rem(all).unwrap_or(0));
        }
    }
}

/// Tells that what is at `uri` has changed.
///
/// # Errors
/// When nobody listens any more.
async fn tell_of(told: &SubscriptionContext, uri: &str) -> Result<(), ()> {
    let update = ResourceUpdatedNotification::new(ResourceUpdatedNotificationParam::new(uri.to_owned()));
    let update = ServerNotification::ResourceUpdatedNotification(update);
    told.sink().send(update).await.map_err(drop)
}

fn after(now: Instant, rest: Duration) -> Instant {
    now.checked_add(rest).unwrap_or(now)
}

/// Waits for the next look. False when there is none: the client has gone, the server ends, or it has lasted long enough.
async fn goes_on(
    begun: Instant,
    pause: Duration,
    gone: impl Future<Output = ()>,
    ending: &mut watch::Receiver<bool>,
) -> bool {
    tokio::select! {
        () = gone => false,
        _ = ending.wait_for(|over| *over) => false,
        () = sleep(pause) => begun.elapsed() < LIFE,
    }
}

/// What a resource looks like now, in a number, without what changes although nothing happened.
async fn look<S: Clone>(offer: &Offer<S>, caller: &Arc<Principal>, uri: &str) -> Result<u64, Problem> {
    let unknown = || Problem::new(Code::RequestNotFound).detail(format_args!("unknown resource: {uri}"));
    let found = offer.find(uri).ok_or_else(unknown)?;
    let seen = found.look(offer.state.clone(), Arc::clone(caller)).await?;
    let mut hash = DefaultHasher::new();
    seen.hash(&mut hash);
    Ok(hash.finish())
}

#[cfg(test)]
mod tests {
    use {
        super::*,
        portreeve_kernel::{KeyId, entropy::Seeded},
    };

    #[tokio::test(start_paused = true)]
    async fn a_subscription_lasts_an_hour_at_most() {
        let (_server, mut ending) = watch::channel(false);
        let (begun, mut looks) = (Instant::now(), 0);
        while goes_on(begun, LOOK, std::future::pending(), &mut ending).await {
            looks += 1;
        }
        assert_eq!(begun.elapsed(), LIFE);
        assert_eq!(looks, LIFE.as_secs() / LOOK.as_secs() - 1);
    }

    #[test]
    fn a_credential_has_five_at_a_time_and_gets_one_back_when_one_ends() {
        let counter = Counter::default();
        let credential = |seed| Credential::ApiKey(KeyId::new(&Seeded::new(seed)));
        let mut taken: Vec<Counted> = (0..MOST).map(|_| counter.take(&credential(1)).unwrap()).collect();
        assert_eq!(counter.take(&credential(1)).unwrap_err().code(), Code::SystemOverloaded);
        assert!(counter.take(&credential(2)).is_ok(), "others have their own");
        taken.pop();
        taken.push(counter.take(&credential(1)).unwrap());
        drop(taken);
        assert!(counter.0.lock().unwrap().is_empty());
    }
}
