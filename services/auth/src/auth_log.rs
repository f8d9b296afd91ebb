//! Who was let in and who was not, on its way into the audit log.

use {
    crate::{admissions::Admissions, refusals::Refusals},
    portreeve_guard::{Admission, AuditSink, Bypass, Refusal},
    portreeve_kernel::{Clock, Timestamp},
    portreeve_store::{AuditEntry, Database, StoreError},
    serde_json::json,
    std::{fmt, sync::Arc},
};

/// An entry for those that were only counted, because too many differed.
pub(crate) fn too_many(kind: &'static str, at: Timestamp, count: u64) -> AuditEntry {
    AuditEntry {
        at,
        kind: kind.into(),
        actor: "several".to_owned(),
        owner: None,
        project: None,
        subject: "several".to_owned(),
        data: json!({ "reason": "too_many_to_tell_apart", "count": count }),
    }
}

/// The [`AuditSink`] that writes to the store's audit log: refusals once a second, and who was let in once a minute.
pub struct AuthLog {
    refusals: Refusals,
    admissions: Admissions,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for AuthLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuthLog")
    }
}

impl AuditSink for AuthLog {
    fn refused(&self, refusal: &Refusal<'_>) {
        self.refusals.note(refusal, self.clock.now().for_expiry());
    }

    fn bypassed(&self, bypass: &Bypass<'_>) {
        self.refusals.note_bypass(bypass, self.clock.now().for_expiry());
    }

    fn admitted(&self, admission: &Admission<'_>) {
        self.admissions.note(admission, || self.clock.now().for_expiry());
    }
}

impl AuthLog {
    /// An empty one.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            refusals: Refusals::default(),
            admissions: Admissions::default(),
            clock,
        }
    }

    /// Writes down who was not let in. What could not be written is kept, as far as there is room.
    ///
    /// # Errors
    /// Why it could not be written.
    pub async fn flush(&self, db: &Database) -> Result<(), StoreError> {
        self.refusals.flush(db, self.clock.now().for_expiry()).await
    }

    /// Writes down who was let in; [`crate::upkeep()`] does so every minute.
    ///
    /// # Errors
    /// Why it could not be written; it is kept for the next time.
    pub async fn flush_admissions(&self, db: &Database) -> Result<(), StoreError> {
        self.admissions.flush(db, self.clock.now().for_expiry()).await
    }
}
