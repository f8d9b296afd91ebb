//! What is left of a body when its request has been answered.
//!
//! A request may be refused by its head alone. Clients often send the body a moment later; when nobody reads it, the
//! connection has to end, and a client that goes on with it meanwhile learns of that by a request that fails. So what is
//! left is read first, if it is little and comes soon; else the answer says that the connection ends.

use {
    axum::{
        body::{Body, Bytes, HttpBody},
        http::{HeaderMap, header},
    },
    hyper::body::{Frame, Incoming, SizeHint},
    std::{
        pin::Pin,
        sync::{Arc, Mutex, PoisonError},
        task::{Context, Poll},
        time::Duration,
    },
    tokio::time::timeout,
};

/// As much as any request may hold: whoever sends more is not waited for.
const MOST: usize = 64 * 1024;

/// How long the rest may take to come.
const PATIENCE: Duration = Duration::from_secs(1);

/// Where a body is put that nobody read to its end.
type Shelf = Arc<Mutex<Option<Incoming>>>;

/// A body that is lent to whoever answers.
struct Lent {
    body: Option<Incoming>,
    shelf: Shelf,
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        let polled = Pin::new(body).poll_frame(context);
        if let Poll::Ready(None) = polled {
            // Read to its end: nothing is left of it.
            self.body = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body
            .as_ref()
            .map_or_else(|| SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(body) = self.body.take().filter(|body| !body.is_end_stream()) {
            *self.shelf.lock().unwrap_or_else(PoisonError::into_inner) = Some(body);
        }
    }
}

/// What was not read of a body.
pub(super) struct Rest(Option<Left>);

struct Left {
    shelf: Shelf,
    /// The client sends nothing before it is told to.
    waits_to_be_told: bool,
}

/// Lends `body`, which came with `headers`, to whoever answers.
pub(super) fn lend(body: Incoming, headers: &HeaderMap) -> (Body, Rest) {
    // As of most requests: there is none.
    if body.is_end_stream() {
        return (Body::empty(), Rest(None));
    }
    let shelf = Shelf::default();
    let lent = Lent {
        body: Some(body),
        shelf: Arc::clone(&shelf),
    };
    let waits_to_be_told = headers.contains_key(header::EXPECT);
    let left = Left {
        shelf,
        waits_to_be_told,
    };
    (Body::new(lent), Rest(Some(left)))
}

impl Rest {
    /// Reads what is left; false when the connection cannot go on. A client that waits to be told to send its body is not
    /// told so now.
    pub(super) async fn read_up(self) -> bool {
        let Some(left) = self.0 else {
            return true;
        };
        let Some(body) = left.shelf.lock().unwrap_or_else(PoisonError::into_inner).take() else {
            return true;
        };
        let too_much = u64::try_from(MOST).is_ok_and(|most| body.size_hint().lower() > most);
        if left.waits_to_be_told || too_much {
            return false;
        }
        timeout(PATIENCE, read(body)).await.unwrap_or(false)
    }
}

/// Reads to the end; false when that is too far away.
async fn read(mut body: Incoming) -> bool {
    let mut size: usize = 0;
    loop {
        match std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
            None => return true,
            Some(Err(_)) => return false,
            Some(Ok(frame)) => {
                size = size.saturating_add(frame.data_ref().map_or(0, Bytes::len));
                if size > MOST {
                    return false;
                }
            }
        }
    }
}
