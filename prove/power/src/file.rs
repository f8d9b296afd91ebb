//! One file: what is on disk for certain, and what was asked for since its last sync.

use {crate::dice::Dice, std::collections::BTreeMap};

/// What a disk writes whole or not at all.
pub(crate) const SECTOR: usize = 512;

/// What became of what was not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// All of it reached the disk.
    Kept,
    /// None of it.
    Lost,
    /// What came first, up to some moment.
    Cut,
    /// Each sector is as it was at some moment, each at another: torn and out of order.
    Torn,
}

impl Fate {
    /// One of them.
    pub(crate) fn draw(dice: &mut Dice) -> Self {
        match dice.below(6) {
            0 => Self::Kept,
            1 => Self::Lost,
            2 => Self::Cut,
            _ => Self::Torn,
        }
    }
}

/// What was asked of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Change {
    Write { place: usize, bytes: Vec<u8> },
    Cut { length: usize },
}

/// A file on the disk.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct FileOnDisk {
    synced: Vec<u8>,
    since: Vec<Change>,
}

impl FileOnDisk {
    /// One that is on disk whole.
    pub(crate) const fn synced(bytes: Vec<u8>) -> Self {
        Self {
            synced: bytes,
            since: Vec::new(),
        }
    }

    pub(crate) fn write(&mut self, place: u64, bytes: &[u8]) {
        self.since.push(Change::Write {
            place: place.try_into().unwrap(),
            bytes: bytes.to_vec(),
        });
    }

    pub(crate) fn cut(&mut self, length: u64) {
        let length = length.try_into().unwrap();
        self.since.push(Change::Cut { length });
    }

    pub(crate) fn sync(&mut self) {
        self.synced = self.kept();
        self.since.clear();
    }

    /// As whoever asked sees it.
    pub(crate) fn kept(&self) -> Vec<u8> {
        self.at(self.since.len(), |_| self.since.len())
    }

    /// As it may be after a power cut.
    pub(crate) fn after(&self, fate: Fate, dice: &mut Dice) -> Vec<u8> {
        let all = self.since.len();
        match fate {
            Fate::Kept => self.kept(),
            Fate::Lost => self.synced.clone(),
            Fate::Cut => {
                let moment = dice.below(all + 1);
                self.at(moment, |_| moment)
            }
            Fate::Torn => {
                let touched = self.touched();
                let moments: BTreeMap<usize, usize> = touched
                    .into_iter()
                    .map(|(sector, changes)| match dice.below(changes.len() + 1) {
                        0 => (sector, 0),
                        nth => (sector, changes[nth - 1] + 1),
                    })
                    .collect();
                self.at(dice.below(all + 1), |sector| {
                    moments.get(&sector).copied().unwrap_or(all)
                })
            }
        }
    }

    /// Which changes touch which sector.
    fn touched(&self) -> BTreeMap<usize, Vec<usize>> {
        let mut touched: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        let mut length = self.synced.len();
        for (nth, change) in self.since.iter().enumerate() {
            let range = change.range(length);
            length = change.length_after(length);
            if range.is_empty() {
                continue;
            }
            for sector in range.start / SECTOR..=(range.end - 1) / SECTOR {
                touched.entry(sector).or_default().push(nth);
            }
        }
        touched
    }

    /// As long as it was after the first `length_after` changes, every sector as it was after as many changes as
    /// `content_after` says.
    fn at(&self, length_after: usize, content_after: impl Fn(usize) -> usize) -> Vec<u8> {
        let mut bytes = self.synced.clone();
        let mut length = self.synced.len();
        let mut wanted = length;
        for (nth, change) in self.since.iter().enumerate() {
            let range = change.range(length);
            if bytes.len() < range.end {
                bytes.resize(range.end, 0);
            }
            let mut from = range.start;
            while from < range.end {
                let sector = from / SECTOR;
                let to = ((sector + 1) * SECTOR).min(range.end);
                if nth < content_after(sector) {
                    match change {
                        Change::Write { place, bytes: written } => {
                            bytes[from..to].copy_from_slice(&written[from - place..to - place]);
                        }
                        Change::Cut { .. } => bytes[from..to].fill(0),
                    }
                }
                from = to;
            }
            length = change.length_after(length);
            if nth < length_after {
                wanted = length;
            }
        }
        bytes.resize(wanted, 0);
        bytes
    }
}

