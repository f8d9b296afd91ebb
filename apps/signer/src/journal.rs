//! The journal on disk, and the mark beside it.
//!
//! Records are appended and synced, then the mark is written and synced, and only then may an answer leave. So whatever
//! lies beyond the mark was never told to anybody: a torn end there is cut off. Everything up to the mark must be
//! whole, or the signer does not start.

use {
    crate::files::{self, FileError},
    portreeve_kernel::kill,
    portreeve_signing::{
        Record, SignerState,
        journal::{MAX_LINE, Mark, Tail},
        recovery::{self, Recovered, Recovery, SLOTS, Unrecoverable},
    },
    rustix::fs::{FlockOperation, flock},
    std::{
        fs::{File, OpenOptions},
        io::{self, BufRead, BufReader, Read, Write},
        os::unix::fs::{FileExt, OpenOptionsExt},
        path::{Path, PathBuf},
    },
    zeroize::Zeroizing,
};

const FILE: &str = "journal";
const MARK: &str = "mark";

/// Why the journal cannot be used. Nothing is repaired silently.
#[derive(Debug, thiserror::Error)]
pub(crate) enum JournalError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Unrecoverable(#[from] Unrecoverable),
    #[error("another signer uses this folder")]
    InUse,
    #[error("a record cannot be written: {0}")]
    Unwritable(#[from] serde_json::Error),
}

/// The journal, open for appending.
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    marks: File,
    next_slot: usize,
    tail: Tail,
}

impl Journal {
    /// A new journal with its first record.
    pub(crate) fn create(dir: &Path, key: Zeroizing<[u8; 32]>, first: &Record) -> Result<(), JournalError> {
        let mut tail = Tail::new(key);
        files::write_new(&dir.join(FILE), &tail.write(first)?)?;
        files::write_new(&dir.join(MARK), &tail.mark().write(tail.key()))?;
        Ok(())
    }

    /// Takes the folder for this process, reads the journal, cuts a torn end off, and says where it led to.
    pub(crate) fn open(dir: &Path, key: Zeroizing<[u8; 32]>) -> Result<(Self, SignerState), JournalError> {
        let path = dir.join(FILE);
        files::check_private(&path)?;
        let open = |path: &Path| {
            let options = OpenOptions::new().read(true).write(true).mode(0o600).open(path);
            options.map_err(FileError::io("open", path))
        };
        let (mut file, marks) = (open(&path)?, open(&dir.join(MARK))?);
        flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|_| JournalError::InUse)?;
        let (mark, slot) = newest_mark(&marks, &key)?;
        let Recovered {
            state,
            tail,
            length,
            marked,
            torn,
        } = recover(BufReader::new(&file), key, mark, &path)?;
        if torn {
            file.set_len(length).map_err(FileError::io("cut", &path))?;
            crate::note(&format_args!(
                "cut a torn record off the journal, after record {}",
                state.sequence()
            ));
        }
        // A record that a killed process wrote is seen here and may not be on disk yet. From here on it counts.
        write_anew(&file, marked, length)
            .and_then(|()| file.sync_all())
            .map_err(FileError::io("sync", &path))?;
        io::Seek::seek(&mut file, io::SeekFrom::Start(length)).map_err(FileError::io("read", &path))?;
        let mut journal = Self {
            path,
            file,
            marks,
            next_slot: slot ^ 1,
            tail,
        };
        // Records beyond the mark were never answered, but from now on they count.
        journal.mark()?;
        Ok((journal, state))
    }

    /// Reads the journal of a signer that may be running. Changes nothing.
    pub(crate) fn read(dir: &Path, key: Zeroizing<[u8; 32]>) -> Result<SignerState, JournalError> {
        let (path, mark) = (dir.join(FILE), dir.join(MARK));
        // The mark first: the journal may only be ahead of it.
        let marks = File::open(&mark).map_err(FileError::io("open", &mark))?;
        let (mark, _) = newest_mark(&marks, &key)?;
        let file = File::open(&path).map_err(FileError::io("open", &path))?;
        Ok(recover(BufReader::new(file), key, mark, &path)?.state)
    }

    /// Appends records and returns once they and the mark are on disk. After an error nothing may be answered any
    /// more: what the disk holds is not known, and asking it to sync again proves nothing.
    pub(crate) fn append(&mut self, records: &[Record]) -> Result<(), JournalError> {
        let mut lines = Vec::new();
        for record in records {
            lines.extend(self.tail.write(record)?);
        }
        kill::point("signer.journal.before");
        self.file
            .write_all(&lines)
            .and_then(|()| self.file.sync_data())
            .map_err(FileError::io("write", &self.path))?;
        kill::point("signer.journal.after");
        self.mark()
    }

    /// The key that receipts are made with.
    pub(crate) fn key(&self) -> &[u8; 32] {
        self.tail.key()
    }

    fn mark(&mut self) -> Result<(), JournalError> {
        let bytes = self.tail.mark().write(self.tail.key());
        let at = SLOTS.get(self.next_slot).copied().unwrap_or_default();
        self.marks
            .write_all_at(&bytes, at)
            .and_then(|()| self.marks.sync_data())
            .map_err(FileError::io("write the mark of", &self.path))?;
        self.next_slot ^= 1;
        Ok(())
    }
}

