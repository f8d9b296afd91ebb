//! Our server with as many agents as there are connections, each with a key, a client and a token of its own.

use {
    crate::{
        estate::{Estate, Tenant},
        load,
        process::{Installation, Server},
        processors::{self, Whose},
        side::CONNECTIONS,
    },
    serde_json::{Value, json},
    std::{net::SocketAddr, path::Path},
};

/// The scope that everything here takes.
pub(crate) const SCOPE: &str = "agents:read";

/// What all of it is measured with.
pub(crate) const SETTING: &str = "`portreeve serve` as `init` sets it up: SQLite, limiter, audit, access log to a file; differences: a free \
     port, no TLS as on the other side, the chain is the local one, and limits that this load stays within (each request is \
     counted)";

/// An installation that is served.
pub(crate) struct Served {
    installation: Installation,
    /// Agents with a key each, at least one for each connection.
    pub(crate) tenants: Vec<Tenant>,
    issuer: String,
}

/// An OAuth client.
pub(crate) struct Client {
    pub(crate) id: String,
    /// Unless it signs.
    pub(crate) secret: Option<String>,
}

impl Served {
    /// Makes and serves one in `folder`, with so many agents.
    pub(crate) async fn start(folder: &Path, agents: usize) -> (Self, Server) {
        let installation = Installation::new(folder);
        let estate = Estate::open(&installation.database()).await;
        let agents = estate.agents(agents).await;
        let tenants = estate.tenants(&agents, agents.len()).await;
        estate.database.close().await;
        let server = processors::on(Whose::Server, || installation.serve());
        let metadata = load::ask(server.address, &load::get("/.well-known/oauth-authorization-server")).json();
        let served = Self {
            installation,
            tenants,
            issuer: text(&metadata, "issuer"),
        };
        (served, server)
    }

    /// What the server calls itself.
    pub(crate) fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Whom its tokens are for.
    pub(crate) fn audience(&self) -> String {
        format!("{}/mcp", self.issuer)
    }

    /// A client for each agent; they sign when there are keys for it.
    pub(crate) fn clients(&self, server: SocketAddr, jwks: Option<&Value>) -> Vec<Client> {
        let owner = format!("Authorization: Bearer {}", self.installation.owner_key());
        let make = |tenant: &Tenant| {
            let mut body = json!({"name": "bench", "agentId": tenant.agent, "scopes": [SCOPE]});
            if let Some(jwks) = jwks {
                body["jwks"] = jwks.clone();
            }
            let headers = ["Content-Type: application/json", &owner];
            let request = load::post("/api/v1/auth/clients", &headers, &body.to_string());
            let made = load::ask(server, &request).json();
            Client {
                id: text(&made, "id"),
                secret: made["clientSecret"].as_str().map(str::to_owned),
            }
        };
        self.tenants.iter().map(make).collect()
    }

    /// A request for a token, by a client with a secret, to an issuer whose token endpoint is at `path`.
    pub(crate) fn token_request(&self, path: &str, client: &Client) -> Vec<u8> {
        let secret = client.secret.as_deref().unwrap_or_default();
        self.form(path, &[("client_id", &client.id), ("client_secret", secret)])
    }

    /// The same, with whatever proves who the client is.
    pub(crate) fn form(&self, path: &str, proof: &[(&str, &str)]) -> Vec<u8> {
        let audience = self.audience();
        let asked = [
            ("grant_type", "client_credentials"),
            ("scope", SCOPE),
            ("resource", audience.as_str()),
        ];
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(asked).extend_pairs(proof);
        let headers = ["Content-Type: application/x-www-form-urlencoded"];
        load::post(path, &headers, &body.finish())
    }

    /// A token for each agent.
    pub(crate) fn tokens(&self, server: SocketAddr) -> Vec<String> {
        let clients = self.clients(server, None);
        let ask = |client| {
            text(
                &load::ask(server, &self.token_request("/oauth/token", client)).json(),
                "access_token",
            )
        };
        clients.iter().map(ask).collect()
    }

    /// What the Fastify server has to be told so that it answers what `server` answers: agents, keys, and whose tokens are
    /// believed.
    pub(crate) fn told(&self, server: SocketAddr) -> Value {
        let tenants = &self.tenants[..CONNECTIONS];
        let answers: Vec<load::Answer> = (tenants.iter())
            .map(|tenant| load::ask(server, &load::request(tenant.agent.as_str(), &tenant.key)))
            .collect();
        let each = || tenants.iter().zip(&answers);
        let agents: serde_json::Map<_, _> = each()
            // As text, because the order of its members is part of it.
            .map(|(tenant, answer)| (tenant.agent.to_string(), Value::from(answer.body.clone())))
            .collect();
        let keys: serde_json::Map<_, _> = each()
            .map(|(tenant, _)| (hash(&tenant.key), json!({"agent": tenant.agent, "scopes": [SCOPE]})))
            .collect();
        json!({
            "agents": agents,
            "keys": keys,
            "headers": headers(&answers[0]),
            "jwks": load::ask(server, &load::get("/oauth/jwks")).json(),
            "issuer": self.issuer(),
            "audience": self.audience(),
            "limit": 100_000_000,
        })
    }
}

/// The headers that another server has to be told so that it answers as many bytes: not those that each says by itself, of this
/// one answer or of itself.
pub(crate) fn headers(answer: &load::Answer) -> Value {
    let own = ["content-length", "date", "connection", "x-request-id"];
    let headers = (answer.headers.iter())
        .filter(|(name, _)| !own.contains(&name.as_str()) && !name.starts_with("x-ratelimit-"))
        .map(|(name, value)| (name.clone(), Value::from(value.clone())));
    headers.collect::<serde_json::Map<_, _>>().into()
}

/// Hexadecimal, as the Fastify server looks keys up.
fn hash(key: &str) -> String {
    use {sha2::Digest, std::fmt::Write};
    let mut text = String::new();
    for byte in sha2::Sha256::digest(key.as_bytes()) {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// A member of `object` that is a string.
pub(crate) fn text(object: &Value, name: &str) -> String {
    let value = object[name].as_str();
    value.unwrap_or_else(|| panic!("no `{name}` in {object}")).to_owned()
}

/// Two servers answer each request alike; asked before they are measured.
pub(crate) fn answer_alike(one: SocketAddr, other: SocketAddr, requests: &[Vec<u8>]) {
    for request in requests {
        let bodies = [one, other].map(|server| load::ask(server, request).body);
        assert_eq!(bodies[0], bodies[1], "both answer the same");
    }
}
