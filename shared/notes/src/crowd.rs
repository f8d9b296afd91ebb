//! Many hands at one heap of work, which may bring more of itself. They are more than there are processors, because most of
//! them wait for the disk.

use std::{
    num::NonZero,
    panic::resume_unwind,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    thread,
};

/// Threads for each processor.
const EACH: usize = 4;

struct Heap<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
}

struct State<T> {
    todo: Vec<T>,
    /// How many are at work, and may bring more.
    busy: usize,
}

/// Does all of `items`, `size` at a time. Gives what each thread made of its share; one alone makes what is small.
pub(crate) fn pieces<T: Sync, R: Default + Send>(
    items: &[T],
    size: usize,
    one: impl Fn(&[T], &mut R) + Sync,
) -> Vec<R> {
    if items.len() <= size {
        let mut made = R::default();
        one(items, &mut made);
        return vec![made];
    }
    share(items.chunks(size.max(1)).collect(), |piece, made| {
        one(piece, made);
        Vec::new()
    })
}

/// Does all of `work`, the last first, and what `one` brings. Gives what each thread made of its share. Where one panics all of it
/// does, once the others have ended: a share that is missing would look like files that are gone.
pub(crate) fn share<T: Send, R: Default + Send>(work: Vec<T>, one: impl Fn(T, &mut R) -> Vec<T> + Sync) -> Vec<R> {
    if work.is_empty() {
        return Vec::new();
    }
    let heap = Heap {
        state: Mutex::new(State { todo: work, busy: 0 }),
        changed: Condvar::new(),
    };
    let take_part = || {
        let mut made = R::default();
        while let Some((item, turn)) = heap.take() {
            let more = one(item, &mut made);
            turn.brings(more);
        }
        made
    };
    let threads = thread::available_parallelism()
        .map_or(1, NonZero::get)
        .saturating_mul(EACH);
    thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(take_part)).collect();
        let mut made = vec![take_part()];
        for other in others {
            made.push(other.join().unwrap_or_else(|panic| resume_unwind(panic)));
        }
        made
    })
}

impl<T> Heap<T> {
    /// Waits until there is something to do; nothing when all is done.
    fn take(&self) -> Option<(T, Turn<'_, T>)> {
        let mut state = self.state();
        loop {
            if let Some(item) = state.todo.pop() {
                state.busy = state.busy.saturating_add(1);
                return Some((item, Turn(self)));
            }
            if state.busy == 0 {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends when it is dropped, also by a panic: the others would wait for what it brings.
struct Turn<'a, T>(&'a Heap<T>);

impl<T> Turn<'_, T> {
    fn brings(self, more: Vec<T>) {
        self.0.state().todo.extend(more);
    }
}

impl<T> Drop for Turn<'_, T> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.busy = state.busy.saturating_sub(1);
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_done_once_also_what_the_work_brings() {
        let made = share(vec![1_u32, 2], |number, seen: &mut Vec<u32>| {
            seen.push(number);
            if number < 1000 {
                vec![number * 2, number * 2 + 1]
            } else {
                Vec::new()
            }
        });
        let mut all: Vec<u32> = made.concat();
        all.sort_unstable();
        let from = |root: u32| {
            let (mut found, mut place) = (vec![root], 0);
            while let Some(number) = found.get(place).copied() {
                if number < 1000 {
                    found.extend([number * 2, number * 2 + 1]);
                }
                place += 1;
            }
            found
        };
        let mut wanted = [from(1), from(2)].concat();
        wanted.sort_unstable();
        assert_eq!(all, wanted);
    }

    #[test]
    fn a_list_is_done_in_pieces() {
        for count in [0, 1, 10, 11, 1000] {
            let items: Vec<u32> = (0..count).collect();
            let made = pieces(&items, 10, |piece, seen: &mut Vec<u32>| seen.extend(piece));
            let mut all = made.concat();
            all.sort_unstable();
            assert_eq!(all, items);
        }
    }

    #[test]
    fn one_that_panics_keeps_nobody_waiting_and_leaves_no_gap() {
        let done = std::panic::catch_unwind(|| {
            share((0..1000).collect(), |number: u32, seen: &mut Vec<u32>| {
                assert!(number != 500, "on purpose");
                seen.push(number);
                Vec::new()
            })
        });
        assert!(done.is_err(), "a part would look like all of it");
        assert!(share(Vec::<u32>::new(), |_, _: &mut Vec<u32>| Vec::new()).is_empty());
    }
}
