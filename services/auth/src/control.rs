//! What other services may ask of credentials, within their own transactions.

use {
    crate::{
        keys::{self, Keys},
        oauth::{agent_clients, grants},
        people, rows,
    },
    portreeve_kernel::{
        AgentId, Credential, KeyId, Now,
        control::{AgentClient, Boxed, CredentialCheck, CredentialControl, NewClientSecret},
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
            agent_clients::revoke_of_agent(tx, &self.recent_oauth, agent, now.for_expiry()).await?;
            Ok(revoked)
        })
    }

    fn client_for_agent<'a>(
        &'a self,
        tx: &'a mut Tx,
        new: &'a AgentClient,
        now: Now,
    ) -> Boxed<'a, Result<NewClientSecret, StoreError>> {
        Box::pin(agent_clients::make_for_agent(
            tx,
            new,
            &self.origin,
            &*self.entropy,
            now.for_expiry(),
        ))
    }

    fn stop_clients_of_agent<'a>(
        &'a self,
        tx: &'a mut Tx,
        agent: &'a AgentId,
        now: Now,
    ) -> Boxed<'a, Result<(), StoreError>> {
        Box::pin(agent_clients::stop_of_agent(
            tx,
            &self.recent_oauth,
            agent,
            now.for_expiry(),
        ))
    }

    fn resume_clients_of_agent<'a>(
        &'a self,
        tx: &'a mut Tx,
        agent: &'a AgentId,
        now: Now,
    ) -> Boxed<'a, Result<(), StoreError>> {
        Box::pin(agent_clients::resume_of_agent(
            tx,
            &self.recent_oauth,
            agent,
            &*self.entropy,
            now.for_expiry(),
        ))
    }
}

impl CredentialCheck<Tx, StoreError> for Keys {
    fn good_among<'a>(
        &'a self,
        tx: &'a mut Tx,
        credentials: &'a BTreeSet<Credential>,
        now: Now,
    ) -> Boxed<'a, Result<BTreeSet<Credential>, StoreError>> {
        let (mut api_keys, mut tokens, mut sessions) = (Vec::new(), Vec::new(), Vec::new());
        for credential in credentials {
            match credential {
                Credential::ApiKey(id) => api_keys.push(id),
                Credential::Token(id) => tokens.push(id),
                Credential::Session(id) => sessions.push(id),
            }
        }
        Box::pin(async move {
            let mut good = BTreeSet::new();
            // Keys before sessions before grants, as everywhere: who locks in one order waits for nobody who waits for them.
            if !api_keys.is_empty() {
                let ids = keys::good_among(tx, api_keys, now).await?;
                good.extend(ids.into_iter().map(Credential::ApiKey));
            }
            for id in sessions {
                if people::sessions::lock(tx, id).await? {
                    good.insert(Credential::Session(id.clone()));
                }
            }
            if !tokens.is_empty() {
                let ids = grants::good_among(tx, &tokens).await?;
                good.extend(ids.into_iter().map(Credential::Token));
            }
            Ok(good)
        })
    }
}