impl Change {
    /// The bytes whose content it changes, in a file of `length`.
    fn range(&self, length: usize) -> std::ops::Range<usize> {
        match self {
            Self::Write { place, bytes } => *place..place + bytes.len(),
            Self::Cut { length: to } => *to..length.max(*to),
        }
    }

    fn length_after(&self, length: usize) -> usize {
        match self {
            Self::Write { place, bytes } => length.max(place + bytes.len()),
            Self::Cut { length } => *length,
        }
    }
}

#[cfg(test)]
mod tests {
    use {super::*, std::collections::BTreeSet};

    /// Two sectors of `a`, synced, then both of `b` in one write, then the second of `c`.
    fn file() -> FileOnDisk {
        let mut file = FileOnDisk::synced(vec![b'a'; 2 * SECTOR]);
        file.write(0, &[b'b'; 2 * SECTOR]);
        file.write(SECTOR as u64, &[b'c'; SECTOR]);
        file
    }

    /// The first byte of each sector, in each of many power cuts.
    fn seen(file: &FileOnDisk, fate: Fate) -> BTreeSet<String> {
        let firsts = |bytes: Vec<u8>| bytes.chunks(SECTOR).map(|sector| char::from(sector[0])).collect();
        (0..200)
            .map(|seed| firsts(file.after(fate, &mut Dice::new(seed))))
            .collect()
    }

    fn set(texts: &[&str]) -> BTreeSet<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn what_was_synced_is_there_whatever_happens() {
        let mut file = file();
        file.sync();
        for fate in [Fate::Kept, Fate::Lost, Fate::Cut, Fate::Torn] {
            assert_eq!(seen(&file, fate), set(&["bc"]), "{fate:?}");
        }
    }

    #[test]
    fn what_was_not_synced_is_kept_lost_cut_short_or_torn() {
        let file = file();
        assert_eq!(seen(&file, Fate::Kept), set(&["bc"]));
        assert_eq!(seen(&file, Fate::Lost), set(&["aa"]));
        assert_eq!(seen(&file, Fate::Cut), set(&["aa", "bb", "bc"]));
        assert_eq!(seen(&file, Fate::Torn), set(&["aa", "ab", "ac", "ba", "bb", "bc"]));
    }

    #[test]
    fn a_sector_is_as_it_was_at_one_moment() {
        let mut file = FileOnDisk::synced(vec![b'a'; SECTOR]);
        file.write(0, b"b");
        file.write(1, b"b");
        for seed in 0..200 {
            let bytes = file.after(Fate::Torn, &mut Dice::new(seed));
            assert_ne!(&bytes[..2], b"ab", "the second write alone never was in this sector");
        }
    }

    #[test]
    fn what_is_appended_may_be_missing_or_zeros() {
        let mut file = FileOnDisk::default();
        file.write(0, &[b'x'; SECTOR]);
        let ends: BTreeSet<Vec<u8>> = (0..100)
            .map(|seed| file.after(Fate::Torn, &mut Dice::new(seed)))
            .collect();
        assert_eq!(ends, BTreeSet::from([vec![], vec![0; SECTOR], vec![b'x'; SECTOR]]));
    }

    #[test]
    fn what_was_cut_off_does_not_come_back_when_the_file_grows_again() {
        let mut file = FileOnDisk::synced(b"secret".to_vec());
        file.cut(0);
        file.write(5, b"!");
        assert_eq!(file.kept(), b"\0\0\0\0\0!");
        file.sync();
        file.cut(2);
        file.cut(4);
        assert_eq!(file.kept(), b"\0\0\0\0");
    }
}
