//! The journal's bytes: one line for each record, chained by hashes and sealed by MACs, and the mark beside it.
//!
//! A line is a MAC, a space, JSON, and a newline; the JSON holds the hash of the line before it. So no line can be
//! changed, dropped, repeated or moved by anybody without the journal key, except at the end; and the end is held by
//! the [`Mark`], which lies in another file and says how far the journal had come.

use {
    crate::{event::Record, receipt::mac, text::Hash},
    hmac::Mac,
    serde::{Deserialize, Serialize},
    zeroize::Zeroizing,
};

/// The longest line. A record holds a policy at most, and that came in one frame.
pub const MAX_LINE: usize = 2 * crate::frame::MAX_BODY;

/// Bytes of Base64 that a hash takes.
const HASH_TEXT: usize = 44;

/// Why a line does not belong where it stands.
#[derive(Debug, thiserror::Error)]
pub enum Damage {
    /// Cut off, or longer than any record.
    #[error("record {0} is not a whole line")]
    Torn(u64),
    /// Its MAC is not ours: changed, or written under another key.
    #[error("record {0} was changed or is not this signer's")]
    Changed(u64),
    /// Genuine, but not the next one.
    #[error("record {0} does not follow the one before it")]
    Misplaced(u64),
    /// Genuine, but not understood: written by a newer version.
    #[error("record {0} is of a kind this version does not know: {1}")]
    Unknown(u64, serde_json::Error),
}

/// The end of the journal: what the next line has to follow.
pub struct Tail {
    key: Zeroizing<[u8; 32]>,
    last: Hash,
    sequence: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LineOut<'a> {
    previous: Hash,
    record: &'a Record,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct LineIn {
    previous: Hash,
    record: Record,
}

impl Tail {
    /// Of an empty journal.
    #[must_use]
    pub fn new(key: Zeroizing<[u8; 32]>) -> Self {
        Self {
            key,
            last: Hash::of(b""),
            sequence: 0,
        }
    }

    /// The line of `record`, which has to be the next.
    ///
    /// # Errors
    /// Only when a record cannot be written as JSON, which none of ours does.
    pub fn write(&mut self, record: &Record) -> Result<Vec<u8>, serde_json::Error> {
        let body = serde_json::to_vec(&LineOut {
            previous: self.last,
            record,
        })?;
        let seal = Hash::new(mac(&self.key, &[b"journal", &body]).finalize().into_bytes().into());
        let line = [seal.to_string().as_bytes(), b" ", &body, b"\n"].concat();
        (self.last, self.sequence) = (Hash::of(&line), record.sequence);
        Ok(line)
    }

    /// The record in `line`, newline included, if it is the next one.
    ///
    /// # Errors
    /// [`Damage`]; the tail is then where it was.
    pub fn read(&mut self, line: &[u8]) -> Result<Record, Damage> {
        let next = self.sequence.saturating_add(1);
        let whole = line.strip_suffix(b"\n").filter(|line| line.len() < MAX_LINE);
        let (seal, rest) = whole
            .and_then(|line| line.split_at_checked(HASH_TEXT))
            .ok_or(Damage::Torn(next))?;
        let body = rest.strip_prefix(b" ").ok_or(Damage::Torn(next))?;
        let seal: Hash = serde_json::from_slice(&[b"\"", seal, b"\""].concat()).map_err(|_| Damage::Changed(next))?;
        let genuine = mac(&self.key, &[b"journal", body]).verify_slice(seal.as_bytes());
        genuine.map_err(|_| Damage::Changed(next))?;
        let LineIn { previous, record } = serde_json::from_slice(body).map_err(|cause| Damage::Unknown(next, cause))?;
        if previous != self.last || record.sequence != next {
            return Err(Damage::Misplaced(next));
        }
        (self.last, self.sequence) = (Hash::of(line), next);
        Ok(record)
    }

    /// The mark for a journal that ends here.
    #[must_use]
    pub const fn mark(&self) -> Mark {
        Mark {
            sequence: self.sequence,
            last: self.last,
        }
    }

    /// The key that receipts are made with too.
    #[must_use]
    pub fn key(&self) -> &[u8; 32] {
        &self.key
    }
}

/// How far the journal had come when its last answer was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Records.
    pub sequence: u64,
    /// The hash of the last one's line.
    pub last: Hash,
}

impl Mark {
    /// Bytes that a written mark takes.
    pub const LENGTH: usize = 20 + 1 + HASH_TEXT + 1 + HASH_TEXT + 1;

    /// As it stands in its file.
    #[must_use]
    pub fn write(&self, key: &[u8; 32]) -> Vec<u8> {
        let Self { sequence, last } = self;
        format!("{sequence:020} {last} {}\n", self.seal(key)).into_bytes()
    }