/// Writes again what lies between two places. It may have been written by a process that ended because the disk would
/// not sync it: it can be read then and is not on the disk, and a sync alone would do nothing about that, and succeed.
fn write_anew(file: &File, from: u64, to: u64) -> io::Result<()> {
    let mut bytes = vec![0; usize::try_from(to.saturating_sub(from)).map_err(io::Error::other)?];
    file.read_exact_at(&mut bytes, from)?;
    file.write_all_at(&bytes, from)
}

/// The mark that is furthest on, and the slot it stands in.
fn newest_mark(file: &File, key: &[u8; 32]) -> Result<(Mark, usize), JournalError> {
    let read = |at: u64| {
        let mut bytes = [0; Mark::LENGTH];
        file.read_exact_at(&mut bytes, at).ok().map(|()| bytes)
    };
    let slots = SLOTS.map(read);
    let [first, second] = &slots;
    let slots = [first, second].map(|slot| slot.as_ref().map(<[u8; Mark::LENGTH]>::as_slice));
    Ok(recovery::newest_mark(slots, key)?)
}

/// Reads the journal to its end.
fn recover(
    mut from: impl BufRead,
    key: Zeroizing<[u8; 32]>,
    mark: Mark,
    path: &Path,
) -> Result<Recovered, JournalError> {
    let mut recovery = Recovery::new(key, mark);
    loop {
        let line = read_line(&mut from).map_err(FileError::io("read", path))?;
        if line.is_empty() || !recovery.line(&line)? {
            return Ok(recovery.end()?);
        }
    }
}

/// The next line with its newline, or as much of it as a record may be long.
fn read_line(from: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let longest = u64::try_from(MAX_LINE).unwrap_or(u64::MAX).saturating_add(1);
    let mut line = Vec::new();
    from.take(longest).read_until(b'\n', &mut line)?;
    Ok(line)
}

#[cfg(test)]
mod tests {
    use {
        super::*,
        portreeve_kernel::{Address, AgentId, Cluster, Timestamp, entropy::Seeded},
        portreeve_signing::{Event, protocol::Enrolment},
        std::fs,
    };

    const T: Timestamp = Timestamp::from_seconds(1_800_000_000);

    fn key() -> Zeroizing<[u8; 32]> {
        Zeroizing::new([7; 32])
    }

    fn first() -> Record {
        let enrolment = Enrolment {
            cluster: Cluster::Local,
            squads: Address::new([1; 32]),
            owner_key: Address::new([2; 32]),
            fee_payer: Address::new([3; 32]),
            approval_key: Address::new([4; 32]),
        };
        Record {
            sequence: 1,
            at: T,
            event: Event::Enrolled { enrolment },
        }
    }

    fn record(sequence: u64) -> Record {
        let agent = AgentId::new(T, &Seeded::new(sequence));
        let key = Address::new([u8::try_from(sequence).unwrap() + 10; 32]);
        Record {
            sequence,
            at: T,
            event: Event::KeyCreated { agent, key },
        }
    }

