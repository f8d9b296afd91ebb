//! Another signing key because somebody asks for one.

use {
    crate::{
        error::KeyError,
        keys::Keys,
        oauth::signing::{Rotated, Rotation, SigningError, SigningKeys},
    },
    portreeve_kernel::{Principal, Timestamp},
    portreeve_store::{StoreError, Tx},
    std::sync::Arc,
};

/// How often another node may be faster.
const TRIES: u8 = 5;

impl Keys {
    /// Has another key sign; gives the newest, and from when on. When this returns, this node goes by it.
    ///
    /// # Errors
    /// [`KeyError::CallerRevoked`], [`KeyError::Signing`], [`KeyError::Store`]. Asked again after an error, nothing is done
    /// twice unless the key leaked.
    pub(crate) async fn rotate(
        self: &Arc<Self>,
        signing: &SigningKeys,
        by: &Principal,
        why: Rotation,
    ) -> Result<(String, Timestamp), KeyError> {
        let mut outcome = Rotated::Outrun;
        for _ in 0..TRIES {
            let (keys, by, now) = (Arc::clone(self), by.clone(), self.clock.now());
            let fresh = signing.fresh()?;
            let unit = async move |tx: &mut Tx| {
                keys.still_good(tx, &by.credential, now).await?;
                let who = by.credential.to_string();
                Ok::<_, KeyError>(fresh.take_over(tx, why, &who, now.for_expiry()).await?)
            };
            outcome = self.db.write(unit).await?;
            if outcome != Rotated::Outrun {
                break;
            }
        }
        if outcome == Rotated::Outrun {
            return Err(StoreError::Overloaded.into());
        }
        signing.look().await?;
        Ok(signing.newest().ok_or(SigningError::None)?)
    }
}
