//! Who is signed in, for the pages of other services.

use {
    crate::people::People,
    axum::http::HeaderMap,
    portreeve_guard::{Origin, Problem},
    portreeve_kernel::{AuthMethod, Cluster, Credential, Principal, Tier, control::Boxed},
    portreeve_pages::{Visitor, Visitors},
    portreeve_policy::roles,
    portreeve_store::{Fetch, Sql, StoreError},
};

impl People {
    async fn visit(&self, headers: &HeaderMap) -> Result<Option<Visitor>, StoreError> {
        let Some(who) = self.signed_in(headers).await? else {
            return Ok(None);
        };
        let sql = Sql::new("SELECT cluster FROM projects WHERE id = $1");
        let row = self.keys.db.read().fetch_optional(sql.bind(&who.user.project)).await?;
        let Some(cluster) = row.map(|row| row.get::<Cluster>("cluster")).transpose()? else {
            return Ok(None);
        };
        let principal = Principal {
            owner: who.user.owner.clone(),
            project: who.user.project.clone(),
            environment: cluster.environment(),
            scopes: roles::grantable(&who.user.role),
            role: who.user.role.clone(),
            credential: Credential::Session(who.session.clone()),
            method: AuthMethod::Session,
            audience: self.keys.origin.as_str().into(),
            agent: None,
            user: Some(who.user.id.clone()),
            client: None,
            tier: Tier::Default,
            bypass: false,
        };
        Ok(Some(Visitor::new(
            principal,
            who.user.name.clone(),
            who.cookie().clone(),
        )))
    }
}

impl Visitors for People {
    fn origin(&self) -> Origin {
        self.keys.origin.clone()
    }

    fn visitor<'a>(&'a self, headers: &'a HeaderMap) -> Boxed<'a, Result<Option<Visitor>, Problem>> {
        Box::pin(async move {
            self.visit(headers)
                .await
                .map_err(|error| Problem::because(error.code(), error))
        })
    }
}
