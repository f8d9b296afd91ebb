//! Access tokens by `client_credentials`, against oidc-provider with everything in memory. Both sign with Ed25519. Ours is
//! durable where it must be: clients and grants are rows, an assertion is written down before it is believed, and each token
//! goes into the audit log (alike ones of a minute as one entry).

use {
    crate::{
        Effort,
        estate::{Chance, Wall},
        load::Until,
        peers,
        result::{Measurement, Target},
        served::{Client, SCOPE, SETTING, Served},
        side::{self, CONNECTIONS, Side},
    },
    jsonwebtoken::{Algorithm, EncodingKey, Header, jwk::Jwk},
    portreeve_kernel::{Clock as _, Entropy as _, id::random_base32},
    serde_json::{Value, json},
    std::{path::Path, time::Duration},
};

/// How long a token of ours is good, and so one of the peer's, in seconds.
const LIFE: u64 = 900;

const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Measures on an installation in `folder`.
pub(crate) async fn measure(effort: Effort, folder: &Path) -> Measurement {
    let mut result = Measurement::new("tokens");
    let (served, server) = Served::start(folder, CONNECTIONS).await;
    let rounds = effort.pick(5, 1);
    let length = effort.pick(Duration::from_secs(2), Duration::from_millis(300));
    // Each is good once, so that they are counted and not timed.
    let asserted = effort.pick(4_000, CONNECTIONS);
    let done = tokio::task::spawn_blocking(move || {
        let signer = Signer::new();
        let (knowing, signing) = (
            served.clients(server.address, None),
            served.clients(server.address, Some(&signer.jwks)),
        );
        let peer = peers::node("oidc.mjs", &told(&served, &knowing, &signing, &signer));
        let peer_issuer = format!("http://{}", peer.address);
        let (mut ours, mut peer) = (Side::new(server), Side::new(peer));
        let requests = |path| -> Vec<Vec<u8>> {
            knowing
                .iter()
                .map(|client| served.token_request(path, client))
                .collect()
        };
        side::in_turn(
            &mut [(&mut peer, &requests("/token")), (&mut ours, &requests("/oauth/token"))],
            rounds,
            length,
        );
        let by_secret = (ours.taken(), peer.taken());
        let words = [ours.words("ours"), peer.words("oidc-provider")];
        for _ in 0..effort.pick(3, 1) {
            for (side, path, issuer) in [
                (&mut peer, "/token", peer_issuer.as_str()),
                (&mut ours, "/oauth/token", served.issuer()),
            ] {
                let clients = signing.iter().cycle().take(asserted);
                let requests: Vec<Vec<u8>> = clients
                    .map(|client| {
                        let jwt = signer.assertion(&client.id, issuer);
                        served.form(
                            path,
                            &[("client_assertion_type", ASSERTION), ("client_assertion", &jwt)],
                        )
                    })
                    .collect();
                side.round(&requests, Until::AllAnswered);
            }
        }
        (by_secret, (ours.taken(), peer.taken()), words)
    });
    let (by_secret, by_assertion, words) = done.await.unwrap();
    result.with(
        "POST, client_credentials, client_secret_post; for information also private_key_jwt, each assertion used once",
    );
    result.with(SETTING);
    result.with(
        "peer: oidc-provider with its memory adapter, JWT access tokens (EdDSA) with the same scope, audience and life; one \
         process, without a log",
    );
    result.with(side::client(rounds, length));
    words.into_iter().for_each(|words| result.with(words));
    result.hold(
        "of the rate of oidc-provider",
        by_secret.0.rate() / by_secret.1.rate(),
        "×",
        Target::AtLeast(6.0),
    );
    by_secret.0.tell("ours", &mut result);
    by_secret.1.tell("oidc-provider", &mut result);
    let (ours, peer) = by_assertion;
    result.tell(
        "private_key_jwt: of the rate of oidc-provider",
        ours.rate() / peer.rate(),
        "×",
    );
    result.tell("private_key_jwt: ours", ours.rate(), "/s");
    result.tell("private_key_jwt: oidc-provider", peer.rate(), "/s");
    result
}

/// What oidc-provider is told: the same clients.
fn told(served: &Served, knowing: &[Client], signing: &[Client], signer: &Signer) -> Value {
    let knowing = knowing
        .iter()
        .map(|client| json!({"id": client.id, "secret": client.secret}));
    let signing = signing
        .iter()
        .map(|client| json!({"id": client.id, "jwks": signer.jwks}));
    json!({
        "clients": knowing.chain(signing).collect::<Vec<Value>>(),
        "scope": SCOPE,
        "resource": served.audience(),
        "seconds": LIFE,
    })
}

/// What clients sign with: one key for all, for they prove themselves one by one all the same.
struct Signer {
    key: EncodingKey,
    jwks: Value,
}

impl Signer {
    fn new() -> Self {
        let mut seed = [0; 32];
        Chance.fill(&mut seed);
        // PKCS #8 of an Ed25519 key (RFC 8410, 7).
        let prefix = [0x30, 0x2E, 2, 1, 0, 0x30, 5, 6, 3, 0x2B, 0x65, 0x70, 4, 0x22, 4, 0x20];
        let key = EncodingKey::from_ed_der(&[prefix.as_slice(), &seed].concat());
        let mut jwk = serde_json::to_value(Jwk::from_encoding_key(&key, Algorithm::EdDSA).unwrap()).unwrap();
        jwk["kid"] = "client".into();
        Self {
            key,
            jwks: json!({"keys": [jwk]}),
        }
    }

    /// One that no one has seen.
    fn assertion(&self, client: &str, issuer: &str) -> String {
        let now = Wall.now().for_expiry().seconds();
        let claims = json!({
            "iss": client,
            "sub": client,
            "aud": issuer,
            "iat": now,
            "exp": now + 300,
            "jti": random_base32(20, &Chance),
        });
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some("client".to_owned());
        jsonwebtoken::encode(&header, &claims, &self.key).unwrap()
    }
}
