//! Sessions that are whoever's began them. The older revisions of MCP need some for what their conformance suite asks; the
//! product has none.
//!
//! What must stay true: to everybody but who began it a session is not there; and it stands for no credential, because each
//! request is authenticated as if there were none.

use {
    futures_util::Stream,
    portreeve_kernel::{Credential, Principal},
    rmcp::{
        model::{ClientJsonRpcMessage, ServerJsonRpcMessage},
        transport::streamable_http_server::session::{
            ServerSseMessage, SessionId, SessionManager,
            local::{LocalSessionManager, LocalSessionManagerError},
        },
    },
    std::{
        collections::HashMap,
        sync::{Arc, Mutex, MutexGuard, PoisonError},
    },
};

tokio::task_local! {
    /// Whose request rmcp is handling.
    pub(super) static CALLER: Arc<Principal>;
}

/// What went wrong with a session.
#[derive(Debug, thiserror::Error)]
pub(super) enum SessionError {
    /// A session that nobody would own.
    #[error("nobody was authenticated")]
    Nobody,
    /// Of rmcp.
    #[error(transparent)]
    Local(#[from] LocalSessionManagerError),
}

/// rmcp's own sessions, each with the credential that began it.
#[derive(Debug, Default)]
pub(super) struct Bound {
    sessions: LocalSessionManager,
    begun_by: Mutex<HashMap<SessionId, Credential>>,
}

impl Bound {
    fn begun_by(&self) -> MutexGuard<'_, HashMap<SessionId, Credential>> {
        self.begun_by.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there is such a session, and the caller began it.
    pub(super) fn is_of(&self, id: &str, caller: &Principal) -> bool {
        self.begun_by().get(id) == Some(&caller.credential)
    }
}

impl SessionManager for Bound {
    type Error = SessionError;
    type Transport = <LocalSessionManager as SessionManager>::Transport;

    async fn create_session(&self) -> Result<(SessionId, Self::Transport), SessionError> {
        let caller = CALLER.try_with(|caller| caller.credential.clone());
        let caller = caller.map_err(|_| SessionError::Nobody)?;
        let (id, transport) = self.sessions.create_session().await?;
        self.begun_by().insert(id.clone(), caller);
        Ok((id, transport))
    }

    async fn has_session(&self, id: &SessionId) -> Result<bool, SessionError> {
        let is_callers = CALLER.try_with(|caller| self.is_of(id, caller)).unwrap_or(false);
        Ok(is_callers && self.sessions.has_session(id).await?)
    }

    /// Asked by rmcp itself too, once a session is over.
    async fn close_session(&self, id: &SessionId) -> Result<(), SessionError> {
        self.begun_by().remove(id);
        Ok(self.sessions.close_session(id).await?)
    }

    async fn initialize_session(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<ServerJsonRpcMessage, SessionError> {
        Ok(self.sessions.initialize_session(id, message).await?)
    }

    async fn create_stream(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, SessionError> {
        Ok(self.sessions.create_stream(id, message).await?)
    }

    async fn accept_message(&self, id: &SessionId, message: ClientJsonRpcMessage) -> Result<(), SessionError> {
        Ok(self.sessions.accept_message(id, message).await?)
    }

    async fn create_standalone_stream(
        &self,
        id: &SessionId,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, SessionError> {
        Ok(self.sessions.create_standalone_stream(id).await?)
    }

    async fn resume(
        &self,
        id: &SessionId,
        last_event_id: String,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, SessionError> {
        Ok(self.sessions.resume(id, last_event_id).await?)
    }
}
