//! The API as the commands call it: one request, one answer, and an error that says what to do.

use {
    crate::{
        money::Unit,
        trust::{Trust, TrustError, reason},
    },
    portreeve_kernel::{Asset, Code, Mint, Secret},
    reqwest::{Method, StatusCode, redirect},
    serde::{Deserialize, Serialize, de::DeserializeOwned},
    serde_json::Value,
    std::{fmt, net::IpAddr, time::Duration},
};

/// How long one request may take. Payments are answered before the chain is; nothing takes longer than a few seconds.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long an answer may take that comes in pieces: longer than a server tells of changes.
const PATIENCE_IN_PIECES: Duration = Duration::from_secs(2 * 60 * 60);

/// A server and the key to ask it with.
pub(crate) struct Client {
    http: reqwest::Client,
    server: String,
    key: Secret,
    trust: Trust,
}

/// An answer: as it came, and the part of it that a table shows.
#[derive(Debug)]
pub(crate) struct Answer<T> {
    /// For `--json`.
    pub(crate) raw: Value,
    /// For people.
    pub(crate) view: T,
}

/// One page of a list.
#[derive(Debug, Deserialize)]
pub(crate) struct Page<T> {
    /// What is on it.
    pub(crate) items: Vec<T>,
    /// Where the next one starts; `None` on the last.
    pub(crate) cursor: Option<String>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    /// The server says no.
    #[error("{0}")]
    Refused(Box<Refusal>),
    /// The server cannot be reached.
    #[error(
        "`{server}` does not answer: {cause}\nIs `portreeve serve` running there?{}",
        over_tls(server)
    )]
    Unreachable {
        /// Where.
        server: String,
        /// Why.
        cause: String,
    },
    /// Nobody knows who it is.
    #[error("`{server}` is not who it should be: {cause}\n{advice}")]
    Untrusted {
        /// Where.
        server: String,
        /// Why.
        cause: String,
        /// What to do about it.
        advice: String,
    },
    /// Nothing can vouch for servers.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// A key would travel for all to read.
    #[error("`{0}` is neither https nor on this machine; the API key would travel for all to read")]
    InTheClear(String),
    /// An answer that is not Portreeve's.
    #[error("`{server}` does not answer as Portreeve does: {cause}")]
    Strange {
        /// Where.
        server: String,
        /// What is odd.
        cause: String,
    },
}

/// A problem document (RFC 9457), as it came and as far as it is printed.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// For `--json`.
    pub(crate) raw: Value,
    problem: Problem,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Problem {
    code: String,
    title: String,
    status: u16,
    #[serde(default)]
    retryable: bool,
    detail: Option<String>,
    param: Option<String>,
    request_id: Option<String>,
    #[serde(default)]
    violations: Vec<Value>,
    max_amount_now: Option<String>,
    passes_at: Option<String>,
    /// Seconds.
    retry_after: Option<u32>,
    transaction_id: Option<String>,
    mint: Option<Mint>,
    decimals: Option<u8>,
}

impl Problem {
    /// What its amounts are counted in.
    fn unit(&self) -> Unit {
        self.mint
            .map_or(Unit::SOL, |mint| Unit::of(Asset::Token(mint), self.decimals))
    }
}

impl ClientError {
    /// When the same request passes that came too soon.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused(refusal) => refusal
                .problem
                .retry_after
                .map(|seconds| Duration::from_secs(seconds.into())),
            _ => None,
        }
    }

    /// True when the same request may succeed later, or may have succeeded already.
    pub(crate) fn is_worth_repeating(&self) -> bool {
        match self {
            Self::Refused(refusal) => refusal.problem.retryable,
            Self::Unreachable { .. } | Self::Strange { .. } => true,
            Self::InTheClear(_) | Self::Untrusted { .. } | Self::Trust(_) => false,
        }
    }
}

impl Refusal {
    /// True when a policy said no.
    pub(crate) fn is_policy(&self) -> bool {
        self.problem.status == 403 && self.problem.code.starts_with("POLICY_")
    }

