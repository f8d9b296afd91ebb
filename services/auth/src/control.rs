//! What other services may ask of credentials, within their own transactions.

use {
    crate::{
        keys::{self, Keys},
        rows,
    },
    portreeve_kernel::{
        AgentId, Credential, KeyId, Now,
        control::{Boxed, CredentialCheck, CredentialControl},
    },
    portreeve_store::{StoreError, Tx},
    std::collections::BTreeSet,
};

impl CredentialControl<Tx, StoreError> for Keys {
    fn revoke_of_agent<'a>(&'a self, tx: &'a mut Tx, agent: &'a AgentId) -> Boxed<'a, Result<Vec<KeyId>, StoreError>> {
        Box::pin(async move {
            let now = self.clock.now();
            let mut revoked = Vec::new();
            for key in rows::bound_to(tx, agent).await? {
                let whose = (key.owner, key.project);
                self.end(tx, &key.id, &key.hash, now, agent.to_string(), whose).await?;
                revoked.push(key.id);
            }
            Ok(revoked)
        })
    }
}

impl CredentialCheck<Tx, StoreError> for Keys {
    fn good_among<'a>(
        &'a self,
        tx: &'a mut Tx,
        credentials: &'a BTreeSet<Credential>,
        now: Now,
    ) -> Boxed<'a, Result<BTreeSet<Credential>, StoreError>> {
        let ids = credentials.iter().map(|Credential::ApiKey(id)| id);
        Box::pin(async move {
            let good = keys::good_among(tx, ids, now).await?;
            Ok(good.into_iter().map(Credential::ApiKey).collect())
        })
    }
}
