//! How far a tool is, told to a client that asked to be told.

use {
    crate::context::RequestContext,
    rmcp::{
        Peer, RoleServer,
        model::{ProgressNotificationParam, ProgressToken},
    },
};

/// One call of a tool.
#[derive(Debug, Clone)]
pub struct Call {
    /// In which HTTP request.
    pub context: RequestContext,
    /// Where to tell how far it is.
    pub progress: Progress,
}

/// Tells the client how far a call is. Does nothing when it did not ask for that.
#[derive(Debug, Clone, Default)]
pub struct Progress(Option<(Peer<RoleServer>, ProgressToken)>);

impl Progress {
    pub(super) const fn to(asked: Option<(Peer<RoleServer>, ProgressToken)>) -> Self {
        Self(asked)
    }

    /// Says that `done` of `total` steps are done, and what the last one was. A client that has gone is not told.
    pub async fn tell(&self, done: u8, total: u8, message: impl Into<String>) {
        let Some((peer, token)) = &self.0 else { return };
        let told = ProgressNotificationParam::new(token.clone(), done.into())
            .with_total(total.into())
            .with_message(message);
        if let Err(error) = peer.notify_progress(told).await {
            tracing::debug!(%error, "nobody hears of the progress");
        }
    }
}
