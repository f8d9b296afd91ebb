//! The signer over its Unix socket: one connection per question, one frame each way.
//!
//! A lost connection says nothing about what was signed, so nothing here tries again by itself; whoever asks repeats
//! the same bytes.

use {
    crate::ports::{Signer, SignerError},
    async_trait::async_trait,
    portreeve_signing::{
        Receipt, frame,
        protocol::{Answer, Envelope, Outcome, Reply, Request},
    },
    std::{
        path::PathBuf,
        sync::{Mutex, PoisonError},
        time::Duration,
    },
    tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::UnixStream,
    },
};

/// How long one answer may take. Signing takes milliseconds; the signer's disk may not.
const PATIENCE: Duration = Duration::from_secs(5);

/// A client of the signer behind `socket`.
#[derive(Debug)]
pub struct SignerClient {
    socket: PathBuf,
    receipt: Mutex<Option<Receipt>>,
}

impl SignerClient {
    /// `receipt` is the newest one that was kept from earlier runs.
    #[must_use]
    pub const fn new(socket: PathBuf, receipt: Option<Receipt>) -> Self {
        Self {
            socket,
            receipt: Mutex::new(receipt),
        }
    }

    async fn exchange(&self, envelope: &Envelope) -> Result<Reply, String> {
        let request = frame::encode(envelope).map_err(|error| error.to_string())?;
        let mut stream = UnixStream::connect(&self.socket)
            .await
            .map_err(|error| error.to_string())?;
        stream.write_all(&request).await.map_err(|error| error.to_string())?;
        let mut header = [0; frame::HEADER];
        stream
            .read_exact(&mut header)
            .await
            .map_err(|error| error.to_string())?;
        let length = frame::body_length(header).map_err(|error| error.to_string())?;
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.map_err(|error| error.to_string())?;
        frame::decode(&body).map_err(|error| error.to_string())
    }

    fn remember(&self, newer: Receipt) {
        let mut held = self.receipt.lock().unwrap_or_else(PoisonError::into_inner);
        if held.is_none_or(|old| old.sequence < newer.sequence) {
            *held = Some(newer);
        }
    }
}

#[async_trait]
impl Signer for SignerClient {
    async fn ask(&self, request: Request) -> Result<Answer, SignerError> {
        let envelope = Envelope {
            seen: self.receipt(),
            request,
        };
        let exchange = tokio::time::timeout(PATIENCE, self.exchange(&envelope));
        let reply = match exchange.await {
            Ok(Ok(reply)) => reply,
            Ok(Err(why)) => return Err(SignerError::Unavailable(why)),
            Err(_) => {
                return Err(SignerError::Unavailable(format!(
                    "no answer within {} s",
                    PATIENCE.as_secs()
                )));
            }
        };
        if let Some(receipt) = reply.receipt {
            self.remember(receipt);
        }
        match reply.outcome {
            Outcome::Done(answer) => Ok(answer),
            Outcome::Refused(refusal) => Err(SignerError::Refused(refusal)),
        }
    }

    fn receipt(&self) -> Option<Receipt> {
        *self.receipt.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