    /// True when the key is good, and not for this.
    pub(crate) fn is_about_scopes(&self) -> bool {
        self.problem.code == Code::AuthScopeInsufficient.as_str()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Problem {
            code, title, detail, ..
        } = &self.problem;
        write!(f, "{title} ({code})")?;
        let help = Code::ALL
            .iter()
            .find(|known| known.as_str() == code)
            .map(|known| known.help());
        if let Some(detail) = detail.as_deref().filter(|detail| Some(*detail) != help) {
            write!(f, ": {detail}")?;
        }
        let mut line = |name: &str, value: Option<&str>| match value {
            Some(value) => write!(f, "\n  {name}: {value}"),
            None => Ok(()),
        };
        line("field", self.problem.param.as_deref())?;
        for violation in &self.problem.violations {
            line("rule", Some(&rule(violation, self.problem.unit())))?;
        }
        line(
            "would pass now",
            self.problem
                .max_amount_now
                .as_deref()
                .map(|units| self.problem.unit().show_whole(units))
                .as_deref(),
        )?;
        line("would pass at", self.problem.passes_at.as_deref())?;
        line("transaction", self.problem.transaction_id.as_deref())?;
        line("what to do", help)?;
        line("request", self.problem.request_id.as_deref())
    }
}

/// One violation in a line: its code, and the numbers it has. A field error has a parameter and a detail instead.
pub(crate) fn rule(violation: &Value, unit: Unit) -> String {
    let text = |name: &str| violation.get(name).and_then(Value::as_str);
    let money = |name: &str| text(name).map(|amount| format!("{name} {}", unit.show(amount)));
    let numbers: Vec<String> = ["limit", "used", "requested", "remaining"]
        .into_iter()
        .filter_map(money)
        .collect();
    let window = text("window").map(|window| format!("in {window}"));
    let until = text("passesAt").map(|at| format!("passes at {at}"));
    let numbers = (!numbers.is_empty()).then(|| numbers.join(", "));
    let words = [
        text("param").map(str::to_owned),
        text("code").map(str::to_owned),
        text("detail").map(str::to_owned),
    ];
    words
        .into_iter()
        .chain([window, numbers, until])
        .flatten()
        .collect::<Vec<_>>()
        .join("; ")
}

impl Client {
    /// For the server at `server`, such as `https://127.0.0.1:8787`, when `trust` says that it is that one.
    pub(crate) fn new(server: &str, key: Secret, trust: &Trust) -> Result<Self, ClientError> {
        let server = server.trim_end_matches('/').to_owned();
        if !is_private(&server) {
            return Err(ClientError::InTheClear(server));
        }
        // The key goes to this server and to nobody it points at.
        let http = trust
            .client(&server)?
            .timeout(PATIENCE)
            .redirect(redirect::Policy::none())
            .build();
        match http {
            Ok(http) => Ok(Self {
                http,
                server,
                key,
                trust: trust.clone(),
            }),
            Err(cause) => Err(ClientError::Unreachable {
                server,
                cause: reason(&cause),
            }),
        }
    }

    /// Reads.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<Answer<T>, ClientError> {
        self.send(self.request(Method::GET, path)).await
    }

    /// Acts.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<Answer<T>, ClientError> {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    /// Changes.
    pub(crate) async fn patch<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Result<Answer<T>, ClientError> {
        self.send(self.request(Method::PATCH, path).json(body)).await
    }

    /// Acts on money: the same key never pays twice.
    pub(crate) async fn post_once<T: DeserializeOwned>(
        &self,
        path: &str,
        idempotency_key: &str,
        body: &impl Serialize,
    ) -> Result<Answer<T>, ClientError> {
        let request = self
            .request(Method::POST, path)
            .header("Idempotency-Key", idempotency_key);
        self.send(request.json(body)).await
    }

    /// Removes.
    pub(crate) async fn delete(&self, path: &str) -> Result<(), ClientError> {
        self.send::<()>(self.request(Method::DELETE, path)).await.map(|_| ())
    }

    /// Hands a message to the MCP endpoint. What comes back, refusals too, is the caller's to read, as it comes.
    pub(crate) async fn ask_mcp(
        &self,
        message: &Value,
        headers: &[(&'static str, String)],
    ) -> Result<reqwest::Response, ClientError> {
        let mut request = self
            .http
            .post(format!("{}/mcp", self.server))
            .bearer_auth(self.key.expose())
            .timeout(PATIENCE_IN_PIECES)
            .header("accept", "application/json, text/event-stream");
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        request.json(message).send().await.map_err(|cause| self.lost(cause))
    }

    fn lost(&self, cause: reqwest::Error) -> ClientError {
        let server = self.server.clone();
        let advice = self.trust.advice(&cause);
        let cause = reason(&cause.without_url());
        match advice {
            Some(advice) => ClientError::Untrusted { server, cause, advice },
            None => ClientError::Unreachable { server, cause },
        }
    }

    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let url = format!("{}/api/v1{path}", self.server);
        self.http.request(method, url).bearer_auth(self.key.expose())
    }

    async fn send<T: DeserializeOwned>(&self, request: reqwest::RequestBuilder) -> Result<Answer<T>, ClientError> {
        let lost = |cause| self.lost(cause);
        let strange = |cause: String| ClientError::Strange {
            server: self.server.clone(),
            cause,
        };
        let response = request.send().await.map_err(lost)?;
        let status = response.status();
        let body = response.bytes().await.map_err(lost)?;
        let raw = match status {
            StatusCode::NO_CONTENT => Value::Null,
            _ => serde_json::from_slice(&body).map_err(|_| strange(format!("status {status} without JSON")))?,
        };
        if !status.is_success() {
            let problem = Problem::deserialize(&raw).map_err(|error| strange(format!("status {status}, {error}")))?;
            return Err(ClientError::Refused(Box::new(Refusal { raw, problem })));
        }
        let view = T::deserialize(&raw).map_err(|error| strange(error.to_string()))?;
        Ok(Answer { raw, view })
    }
}

