//! Clients that want to be told when a resource changes.
//!
//! What must stay true: who is told of a change may read it at that moment. So each look is made anew with the credential
//! that the subscription was asked for with, as if it were a request of its own; when that is good no more, it ends.

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

/// A resource, and how it was at the last look.
#[derive(Clone)]
struct Watched {
    uri: String,
    seen: u64,
}

impl Asked {
    /// Takes a look at each of `uris`, so that no change after the answer is missed.
    ///
    /// # Errors
    /// What reading one of them answers; `SYSTEM_OVERLOADED` when the credential has too many subscriptions already.
    pub(super) async fn begin<S: Clone>(
        offer: &Offer<S>,
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
        let counted = counter.take(&caller.credential)?;
        let mut places = Vec::with_capacity(uris.len());
        for uri in uris {
            let seen = look(offer, caller, uri).await?;
            places.push(Watched { uri: uri.clone(), seen });
        }
        Ok(Self {
            bearer,
            http,
            places,
            _counted: counted,
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
        let (mut looked, mut looked_elsewhere, mut generation) = (begun, begun, None);
        while goes_on(begun, offer.pause, told.cancelled(), &mut ending).await {
            // Before the reads: what is written between them and the next look is a later one.
            let now = offer.generation();
            let here = now.is_none() || now != generation;
            // Between two looks only the count is looked at.
            if looked.elapsed() < LOOK && !(here && now.is_some()) {
                continue;
            }
            looked = Instant::now();
            let authenticated = gate
                .authenticator()
                .authenticate(self.bearer.expose(), self.http.client())
                .await;
            let caller = match authenticated {
                Ok(caller) => caller,
                Err(crate::AuthFailure::Unavailable(_)) => continue,
                Err(_) => return,
            };
            let elsewhere = looked_elsewhere.elapsed() >= LOOK_ELSEWHERE;
            if elsewhere {
                looked_elsewhere = Instant::now();
            }
            generation = now;
            for place in &mut places {
                let is_due = match offer.find(&place.uri).map(|found| found.changes()) {
                    Some(Changes::Elsewhere) => elsewhere,
                    Some(Changes::Here) | None => here,
                };
                if !is_due {
                    continue;
                }
                let seen = match look(offer, &caller, &place.uri).await {
                    Ok(seen) => seen,
                    // It is not the caller's to read any more.
                    Err(problem) if problem.status().is_client_error() => return,
                    Err(_) => {
                        generation = None;
                        continue;
                    }
                };
                if std::mem::replace(&mut place.seen, seen) != seen {
                    let update = ResourceUpdatedNotificationParam::new(place.uri.clone());
                    let update = ResourceUpdatedNotification::new(update);
                    let sent = told
                        .sink()
                        .send(ServerNotification::ResourceUpdatedNotification(update))
                        .await;
                    if sent.is_err() {
                        return;
                    }
                }
            }
        }
    }
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
