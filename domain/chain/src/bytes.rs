//! The byte formats underneath: little-endian numbers and Borsh's options, lists and texts, which instructions and
//! accounts are made of, and the "compact-u16" lengths of messages.
//!
//! Reading is strict: one text for each value, nothing left over, and no list is believed longer than its bytes.

use portreeve_kernel::{Address, Amount};

/// Why bytes are not what they should be. Names the field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The bytes end inside the field.
    #[error("the bytes end in the middle of `{0}`")]
    Truncated(&'static str),
    /// Bytes follow the last field.
    #[error("{0} bytes follow the last field")]
    Trailing(usize),
    /// A length is not written in its shortest form, or does not fit 16 bits.
    #[error("the length of `{0}` is not a minimal compact-u16")]
    Length(&'static str),
    /// A value the field cannot have.
    #[error("`{field}` is {value}, which means nothing here")]
    Value {
        /// Which field.
        field: &'static str,
        /// What it holds.
        value: u64,
    },
    /// A text is not UTF-8.
    #[error("`{0}` is not UTF-8")]
    Text(&'static str),
    /// An account starts with another discriminator, or is not of a kind's size.
    #[error("this is not a {0} account")]
    Kind(&'static str),
}

/// Takes fields off the front.
#[derive(Debug, Clone)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn take(&mut self, count: usize, field: &'static str) -> Result<&'a [u8], Malformed> {
        let (head, tail) = self.0.split_at_checked(count).ok_or(Malformed::Truncated(field))?;
        self.0 = tail;
        Ok(head)
    }

    pub(crate) fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], Malformed> {
        let (head, tail) = self.0.split_first_chunk().ok_or(Malformed::Truncated(field))?;
        self.0 = tail;
        Ok(*head)
    }

    pub(crate) fn u8(&mut self, field: &'static str) -> Result<u8, Malformed> {
        self.array(field).map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self, field: &'static str) -> Result<u16, Malformed> {
        self.array(field).map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self, field: &'static str) -> Result<u32, Malformed> {
        self.array(field).map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self, field: &'static str) -> Result<u64, Malformed> {
        self.array(field).map(u64::from_le_bytes)
    }

    pub(crate) fn i64(&mut self, field: &'static str) -> Result<i64, Malformed> {
        self.array(field).map(i64::from_le_bytes)
    }

    pub(crate) fn address(&mut self, field: &'static str) -> Result<Address, Malformed> {
        self.array(field).map(Address::new)
    }

    /// 64 bits that are an [`Amount`]: not zero, and below 2⁶³.
    pub(crate) fn amount(&mut self, field: &'static str) -> Result<Amount, Malformed> {
        let value = self.u64(field)?;
        Amount::new(value).map_err(|_| Malformed::Value { field, value })
    }

    /// Borsh: one byte, 0 or 1, and the value after a 1.
    pub(crate) fn option<T>(
        &mut self,
        field: &'static str,
        value: impl FnOnce(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Option<T>, Malformed> {
        match self.u8(field)? {
            0 => Ok(None),
            1 => value(self).map(Some),
            tag => Err(Malformed::Value {
                field,
                value: u64::from(tag),
            }),
        }
    }

    /// Borsh: a 32-bit count and the entries. Grows only as entries are really there.
    pub(crate) fn list<T>(
        &mut self,
        field: &'static str,
        entry: impl Fn(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Vec<T>, Malformed> {
        let count = self.u32(field)?;
        (0..count).map(|_| entry(self)).collect()
    }

    /// Borsh: a 32-bit count of bytes, and UTF-8.
    pub(crate) fn text(&mut self, field: &'static str) -> Result<String, Malformed> {
        let count = usize::try_from(self.u32(field)?).map_err(|_| Malformed::Truncated(field))?;
        let bytes = self.take(count, field)?;
        String::from_utf8(bytes.to_vec()).map_err(|_| Malformed::Text(field))
    }

    /// Solana's compact-u16: seven bits a byte, low first, at most three bytes, the shortest form only.
    pub(crate) fn compact_u16(&mut self, field: &'static str) -> Result<usize, Malformed> {
        let mut value = 0_u32;
        for place in 0..3_u32 {
            let byte = self.u8(field)?;
            if byte == 0 && place > 0 {
                return Err(Malformed::Length(field));
            }
            value |= u32::from(byte & 0x7F) << place.saturating_mul(7);
            if byte & 0x80 == 0 {
                return u16::try_from(value)
                    .map(usize::from)
                    .map_err(|_| Malformed::Length(field));
            }
        }
        Err(Malformed::Length(field))
    }

    /// What has not been read yet.
    pub(crate) const fn rest(&self) -> &'a [u8] {
        self.0
    }

    /// Nothing may be left.
    pub(crate) const fn end(&self) -> Result<(), Malformed> {
        match self.0.len() {
            0 => Ok(()),
            left => Err(Malformed::Trailing(left)),
        }
    }
}

/// Puts fields at the end: the exact reverse of [`Reader`].
#[derive(Debug, Default)]
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    pub(crate) fn put(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub(crate) fn u8(self, value: u8) -> Self {
        self.put(&[value])
    }

    pub(crate) fn u16(self, value: u16) -> Self {
        self.put(&value.to_le_bytes())
    }

    pub(crate) fn u32(self, value: u32) -> Self {
        self.put(&value.to_le_bytes())
    }

    pub(crate) fn u64(self, value: u64) -> Self {
        self.put(&value.to_le_bytes())
    }

    pub(crate) fn address(self, value: Address) -> Self {
        self.put(value.as_bytes())
    }

    pub(crate) fn option<T>(self, value: Option<T>, put: impl FnOnce(Self, T) -> Self) -> Self {
        match value {
            None => self.u8(0),
            Some(value) => put(self.u8(1), value),
        }
    }

    /// A list too long for its count is far too long for a transaction, which is where it is refused.
    pub(crate) fn list<T: Copy>(self, entries: &[T], put: impl Fn(Self, T) -> Self) -> Self {
        let count = u32::try_from(entries.len()).unwrap_or(u32::MAX);
        entries.iter().fold(self.u32(count), |to, entry| put(to, *entry))
    }

    pub(crate) fn text(self, value: &str) -> Self {
        let count = u32::try_from(value.len()).unwrap_or(u32::MAX);
        self.u32(count).put(value.as_bytes())
    }

    pub(crate) fn compact_u16(self, value: u16) -> Self {
        let low = |shift: u32| u8::try_from((value >> shift) & 0x7F).unwrap_or(0);
        match value {
            0..=0x7F => self.u8(low(0)),
            0x80..=0x3FFF => self.put(&[low(0) | 0x80, low(7)]),
            _ => self.put(&[low(0) | 0x80, low(7) | 0x80, low(14)]),
        }
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_compact_u16_has_exactly_one_text() {
        let mut texts = std::collections::BTreeSet::new();
        for value in 0..=u16::MAX {
            let bytes = Writer::default().compact_u16(value).into_bytes();
            let mut reader = Reader::new(&bytes);
            assert_eq!(reader.compact_u16("n"), Ok(usize::from(value)));
            assert_eq!(reader.end(), Ok(()));
            assert!(texts.insert(bytes));
        }
    }

    #[test]
    fn a_compact_u16_in_a_longer_form_is_refused() {
        for alias in [
            &[0x80, 0x00][..],
            &[0xFF, 0x00],
            &[0x80, 0x80, 0x00],
            &[0x81, 0x80, 0x00],
        ] {
            assert_eq!(
                Reader::new(alias).compact_u16("n"),
                Err(Malformed::Length("n")),
                "{alias:?}"
            );
        }
        for too_large in [
            &[0xFF, 0xFF, 0x04][..],
            &[0x80, 0x80, 0x04],
            &[0xFF, 0xFF, 0x80],
            &[0x80, 0x80, 0x80, 0x01],
        ] {
            assert_eq!(
                Reader::new(too_large).compact_u16("n"),
                Err(Malformed::Length("n")),
                "{too_large:?}"
            );
        }
        assert_eq!(Reader::new(&[0x80]).compact_u16("n"), Err(Malformed::Truncated("n")));
    }

    #[test]
    fn a_list_that_claims_more_than_is_there_is_refused_without_believing_it() {
        let bytes = Writer::default().u32(u32::MAX).put(&[7; 64]).into_bytes();
        let read = Reader::new(&bytes).list("members", |entry| entry.address("member"));
        assert_eq!(read, Err(Malformed::Truncated("member")));
    }

    #[test]
    fn an_option_is_tagged_with_zero_or_one() {
        assert_eq!(Reader::new(&[0]).option("x", |r| r.u8("x")), Ok(None));
        assert_eq!(Reader::new(&[1, 9]).option("x", |r| r.u8("x")), Ok(Some(9)));
        let odd = Reader::new(&[2, 9]).option("x", |r| r.u8("x"));
        assert_eq!(odd, Err(Malformed::Value { field: "x", value: 2 }));
    }

    #[test]
    fn text_is_utf_8() {
        let bytes = Writer::default().u32(1).u8(0xFF).into_bytes();
        assert_eq!(Reader::new(&bytes).text("memo"), Err(Malformed::Text("memo")));
    }
}
