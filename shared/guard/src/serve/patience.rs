//! How long a connection waits for the head of a request, without asking the runtime for a timer at each.
//!
//! Hyper makes a timer before every head and lets go of it when the head is there, almost always at once. Ours keeps the
//! runtime's timer from one head to the next. It may then wake up too early, and never too late: whoever wakes up early
//! waits on.

use {
    hyper::rt::{Sleep, Timer},
    std::{
        future::Future,
        pin::Pin,
        sync::{Arc, Mutex, MutexGuard, PoisonError},
        task::{Context, Poll, ready},
        time::{Duration, Instant},
    },
    tokio::time,
};

/// A timer of the runtime that nobody waits for at the moment.
type Shelf = Arc<Mutex<Option<Pin<Box<time::Sleep>>>>>;

/// The timers of one connection.
#[derive(Debug, Clone, Default)]
pub(super) struct Patience(Shelf);

/// Until `deadline`.
struct Waiting {
    deadline: time::Instant,
    /// Not after the deadline. None until somebody waits.
    timer: Option<Pin<Box<time::Sleep>>>,
    shelf: Shelf,
}

impl Patience {
    fn until(&self, deadline: time::Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(Waiting {
            deadline,
            timer: None,
            shelf: Arc::clone(&self.0),
        })
    }
}

impl Timer for Patience {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        let now = time::Instant::now();
        self.until(now.checked_add(duration).unwrap_or(now))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        self.until(deadline.into())
    }

    fn now(&self) -> Instant {
        time::Instant::now().into()
    }
}

impl Sleep for Waiting {}

impl Future for Waiting {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Self { deadline, timer, shelf } = &mut *self;
        let timer = timer.get_or_insert_with(|| {
            let kept = lock(shelf).take();
            kept.unwrap_or_else(|| Box::pin(time::sleep_until(*deadline)))
        });
        if timer.deadline() > *deadline {
            timer.as_mut().reset(*deadline);
        }
        loop {
            ready!(timer.as_mut().poll(context));
            if timer.deadline() >= *deadline {
                return Poll::Ready(());
            }
            timer.as_mut().reset(*deadline);
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if let Some(timer) = self.timer.take() {
            *lock(&self.shelf) = Some(timer);
        }
    }
}

fn lock<T>(shelf: &Mutex<T>) -> MutexGuard<'_, T> {
    shelf.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// How long `waiting` waits.
    async fn took(waiting: Pin<Box<dyn Sleep>>) -> Duration {
        let start = time::Instant::now();
        waiting.await;
        start.elapsed()
    }

    /// Waits for `waiting` a moment, in which something else happens.
    async fn interrupted(waiting: Pin<Box<dyn Sleep>>) {
        let waited = time::timeout(SECOND, waiting).await;
        assert!(waited.is_err(), "it was over before");
    }

    #[tokio::test(start_paused = true)]
    async fn each_waits_as_long_as_it_was_told_whatever_was_waited_for_before() {
        let patience = Patience::default();
        for (before, seconds) in [(10, 10), (10, 3), (20, 2), (2, 20), (30, 10)] {
            interrupted(patience.sleep(SECOND * before)).await;
            // The runtime's own timers are exact to a millisecond.
            let waited = took(patience.sleep(SECOND * seconds)).await.as_millis();
            let told = u128::from(seconds) * 1_000;
            assert!((told..told + 3).contains(&waited), "{waited} ms of {seconds} s");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_runtimes_timer_goes_from_one_to_the_next() {
        let patience = Patience::default();
        interrupted(patience.sleep(10 * SECOND)).await;
        let registered = |patience: &Patience| lock(&patience.0).as_ref().map(|timer| timer.deadline());
        let first = registered(&patience);
        assert!(first.is_some(), "it is kept");
        interrupted(patience.sleep(10 * SECOND)).await;
        assert_eq!(registered(&patience), first, "and not registered anew");
    }
}