    /// A journal of `count` records, all answered.
    fn journal(count: u64) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        Journal::create(folder.path(), key(), &first()).unwrap();
        let (mut journal, _) = Journal::open(folder.path(), key()).unwrap();
        for sequence in 2..=count {
            journal.append(&[record(sequence)]).unwrap();
        }
        folder
    }

    fn open(folder: &tempfile::TempDir) -> Result<u64, JournalError> {
        Journal::open(folder.path(), key()).map(|(_, state)| state.sequence())
    }

    fn change(folder: &tempfile::TempDir, file: &str, how: impl FnOnce(&mut Vec<u8>)) {
        let path = folder.path().join(file);
        let mut bytes = fs::read(&path).unwrap();
        how(&mut bytes);
        fs::write(&path, bytes).unwrap();
    }

    #[test]
    fn what_was_appended_is_there_after_opening_again() {
        let folder = journal(5);
        assert_eq!(open(&folder).unwrap(), 5);
        assert_eq!(Journal::read(folder.path(), key()).unwrap().sequence(), 5);
    }

    #[test]
    fn only_one_process_has_the_folder() {
        let folder = journal(2);
        let held = Journal::open(folder.path(), key()).unwrap();
        assert!(matches!(Journal::open(folder.path(), key()), Err(JournalError::InUse)));
        assert_eq!(
            Journal::read(folder.path(), key()).unwrap().sequence(),
            2,
            "looking is allowed"
        );
        drop(held);
        assert!(Journal::open(folder.path(), key()).is_ok());
    }

    #[test]
    fn a_torn_end_beyond_the_mark_is_cut_and_appending_goes_on_after_it() {
        let folder = journal(3);
        let whole = fs::read(folder.path().join(FILE)).unwrap();
        let line = {
            // The bytes of the next record, as they would have been written.
            let copy = tempfile::tempdir().unwrap();
            for name in [FILE, MARK] {
                fs::copy(folder.path().join(name), copy.path().join(name)).unwrap();
            }
            let (mut journal, _) = Journal::open(copy.path(), key()).unwrap();
            journal.tail.write(&record(4)).unwrap()
        };
        for length in 1..line.len() {
            change(&folder, FILE, |bytes| bytes.extend(&line[..length]));
            assert_eq!(open(&folder).unwrap(), 3, "{length} of {} bytes", line.len());
        }
        for garbage in [
            vec![0; 600],
            b"\n".to_vec(),
            vec![b'x'; MAX_LINE + 50],
            b"torn\ntorn\n".to_vec(),
        ] {
            change(&folder, FILE, |bytes| bytes.extend(garbage));
            assert_eq!(open(&folder).unwrap(), 3);
            assert_eq!(fs::read(folder.path().join(FILE)).unwrap(), whole);
        }
        let (mut again, _) = Journal::open(folder.path(), key()).unwrap();
        again.append(&[record(4), record(5)]).unwrap();
        drop(again);
        assert_eq!(open(&folder).unwrap(), 5);
    }

    #[test]
    fn a_whole_record_beyond_the_mark_counts() {
        let folder = journal(3);
        let before = fs::read(folder.path().join(MARK)).unwrap();
        let (mut held, _) = Journal::open(folder.path(), key()).unwrap();
        held.append(&[record(4)]).unwrap();
        drop(held);
        fs::write(folder.path().join(MARK), before).unwrap();
        assert_eq!(open(&folder).unwrap(), 4);
    }

    #[test]
    fn a_record_up_to_the_mark_that_is_missing_stops_the_start() {
        let folder = journal(4);
        let whole = fs::read(folder.path().join(FILE)).unwrap();
        for length in 0..whole.len() {
            fs::write(folder.path().join(FILE), &whole[..length]).unwrap();
            assert!(open(&folder).is_err(), "{length} of {} bytes", whole.len());
        }
        fs::write(folder.path().join(FILE), &whole).unwrap();
        assert_eq!(open(&folder).unwrap(), 4);
    }

    #[test]
    fn a_changed_byte_up_to_the_mark_stops_the_start() {
        let folder = journal(3);
        let whole = fs::read(folder.path().join(FILE)).unwrap();
        for place in (0..whole.len()).step_by(7) {
            change(&folder, FILE, |bytes| bytes[place] ^= 4);
            assert!(
                matches!(
                    open(&folder),
                    Err(JournalError::Unrecoverable(Unrecoverable::Damaged(_)))
                ),
                "byte {place}"
            );
            fs::write(folder.path().join(FILE), &whole).unwrap();
        }
    }

    #[test]
    fn an_older_journal_in_the_newer_ones_place_stops_the_start() {
        let folder = journal(3);
        let older = fs::read(folder.path().join(FILE)).unwrap();
        let (mut held, _) = Journal::open(folder.path(), key()).unwrap();
        held.append(&[record(4)]).unwrap();
        drop(held);
        fs::write(folder.path().join(FILE), older).unwrap();
        assert!(matches!(
            open(&folder),
            Err(JournalError::Unrecoverable(Unrecoverable::Older {
                holds: 3,
                marked: 4
            }))
        ));
    }

    #[test]
    fn another_history_of_the_same_length_stops_the_start() {
        let folder = journal(2);
        let fork = journal(2);
        let add = |folder: &tempfile::TempDir, sequence: u64, number: u64| {
            let (mut held, _) = Journal::open(folder.path(), key()).unwrap();
            held.append(&[Record {
                sequence,
                ..record(number)
            }])
            .unwrap();
        };
        add(&folder, 3, 30);
        add(&fork, 3, 31);
        fs::copy(fork.path().join(FILE), folder.path().join(FILE)).unwrap();
        assert!(matches!(
            open(&folder),
            Err(JournalError::Unrecoverable(Unrecoverable::Other(3)))
        ));
    }

    #[test]
    fn without_a_mark_there_is_no_start() {
        let folder = journal(3);
        change(&folder, MARK, |bytes| bytes.fill(0));
        assert!(matches!(
            open(&folder),
            Err(JournalError::Unrecoverable(Unrecoverable::NoMark))
        ));
        fs::remove_file(folder.path().join(MARK)).unwrap();
        assert!(open(&folder).is_err());
    }

    #[test]
    fn one_torn_mark_leaves_the_other() {
        let folder = journal(4);
        let whole = fs::read(folder.path().join(MARK)).unwrap();
        for at in SLOTS {
            let place = usize::try_from(at).unwrap() + 30;
            change(&folder, MARK, |bytes| bytes[place] ^= 1);
            assert_eq!(open(&folder).unwrap(), 4);
            fs::write(folder.path().join(MARK), &whole).unwrap();
        }
    }

    #[test]
    fn a_journal_under_another_key_is_not_ours() {
        let folder = journal(2);
        assert!(Journal::open(folder.path(), Zeroizing::new([8; 32])).is_err());
    }
}
