//! How the recorder and its reader speak: a log of what was asked of the disk, in the order in which it happened, and a
//! small file that says how far it may go.
//!
//! Both sides compile this file. It knows bytes only, so that the recorder, which lives inside other programs, stays
//! small. Numbers are 8 bytes, little endian.

/// Where the folder is that is recorded, absolute.
pub const FOLDER: &str = "PORTREEVE_RECORD_FOLDER";

/// Where the log is.
pub const LOG: &str = "PORTREEVE_RECORD_LOG";

/// Where the control file is: who holds its lock may ask the disk for something. It holds three numbers.
pub const CONTROL: &str = "PORTREEVE_RECORD_CONTROL";

/// Where the control file counts what was asked of the disk.
pub const COUNT_AT: u64 = 0;

/// Where it says at which count the power goes: what would be asked then is not, and whoever asks dies.
pub const LIMIT_AT: u64 = 8;

/// Where it keeps what tells the names that were written down last from others.
pub const NAMES_AT: u64 = 16;

/// The length of the control file.
pub const CONTROL_LENGTH: u64 = 24;

/// What a record tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// `payload` was written to file `subject` at `place`.
    Write = 1,
    /// File `subject` was cut, or stretched with zeros, to `place`.
    Cut = 2,
    /// All that was written to file `subject` is on disk.
    Sync = 3,
    /// The names in folder `subject` are on disk.
    SyncFolder = 4,
    /// `payload` is what the folder holds now, as [`crate::record::Name`]s.
    Names = 5,
    /// File `subject` has no name any more: the number may come back for another file.
    Gone = 6,
    /// Somebody outside notes `payload`.
    Note = 7,
}

impl Kind {
    const ALL: [Self; 7] = [
        Self::Write,
        Self::Cut,
        Self::Sync,
        Self::SyncFolder,
        Self::Names,
        Self::Gone,
        Self::Note,
    ];

    fn read(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| *kind as u8 == byte)
    }
}

/// The length of what stands before a payload.
pub const HEADER: usize = 25;

/// One record. `subject` is the number of a file or folder, as the file system gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record<'a> {
    /// What it tells.
    pub kind: Kind,
    /// Of which file.
    pub subject: u64,
    /// Where in it.
    pub place: u64,
    /// The bytes.
    pub payload: &'a [u8],
}

impl<'a> Record<'a> {
    /// What comes first in the log; the payload follows.
    #[must_use]
    pub fn header(&self) -> [u8; HEADER] {
        let length = u64::try_from(self.payload.len()).unwrap_or(u64::MAX);
        let mut header = [0; HEADER];
        let numbers = [self.subject, self.place, length];
        let bytes = std::iter::once(self.kind as u8).chain(numbers.into_iter().flat_map(u64::to_le_bytes));
        for (to, byte) in header.iter_mut().zip(bytes) {
            *to = byte;
        }
        header
    }

    /// The first record of `log`, and what follows it; `None` when there is no whole one.
    #[must_use]
    pub fn read(log: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (kind, log) = log.split_first()?;
        let (subject, log) = number(log)?;
        let (place, log) = number(log)?;
        let (length, log) = number(log)?;
        let (payload, log) = log.split_at_checked(usize::try_from(length).ok()?)?;
        let kind = Kind::read(*kind)?;
        let record = Self {
            kind,
            subject,
            place,
            payload,
        };
        Some((record, log))
    }
}

/// One name in the recorded folder or below.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    /// From the recorded folder on, without a leading slash.
    pub path: String,
    /// Whose name it is, as the file system numbers files.
    pub file: u64,
    /// The file's type and permissions, as `st_mode` has them.
    pub mode: u64,
}

impl Name {
    /// Appends it to a list.
    pub fn write(&self, list: &mut Vec<u8>) {
        let length = u64::try_from(self.path.len()).unwrap_or(u64::MAX);
        for number in [self.file, self.mode, length] {
            list.extend(number.to_le_bytes());
        }
        list.extend(self.path.as_bytes());
    }

    /// Reads a list; `None` when it is not one.
    #[must_use]
    pub fn read_all(mut list: &[u8]) -> Option<Vec<Self>> {
        let mut names = Vec::new();
        while !list.is_empty() {
            let (file, rest) = number(list)?;
            let (mode, rest) = number(rest)?;
            let (length, rest) = number(rest)?;
            let (path, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
            let path = String::from_utf8(path.to_vec()).ok()?;
            names.push(Self { path, file, mode });
            list = rest;
        }
        Some(names)
    }
}

fn number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (number, rest) = bytes.split_first_chunk::<8>()?;
    Some((u64::from_le_bytes(*number), rest))
}
