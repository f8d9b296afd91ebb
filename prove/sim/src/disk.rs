//! A file on a disk that keeps what was synced, and of the rest what it likes: some writes are lost, some torn, and
//! later ones may survive earlier ones.

use crate::dice::Dice;

/// Bytes that a disk writes whole or not at all.
const SECTOR: usize = 512;

/// One file.
#[derive(Debug, Clone, Default)]
pub(crate) struct File {
    synced: Vec<u8>,
    /// Since the last sync, in order.
    unsynced: Vec<Write>,
}

#[derive(Debug, Clone)]
enum Write {
    At(usize, Vec<u8>),
    Length(usize),
}

/// What a power cut did to unsynced writes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Loss {
    pub(crate) kept: u32,
    pub(crate) lost: u32,
    pub(crate) torn: u32,
    /// Kept although an earlier one was lost.
    pub(crate) reordered: u32,
}

fn apply(bytes: &mut Vec<u8>, write: &Write) {
    match write {
        Write::At(at, new) => {
            if bytes.len() < at + new.len() {
                bytes.resize(at + new.len(), 0);
            }
            bytes[*at..at + new.len()].copy_from_slice(new);
        }
        Write::Length(length) => bytes.resize(*length, 0),
    }
}

impl File {
    /// As the running system sees it: a killed process loses nothing it has written.
    pub(crate) fn read(&self) -> Vec<u8> {
        let mut bytes = self.synced.clone();
        for write in &self.unsynced {
            apply(&mut bytes, write);
        }
        bytes
    }

    pub(crate) fn write(&mut self, at: usize, bytes: Vec<u8>) {
        self.unsynced.push(Write::At(at, bytes));
    }

    pub(crate) fn cut(&mut self, length: usize) {
        self.unsynced.push(Write::Length(length));
    }

    pub(crate) fn sync(&mut self) {
        self.synced = self.read();
        self.unsynced.clear();
    }

    /// The power goes.
    pub(crate) fn lose_power(&mut self, dice: &mut Dice) -> Loss {
        let mut loss = Loss::default();
        for write in std::mem::take(&mut self.unsynced) {
            match dice.below(3) {
                0 => loss.lost += 1,
                1 => {
                    if let Write::At(at, bytes) = &write {
                        loss.torn += 1;
                        tear(&mut self.synced, *at, bytes, dice);
                    } else {
                        loss.lost += 1;
                    }
                }
                _ => {
                    loss.kept += 1;
                    loss.reordered += u32::from(loss.lost > 0);
                    apply(&mut self.synced, &write);
                }
            }
        }
        loss
    }
}

/// Some sectors arrive and some do not; of the last that does perhaps only the beginning, when the file ends there.
fn tear(synced: &mut Vec<u8>, at: usize, bytes: &[u8], dice: &mut Dice) {
    let mut from = 0;
    while from < bytes.len() {
        let to = (((at + from) / SECTOR + 1) * SECTOR - at).min(bytes.len());
        if dice.chance(50) {
            apply(synced, &Write::At(at + from, bytes[from..to].to_vec()));
        } else if dice.chance(50) && at + from >= synced.len() {
            let part = from + dice.below((to - from) as u64) as usize;
            apply(synced, &Write::At(at + from, bytes[from..part].to_vec()));
        }
        from = to;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_synced_survives_and_what_was_not_may_not() {
        let (mut kept, mut gone, mut torn) = (0, 0, 0);
        for seed in 0..200 {
            let mut file = File::default();
            file.write(0, b"synced".to_vec());
            file.sync();
            file.write(6, vec![b'x'; 2_000]);
            assert_eq!(file.read().len(), 2_006, "a killed process loses nothing");
            file.lose_power(&mut Dice::new(seed, 0));
            let after = file.read();
            assert!(after.starts_with(b"synced"));
            match after.iter().filter(|byte| **byte == b'x').count() {
                2_000 => kept += 1,
                0 => gone += 1,
                _ => torn += 1,
            }
        }
        assert!(kept > 20 && gone > 20 && torn > 20, "{kept} {gone} {torn}");
    }
}
