//! Named places where a test may end the process, as `kill -9` would, to prove that what follows recovers.
//!
//! Without `--cfg kill_points` a call is an empty function.

/// Dies here when the environment says `PORTREEVE_KILL_POINT=<name>` (or `<name>#<n>`, for the n-th time it is reached).
#[cfg(not(kill_points))]
#[inline(always)]
pub const fn point(_name: &'static str) {}

/// Dies here when the environment says `PORTREEVE_KILL_POINT=<name>` (or `<name>#<n>`, for the n-th time it is reached).
#[cfg(kill_points)]
pub fn point(name: &'static str) {
    use std::sync::atomic::{AtomicU32, Ordering};
    static REACHED: AtomicU32 = AtomicU32::new(0);
    let Ok(wanted) = std::env::var("PORTREEVE_KILL_POINT") else {
        return;
    };
    let (wanted, at) = wanted
        .split_once('#')
        .map_or((wanted.as_str(), 1), |(w, n)| (w, n.parse().unwrap_or(1)));
    if wanted == name && REACHED.fetch_add(1, Ordering::SeqCst).saturating_add(1) == at {
        // No destructor, no flush: the closest a process comes to losing power.
        std::process::abort();
    }
}
