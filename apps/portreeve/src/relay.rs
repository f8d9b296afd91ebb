//! MCP over standard input and output, for clients that start a program instead of calling an address: each request is
//! handed to the server's `/mcp`, and what that answers is written out. So it can do what HTTP can, with the same key.
//!
//! What must stay true: nothing but JSON-RPC messages, one a line, goes to standard output; and no request stays without
//! an answer unless its client took it back.

mod events;
mod message;

use {
    crate::client::Client,
    events::Events,
    message::{Kind, Message, failed},
    reqwest::{Response, header},
    serde_json::{Value, json},
    std::{
        collections::HashMap,
        io::{self, BufRead, Write},
        sync::{Arc, Mutex, PoisonError},
        thread,
    },
    tokio::{
        sync::{Semaphore, mpsc},
        task::{AbortHandle, JoinError, JoinSet},
    },
};

/// Requests that are with the server at a time; those beyond wait.
const AT_ONCE: usize = 16;

/// Lines that were read and not looked at yet.
const AHEAD: usize = 64;

/// The server did not answer as it should; a code of ours, outside of those that MCP has reserved.
const NO_ANSWER: i32 = -32000;

/// A client on this side, a server on the other.
struct Relay {
    client: Client,
    /// The version of the handshake, once there was one.
    version: Mutex<Option<String>>,
    slots: Semaphore,
}

/// A request that is with the server.
struct Open {
    task: AbortHandle,
    is_subscription: bool,
}

/// Relays until standard input ends and what was asked by then is answered.
///
/// # Errors
/// When standard input cannot be read, or standard output not written.
pub(crate) async fn run(client: Client) -> io::Result<()> {
    let relay = Arc::new(Relay {
        client,
        version: Mutex::new(None),
        slots: Semaphore::new(AT_ONCE),
    });
    let mut lines = read_lines();
    let mut work: JoinSet<io::Result<()>> = JoinSet::new();
    let mut open: HashMap<String, Open> = HashMap::new();
    loop {
        let line = tokio::select! {
            line = lines.recv() => line,
            Some(ended) = work.join_next() => {
                written(ended)?;
                open.retain(|_, open| !open.task.is_finished());
                continue;
            }
        };
        let Some(line) = line.transpose()? else { break };
        match Message::read(&line) {
            Err(answer) => say(&answer)?,
            Ok(message) => match message.kind {
                Kind::Other => {}
                Kind::Cancels(id) => {
                    // The server hears of it by the end of the connection.
                    if let Some(taken_back) = open.remove(&id) {
                        taken_back.task.abort();
                    }
                }
                Kind::Request => {
                    let (id, is_subscription) = (message.id.to_string(), message.is_subscription());
                    let relay = Arc::clone(&relay);
                    let task = work.spawn(async move { relay.serve(message).await });
                    open.insert(id, Open { task, is_subscription });
                }
            },
        }
    }
    // Nobody is there to be told of changes; what was asked is answered.
    let subscriptions = open.values().filter(|open| open.is_subscription);
    subscriptions.for_each(|open| open.task.abort());
    while let Some(ended) = work.join_next().await {
        written(ended)?;
    }
    Ok(())
}

/// The lines of standard input that are not empty. On a thread of its own, because reading it cannot be given up.
fn read_lines() -> mpsc::Receiver<io::Result<String>> {
    let (lines, read) = mpsc::channel(AHEAD);
    thread::spawn(move || {
        let all = io::stdin().lock().lines();
        let some = all.filter(|line| line.as_ref().map_or(true, |line| !line.trim().is_empty()));
        for line in some {
            if lines.blocking_send(line).is_err() {
                return;
            }
        }
    });
    read
}

/// What became of a task. One that was taken back has not failed.
fn written(ended: Result<io::Result<()>, JoinError>) -> io::Result<()> {
    match ended {
        Ok(outcome) => outcome,
        Err(error) if error.is_cancelled() => Ok(()),
        Err(error) => Err(io::Error::other(error)),
    }
}

/// Writes one message.
fn say(message: &Value) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{message}")?;
    out.flush()
}

impl Relay {
    /// Asks the server, and writes out all that it says.
    async fn serve(&self, message: Message) -> io::Result<()> {
        let id = message.id.clone();
        // Never closed, so there is always one to be had.
        let _slot = self.slots.acquire().await.map_err(io::Error::other)?;
        let negotiated = self.version.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let headers = message.headers(negotiated.as_deref());
        match self.client.ask_mcp(&message.body, &headers).await {
            Ok(response) => self.pass_on(message, response).await,
            Err(error) => say(&failed(Some(&id), NO_ANSWER, &error.to_string())),
        }
    }

    async fn pass_on(&self, message: Message, mut response: Response) -> io::Result<()> {
        let kind = response
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok());
        if kind.is_some_and(|kind| kind.starts_with("text/event-stream")) {
            let mut events = Events::default();
            let mut is_answered = false;
            while let Ok(Some(piece)) = response.chunk().await {
                for told in events.take(&piece) {
                    is_answered |= told.get("id") == Some(&message.id);
                    say(&told)?;
                }
            }
            if is_answered {
                return Ok(());
            }
            return say(&failed(
                Some(&message.id),
                NO_ANSWER,
                "the connection to the server broke off",
            ));
        }
        let status = response.status();
        let answer: Option<Value> = match response.bytes().await {
            Ok(body) => serde_json::from_slice(&body).ok(),
            Err(_) => None,
        };
        match answer {
            Some(answer) if answer.get("jsonrpc").is_some() => {
                if message.is_handshake() {
                    let version = answer.pointer("/result/protocolVersion").and_then(Value::as_str);
                    *self.version.lock().unwrap_or_else(PoisonError::into_inner) = version.map(str::to_owned);
                }
                say(&answer)
            }
            Some(problem) => say(&refused(&message.id, &problem)),
            None => {
                let why = format!("the server answered with status {status} and no message");
                say(&failed(Some(&message.id), NO_ANSWER, &why))
            }
        }
    }
}

/// A refusal before any message was looked at, such as of the key.
fn refused(id: &Value, problem: &Value) -> Value {
    let text = |name: &str| problem.get(name).and_then(Value::as_str).unwrap_or_default();
    let why = format!("{} ({}): {}", text("title"), text("code"), text("detail"));
    json!({"jsonrpc": "2.0", "id": id, "error": {"code": NO_ANSWER, "message": why, "data": problem}})
}
