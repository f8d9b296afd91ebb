//! `/healthz` and `/readyz`: does the process answer, and can it work?

use {
    axum::extract::State,
    portreeve_guard::{Health, health::Status},
    portreeve_store::Database,
    portreeve_wallet::{
        ports::{Chain, Signer},
        rpc::RpcChain,
    },
    std::{sync::Arc, time::Duration},
    tokio::time::timeout,
};

/// How long one of the things we need may take to say that it is there.
const PATIENCE: Duration = Duration::from_secs(2);

/// What the server cannot work without.
#[derive(Clone)]
pub(super) struct Needs {
    pub(super) database: Database,
    pub(super) chain: Arc<RpcChain>,
    pub(super) signer: Arc<dyn Signer>,
}

impl Needs {
    /// Looks at each, all at once.
    pub(super) async fn look(&self) -> Health {
        let database = timeout(PATIENCE, self.database.ready());
        let chain = timeout(PATIENCE, self.chain.finalized_height());
        let signer = timeout(PATIENCE, self.signer.health());
        let (database, chain, signer) = tokio::join!(database, chain, signer);
        let status = |works: bool| if works { Status::Ok } else { Status::Down };
        Health::of([
            ("database", status(matches!(database, Ok(Ok(()))))),
            ("chain", status(matches!(chain, Ok(Ok(_))))),
            // A frozen signer lives, and signs nothing.
            ("signer", status(matches!(signer, Ok(Ok(health)) if !health.frozen))),
        ])
    }
}

/// Does the process answer?
#[utoipa::path(
    get, path = "/healthz", tag = "operations", operation_id = "getHealth", security(()),
    responses((status = 200, body = Health, description = "It does"))
)]
pub(super) async fn alive() -> Health {
    Health::alive()
}

/// Can it work? Names what is missing.
#[utoipa::path(
    get, path = "/readyz", tag = "operations", operation_id = "getReadiness", security(()),
    responses(
        (status = 200, body = Health, description = "Database, chain and signer are there"),
        (status = 503, body = Health, description = "One of them is not"),
    )
)]
pub(super) async fn ready(State(needs): State<Needs>) -> Health {
    needs.look().await
}