    /// The mark in `bytes`; `None` unless they are exactly what [`Mark::write`] makes under the same key.
    #[must_use]
    pub fn read(bytes: &[u8], key: &[u8; 32]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?.strip_suffix('\n')?;
        let (sequence, rest) = text.split_once(' ')?;
        let (last, _) = rest.split_once(' ')?;
        let last = serde_json::from_str(&format!("\"{last}\"")).ok()?;
        let found = Self {
            sequence: sequence.parse().ok()?,
            last,
        };
        (found.write(key) == bytes).then_some(found)
    }

    fn seal(&self, key: &[u8; 32]) -> Hash {
        let parts = [b"mark".as_slice(), &self.sequence.to_be_bytes(), self.last.as_bytes()];
        Hash::new(mac(key, &parts).finalize().into_bytes().into())
    }
}

#[cfg(test)]
mod tests {
    use {
        super::*,
        crate::event::Event,
        portreeve_kernel::{AgentId, Timestamp, entropy::Seeded},
    };

    fn tail(seed: u8) -> Tail {
        Tail::new(Zeroizing::new([seed; 32]))
    }

    fn record(sequence: u64) -> Record {
        let at = Timestamp::from_seconds(1_800_000_000);
        Record {
            sequence,
            at,
            event: Event::Suspended {
                agent: AgentId::new(at, &Seeded::new(sequence)),
            },
        }
    }

    fn lines(count: u64) -> Vec<Vec<u8>> {
        let mut tail = tail(1);
        (1..=count)
            .map(|sequence| tail.write(&record(sequence)).unwrap())
            .collect()
    }

    /// How many records of `lines` read, and what stopped that.
    fn read(lines: &[Vec<u8>]) -> (u64, Option<Damage>) {
        let mut tail = tail(1);
        let stopped = lines.iter().find_map(|line| tail.read(line).err());
        (tail.mark().sequence, stopped)
    }

    #[test]
    fn what_was_written_reads_in_order() {
        let mut tail = tail(1);
        for (sequence, line) in (1..).zip(lines(3)) {
            assert_eq!(tail.read(&line).unwrap(), record(sequence));
        }
    }

    #[test]
    fn a_dropped_repeated_or_moved_record_is_noticed() {
        let all = lines(3);
        let pick = |order: &[usize]| read(&order.iter().map(|place| all[*place].clone()).collect::<Vec<_>>());
        assert!(matches!(pick(&[0, 1, 2]), (3, None)));
        assert!(matches!(pick(&[0, 2]), (1, Some(Damage::Misplaced(2)))));
        assert!(matches!(pick(&[0, 0]), (1, Some(Damage::Misplaced(2)))));
        assert!(matches!(pick(&[1]), (0, Some(Damage::Misplaced(1)))));
        assert!(matches!(pick(&[0, 2, 1]), (1, Some(Damage::Misplaced(2)))));
    }

    #[test]
    fn a_record_of_another_history_of_the_same_signer_does_not_fit_in() {
        let ours = lines(3);
        let mut fork = tail(1);
        let other = Record {
            sequence: 1,
            ..record(9)
        };
        let theirs = [fork.write(&other).unwrap(), fork.write(&record(2)).unwrap()];
        let mixed = [ours[0].clone(), theirs[1].clone(), ours[2].clone()];
        assert!(matches!(read(&mixed), (1, Some(Damage::Misplaced(2)))));
    }

    #[test]
    fn a_changed_bit_anywhere_is_noticed() {
        let all = lines(2);
        for place in 0..all[1].len() {
            for bit in 0..8 {
                let mut changed = all.clone();
                changed[1][place] ^= 1 << bit;
                let (read, damage) = read(&changed);
                assert!(read == 1 && damage.is_some(), "byte {place}, bit {bit}");
            }
        }
    }

    #[test]
    fn a_cut_line_is_torn_wherever_it_is_cut() {
        let all = lines(2);
        for length in 0..all[1].len() {
            let (read, damage) = read(&[all[0].clone(), all[1][..length].to_vec()]);
            assert!(read == 1 && damage.is_some(), "{length} bytes");
        }
    }

    #[test]
    fn another_signers_record_is_not_ours() {
        let line = tail(2).write(&record(1)).unwrap();
        assert!(matches!(tail(1).read(&line), Err(Damage::Changed(1))));
    }

    #[test]
    fn a_mark_reads_back_and_in_no_other_form() {
        let mark = Mark {
            sequence: 7,
            last: Hash::of(b"x"),
        };
        let bytes = mark.write(&[1; 32]);
        assert_eq!(bytes.len(), Mark::LENGTH);
        assert_eq!(Mark::read(&bytes, &[1; 32]), Some(mark));
        assert_eq!(Mark::read(&bytes, &[2; 32]), None);
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            assert_eq!(Mark::read(&changed, &[1; 32]), None, "byte {place}");
        }
        assert_eq!(Mark::read(&bytes[..bytes.len() - 1], &[1; 32]), None);
        assert_eq!(Mark::read(&[0; Mark::LENGTH], &[1; 32]), None);
    }
}
