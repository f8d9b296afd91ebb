//! What a journal and its mark amount to after a restart.
//!
//! Everything up to the mark was answered for and must be whole. Whatever lies beyond it was never told to anybody: the
//! first line there that is not whole ends the journal.

use {
    crate::{
        journal::{Damage, Mark, Tail},
        state::{Inconsistent, SignerState},
    },
    zeroize::Zeroizing,
};

/// Where the two copies of the mark lie in their file, in bytes. They are written by turns, into two sectors: a torn
/// write leaves the other one.
pub const SLOTS: [u64; 2] = [0, 512];

/// Why a journal cannot be used. Nothing is repaired silently.
#[derive(Debug, thiserror::Error)]
pub enum Unrecoverable {
    /// A line up to the mark is not what was written there.
    #[error("the journal is damaged: {0}; put the newest good copy back")]
    Damaged(#[from] Damage),
    /// A line is genuine, and cannot be.
    #[error("the journal is damaged: {0}; put the newest good copy back")]
    Inconsistent(#[from] Inconsistent),
    /// Answers were given for records that are gone.
    #[error("the journal is older than its mark: it holds {holds} records of {marked}; put the newest copy back")]
    Older {
        /// Records that are there.
        holds: u64,
        /// Records that were.
        marked: u64,
    },
    /// As long as its mark says, and another.
    #[error("the journal is another than its mark is about: record {0} differs; put the newest copy back")]
    Other(u64),
    /// Neither copy of the mark is whole.
    #[error("the mark is missing or damaged; put the newest copy of journal and mark back")]
    NoMark,
}

/// A journal that was read to its end.
pub struct Recovered {
    /// What it says.
    pub state: SignerState,
    /// What the next line follows.
    pub tail: Tail,
    /// Bytes of whole records.
    pub length: u64,
    /// Bytes of those of them that are marked. The others were written, and perhaps not synced.
    pub marked: u64,
    /// True when something follows them that is to be cut off.
    pub torn: bool,
}

/// A journal that is being read, line by line.
pub struct Recovery {
    tail: Tail,
    state: Option<SignerState>,
    mark: Mark,
    length: u64,
    marked: u64,
    torn: bool,
}

/// The mark that is furthest on, and the slot it stands in. `slots` are the bytes at [`SLOTS`].
///
/// # Errors
/// [`Unrecoverable::NoMark`].
pub fn newest_mark(slots: [Option<&[u8]>; 2], key: &[u8; 32]) -> Result<(Mark, usize), Unrecoverable> {
    let whole = |(slot, bytes): (usize, Option<&[u8]>)| Some((Mark::read(bytes?, key)?, slot));
    let found = slots.into_iter().enumerate().filter_map(whole);
    found.max_by_key(|(mark, _)| mark.sequence).ok_or(Unrecoverable::NoMark)
}

impl Recovery {
    /// Of a journal under `key` whose mark is `mark`.
    #[must_use]
    pub fn new(key: Zeroizing<[u8; 32]>, mark: Mark) -> Self {
        Self {
            tail: Tail::new(key),
            state: None,
            mark,
            length: 0,
            marked: 0,
            torn: false,
        }
    }

    /// Takes the next line, newline included. False when it is torn, and the journal ends before it.
    ///
    /// # Errors
    /// [`Unrecoverable`].
    pub fn line(&mut self, line: &[u8]) -> Result<bool, Unrecoverable> {
        match self.tail.read(line) {
            Ok(record) => match &mut self.state {
                Some(state) => state.apply(record)?,
                None => self.state = Some(SignerState::begin(record)?),
            },
            Err(Damage::Torn(_) | Damage::Changed(_)) if self.tail.mark().sequence >= self.mark.sequence => {
                self.torn = true;
                return Ok(false);
            }
            Err(damage) => return Err(damage.into()),
        }
        self.length = self
            .length
            .saturating_add(u64::try_from(line.len()).unwrap_or(u64::MAX));
        let here = self.tail.mark();
        if here.sequence == self.mark.sequence && here != self.mark {
            return Err(Unrecoverable::Other(here.sequence));
        }
        if here.sequence == self.mark.sequence {
            self.marked = self.length;
        }
        Ok(true)
    }

    /// What all lines came to.
    ///
    /// # Errors
    /// [`Unrecoverable::Older`].
    pub fn end(self) -> Result<Recovered, Unrecoverable> {
        let holds = self.tail.mark().sequence;
        match self.state {
            Some(state) if holds >= self.mark.sequence => Ok(Recovered {
                state,
                tail: self.tail,
                length: self.length,
                marked: self.marked,
                torn: self.torn,
            }),
            _ => Err(Unrecoverable::Older {
                holds,
                marked: self.mark.sequence,
            }),
        }
    }
}
