//! The clients: each draws a ticket, asks what the ticket says, and writes down what came of it.

use {
    crate::{
        chance::Chance,
        history::{Line, Recorder, Reply},
        mix::{Flaw, Mix, Try},
    },
    serde_json::{Value, json},
    std::{
        sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
        thread,
        time::Duration,
    },
};

/// What the client library says of a connection that closes without a byte; it makes a 503 of that.
const NO_STATUS_LINE: &str = "Server did not provide a status line";

/// Seconds a client waits for an answer.
const PATIENCE: u64 = 8;

/// Where streams of this purpose begin.
const PURPOSE: u64 = 1 << 50;

/// Whom the clients ask, and as whom.
pub struct Desk {
    /// Where the nodes listen.
    pub nodes: Vec<String>,
    pub agents: Vec<Customer>,
    /// Who is paid.
    pub shop: String,
    /// Lamports of one unit.
    pub unit: u64,
}

/// An agent, as its client knows it.
pub struct Customer {
    pub key: String,
    /// A key without the scope to pay.
    pub reader: String,
}

/// What the clients share.
#[derive(Default)]
pub struct Counters {
    tickets: AtomicU64,
    pub sent: AtomicU64,
    /// New payments of the one agent.
    pub admitted: AtomicU64,
    /// And of the bystanders.
    pub beside: AtomicU64,
    pub denied: AtomicU64,
    pub replayed: AtomicU64,
    pub refused: AtomicU64,
    pub unavailable: AtomicU64,
    pub lost: AtomicU64,
    /// Set when the clients are to stop.
    pub stop: AtomicBool,
}

/// Asks until it is told to stop.
pub fn work(number: u64, desk: &Desk, mix: &Mix, counters: &Counters, recorder: &Recorder) {
    let mut chance = Chance::new(mix.seed, PURPOSE + number);
    while !counters.stop.load(Relaxed) {
        let ticket = counters.tickets.fetch_add(1, Relaxed);
        let one = mix.draw(ticket);
        let node = usize::try_from(chance.below(desk.nodes.len() as u64)).unwrap();
        let (agent, key, units) = (one.agent, one.key.clone(), one.units);
        let flaw = one.flaw.map(|flaw| format!("{flaw:?}"));
        recorder.write(|at| Line::Asked {
            at,
            ticket,
            node,
            agent,
            key,
            units,
            flaw,
        });
        let reply = desk.ask(node, &one);
        counters.count(&one, &reply);
        let pause = match reply {
            Reply::NotSent | Reply::Lost => chance.between(30, 150),
            Reply::Http { status: 500.., .. } => chance.between(50, 300),
            Reply::Http { .. } => 0,
        };
        recorder.write(|at| Line::Answered { at, ticket, reply });
        thread::sleep(Duration::from_millis(pause));
    }
}

impl Counters {
    fn count(&self, one: &Try, reply: &Reply) {
        let counter = match reply {
            Reply::NotSent => return,
            Reply::Lost => &self.lost,
            Reply::Http {
                status: 202,
                replayed: true,
                ..
            } => &self.replayed,
            Reply::Http { status: 202, .. } if one.agent == 0 => &self.admitted,
            Reply::Http { status: 202, .. } => &self.beside,
            Reply::Http {
                status: 403,
                code: Some(code),
                ..
            } if code.starts_with("POLICY_") => &self.denied,
            Reply::Http { status: 500.., .. } => &self.unavailable,
            Reply::Http { .. } => &self.refused,
        };
        counter.fetch_add(1, Relaxed);
        self.sent.fetch_add(1, Relaxed);
    }
}

impl Desk {
    fn ask(&self, node: usize, one: &Try) -> Reply {
        let customer = &self.agents[one.agent];
        let key = if one.flaw == Some(Flaw::NoScope) {
            &customer.reader
        } else {
            &customer.key
        };
        let mut request = minreq::post(format!("{}/api/v1/transactions", self.nodes[node]))
            .with_timeout(PATIENCE)
            .with_header("Authorization", format!("Bearer {key}"))
            .with_header("Content-Type", "application/json");
        if one.flaw != Some(Flaw::NoKey) {
            request = request.with_header("Idempotency-Key", &one.key);
        }
        match request.with_body(self.body(one)).send() {
            Ok(answer) if answer.reason_phrase == NO_STATUS_LINE => Reply::Lost,
            Ok(answer) => {
                let says = |(name, value): &(String, String)| {
                    name.eq_ignore_ascii_case("idempotency-replayed") && value == "true"
                };
                let replayed = answer.headers.iter().any(says);
                read(answer.status_code, answer.as_bytes(), replayed)
            }
            Err(minreq::Error::IoError(error)) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
                Reply::NotSent
            }
            Err(_) => Reply::Lost,
        }
    }

    fn body(&self, one: &Try) -> String {
        let amount = (one.units * self.unit).to_string();
        let good = json!({"to": self.shop, "amount": amount});
        let with = |name: &str, value: Value| {
            let mut body = good.clone();
            body[name] = value;
            body.to_string()
        };
        match one.flaw {
            None | Some(Flaw::NoKey | Flaw::NoScope) => good.to_string(),
            Some(Flaw::NotJson) => format!("{good}}}"),
            Some(Flaw::Negative) => with("amount", json!(format!("-{amount}"))),
            Some(Flaw::Float) => with("amount", json!(1.5)),
            Some(Flaw::TooLarge) => with("amount", json!("9223372036854775808")),
            // A Cyrillic letter among the Latin ones.
            Some(Flaw::Homoglyph) => with("to", json!(format!("а{}", &self.shop[1..]))),
            Some(Flaw::UnknownField) => with("ammount", json!(amount)),
            Some(Flaw::DuplicateField) => good.to_string().replacen('{', &format!(r#"{{"amount":"{amount}","#), 1),
        }
    }
}

fn read(status: u16, body: &[u8], replayed: bool) -> Reply {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |name: &str| body[name].as_str().map(str::to_owned);
    Reply::Http {
        status,
        code: text("code"),
        payment: text("id").or_else(|| text("transactionId")),
        state: text("status"),
        replayed,
    }
}