/// What somebody may have forgotten who called `server`.
fn over_tls(server: &str) -> &'static str {
    match server.starts_with("http:") {
        true => " By default it speaks TLS: call it with `https:`",
        false => "",
    }
}

/// Whether what is sent there can be read by nobody on the way.
fn is_private(server: &str) -> bool {
    let Ok(url) = reqwest::Url::parse(server) else {
        return false;
    };
    let local = |host: &str| {
        let ip = host.trim_matches(['[', ']']).parse::<IpAddr>();
        host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback())
    };
    match url.scheme() {
        "https" => true,
        "http" => url.host_str().is_some_and(local),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use {super::*, crate::home::Home, serde_json::json, std::path::Path};

    #[test]
    fn a_key_does_not_travel_in_the_clear() {
        for (server, goes) in [
            ("http://127.0.0.1:8787", true),
            ("http://localhost:1", true),
            ("http://[::1]:8787", true),
            ("https://portreeve.example", true),
            ("http://portreeve.example", false),
            ("http://127.0.0.1.example", false),
            ("http://localhost@portreeve.example", false),
            ("ftp://localhost", false),
            ("localhost:8787", false),
        ] {
            let made = Client::new(
                server,
                Secret::new("k".into()),
                &Trust::of(&Home::at(Path::new("/nowhere"))),
            );
            assert_eq!(made.is_ok(), goes, "{server}");
        }
    }

    fn refusal(raw: Value) -> Refusal {
        Refusal {
            problem: Problem::deserialize(&raw).unwrap(),
            raw,
        }
    }

    #[test]
    fn a_refusal_says_which_rule_what_would_pass_and_what_to_do() {
        let refusal = refusal(json!({
            "code": "POLICY_DAILY_LIMIT_EXCEEDED", "title": "Above the limit of 24 hours", "status": 403,
            "detail": "1 lamport too much", "requestId": "req_1", "maxAmountNow": "500000000",
            "violations": [{"code": "POLICY_DAILY_LIMIT_EXCEEDED", "window": "24h", "limit": "5000000000",
                "used": "4500000000", "requested": "1000000000", "remaining": "500000000", "passesAt": "2026-01-02T00:00:01Z"}],
        }));
        assert!(refusal.is_policy());
        assert_eq!(
            refusal.to_string(),
            "Above the limit of 24 hours (POLICY_DAILY_LIMIT_EXCEEDED): 1 lamport too much\
             \n  rule: POLICY_DAILY_LIMIT_EXCEEDED; in 24h; limit 5 SOL, used 4.5 SOL, requested 1 SOL, remaining 0.5 SOL; \
             passes at 2026-01-02T00:00:01Z\
             \n  would pass now: 0.5 SOL\
             \n  what to do: Send at most `maxAmountNow`, or wait until `passesAt`.\
             \n  request: req_1"
        );
    }

    #[test]
    fn help_that_is_the_detail_already_is_not_said_twice() {
        let help = Code::AgentNotFound.help();
        let refusal =
            refusal(json!({"code": "AGENT_NOT_FOUND", "title": "Agent not found", "status": 404, "detail": help}));
        assert!(!refusal.is_policy());
        assert_eq!(refusal.to_string().matches(help).count(), 1);
    }

    #[test]
    fn a_code_that_is_newer_than_this_program_is_still_printed() {
        let refusal = refusal(json!({"code": "NEW_CODE", "title": "New", "status": 418}));
        assert_eq!(refusal.to_string(), "New (NEW_CODE)");
    }

    #[test]
    fn a_policy_that_is_not_valid_is_no_refusal_by_policy() {
        let refusal = refusal(json!({"code": "POLICY_INVALID", "title": "Policy not valid", "status": 400}));
        assert!(!refusal.is_policy());
    }
}
