//! A row that was read. Whatever is not as our code wrote it is an error that names the column.

use {
    crate::{backend::Backend, error::StoreError},
    portreeve_kernel::{Amount, Seconds, Timestamp, Total},
    serde::de::DeserializeOwned,
    sqlx::{Row as _, any::AnyRow},
    std::{fmt::Display, str::FromStr},
};

/// One row.
pub struct Row {
    pub(crate) row: AnyRow,
    pub(crate) backend: Backend,
}

/// What a column can be read as.
pub trait Column: Sized {
    /// Reads it; `None` for `NULL`.
    ///
    /// # Errors
    /// [`StoreError::Column`] when the content is not of this type.
    fn read(row: &Row, column: &str) -> Result<Option<Self>, StoreError>;
}

impl Row {
    /// A column that is never `NULL`.
    ///
    /// # Errors
    /// [`StoreError::Column`] when it is, or holds something else.
    pub fn get<T: Column>(&self, column: &str) -> Result<T, StoreError> {
        self.get_optional(column)?.ok_or_else(|| unreadable(column, "is NULL"))
    }

    /// A column that may be `NULL`.
    ///
    /// # Errors
    /// [`StoreError::Column`] when it holds something else.
    pub fn get_optional<T: Column>(&self, column: &str) -> Result<Option<T>, StoreError> {
        T::read(self, column)
    }

    /// A column of JSON text.
    ///
    /// # Errors
    /// [`StoreError::Column`] when it is `NULL` or does not read as a `T`.
    pub fn json<T: DeserializeOwned>(&self, column: &str) -> Result<T, StoreError> {
        serde_json::from_str(&self.get::<String>(column)?).map_err(|error| unreadable(column, error))
    }

    /// A column of text that is parsed.
    ///
    /// # Errors
    /// [`StoreError::Column`] when it does not parse.
    pub fn parsed<T: FromStr<Err: Display>>(&self, column: &str) -> Result<Option<T>, StoreError> {
        self.get_optional::<String>(column)?
            .map(|text| text.parse().map_err(|error| unreadable(column, error)))
            .transpose()
    }

    /// A column of text that `read` reads, for types that are no column by themselves.
    ///
    /// # Errors
    /// [`StoreError::Column`] when it is `NULL`, or `read` makes nothing of it.
    pub fn text_as<T>(&self, column: &str, read: impl FnOnce(&str) -> Option<T>) -> Result<T, StoreError> {
        read(&self.get::<String>(column)?).ok_or_else(|| StoreError::unreadable(column))
    }
}

/// An error about one column.
pub(crate) fn unreadable(column: &str, reason: impl Display) -> StoreError {
    StoreError::Column {
        column: column.to_owned(),
        reason: reason.to_string(),
    }
}

macro_rules! plain {
    ($($type:ty),+) => {$(
        impl Column for $type {
            fn read(row: &Row, column: &str) -> Result<Option<Self>, StoreError> {
                row.row.try_get(column).map_err(|error| row.backend.error(error))
            }
        }
    )+};
}
plain!(i64, String, Vec<u8>);

/// Types that a `BIGINT` holds, with what turns one into them.
macro_rules! from_int {
    ($($type:ty, $int:ident => $value:expr;)+) => {$(
        impl Column for $type {
            fn read(row: &Row, column: &str) -> Result<Option<Self>, StoreError> {
                i64::read(row, column)?
                    .map(|$int| $value.ok_or_else(|| unreadable(column, format_args!("{} is out of range", $int))))
                    .transpose()
            }
        }
    )+};
}
from_int! {
    u64, int => u64::try_from(int).ok();
    u32, int => u32::try_from(int).ok();
    bool, int => match int { 0 => Some(false), 1 => Some(true), _ => None };
    Timestamp, int => Some(Timestamp::from_millis(int));
    Seconds, int => u32::try_from(int).ok().map(Seconds);
    Total, int => Total::from_column(int);
    Amount, int => u64::try_from(int).ok().and_then(|units| Amount::new(units).ok());
}

impl Column for [u8; 32] {
    fn read(row: &Row, column: &str) -> Result<Option<Self>, StoreError> {
        Vec::<u8>::read(row, column)?
            .map(|bytes| bytes.try_into().map_err(|_| unreadable(column, "is not 32 bytes")))
            .transpose()
    }
}
