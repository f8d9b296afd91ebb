//! The issuer is played: what it says, whether it says anything, and how often it was asked.

use {
    super::*,
    crate::limit::Limits,
    jsonwebtoken::{
        Algorithm, EncodingKey, Header,
        jwk::{AlgorithmParameters, Jwk},
    },
    portreeve_kernel::{GrantId, ManualClock, OwnerId, ProjectId, Seconds, Timestamp, entropy::Seeded},
    portreeve_oauth::{ClientId, Endpoints},
    portreeve_outbound::OutboundError,
    serde_json::{Value, json},
    std::{
        collections::BTreeMap,
        sync::{
            Mutex,
            atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
        },
        time::Duration,
    },
    tokio::{
        task::{JoinSet, yield_now},
        time::{Instant, advance, sleep},
    },
};

const ISSUER: &str = "https://p.example";
const REPORTS: &str = "https://reports.example/mcp";
const START: Timestamp = Timestamp::from_seconds(1_800_000_000);
const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 7));

/// How long a question is waited for that is not answered.
const HANGS: Duration = Duration::from_secs(5);

fn key(seed: u8) -> (EncodingKey, String) {
    let prefix = [
        0x30, 0x2E, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
    ];
    let secret = EncodingKey::from_ed_der(&[prefix.as_slice(), &[seed; 32]].concat());
    let jwk = Jwk::from_encoding_key(&secret, Algorithm::EdDSA).unwrap();
    let AlgorithmParameters::OctetKeyPair(pair) = jwk.algorithm else {
        panic!("an Ed25519 key")
    };
    (secret, pair.x)
}

struct Issuer {
    keys: Mutex<BTreeMap<String, String>>,
    good: Mutex<Value>,
    is_lost: AtomicBool,
    hangs: AtomicBool,
    looks: AtomicUsize,
    questions: AtomicUsize,
}

impl Issuer {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            keys: Mutex::new([("k1".to_owned(), key(1).1)].into()),
            good: Mutex::new(json!({"active": false})),
            is_lost: AtomicBool::new(false),
            hangs: AtomicBool::new(false),
            looks: AtomicUsize::new(0),
            questions: AtomicUsize::new(0),
        })
    }

    fn says(&self, answer: Value) {
        *self.good.lock().unwrap() = answer;
    }

    fn asked(&self) -> (usize, usize) {
        (self.looks.load(SeqCst), self.questions.load(SeqCst))
    }
}

#[async_trait::async_trait]
impl Trusted for Issuer {
    async fn document(&self, path: &str, _: usize) -> Result<Vec<u8>, OutboundError> {
        // Others come meanwhile.
        yield_now().await;
        if path == Endpoints::DOCUMENT {
            self.looks.fetch_add(1, SeqCst);
        }
        if self.hangs.load(SeqCst) {
            sleep(HANGS).await;
            return Err(OutboundError::TimedOut);
        }
        if self.is_lost.load(SeqCst) {
            return Err(OutboundError::TimedOut);
        }
        let document = if path == Endpoints::DOCUMENT {
            json!({
                "issuer": ISSUER, "jwks_uri": format!("{ISSUER}/keys"),
                "introspection_endpoint": format!("{ISSUER}/ask"),
            })
        } else {
            assert_eq!(path, "/keys");
            let keys = self.keys.lock().unwrap();
            let keys = keys
                .iter()
                .map(|(kid, x)| json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": x}));
            json!({"keys": keys.collect::<Vec<_>>()})
        };
        Ok(document.to_string().into_bytes())
    }

    async fn answer(&self, path: &str, form: &[(&str, &str)], _: usize) -> Result<Vec<u8>, OutboundError> {
        assert_eq!((path, form[0].0), ("/ask", "token"));
        self.questions.fetch_add(1, SeqCst);
        yield_now().await;
        if self.is_lost.load(SeqCst) {
            return Err(OutboundError::Status(503));
        }
        Ok(self.good.lock().unwrap().to_string().into_bytes())
    }
}

struct Server {
    issuer: Arc<Issuer>,
    clock: Arc<ManualClock>,
    limiter: Arc<Limiter>,
    remote: Arc<Remote>,
}

fn server(tokens: TokenCheck) -> Server {
    let (issuer, clock) = (Issuer::new(), Arc::new(ManualClock::at(START)));
    let trust = Trust {
        issuer: ISSUER.into(),
        audience: REPORTS.into(),
        environment: Environment::Test,
        tokens,
    };
    let limiter = Arc::new(Limiter::new(Limits::default()));
    Server {
        remote: Arc::new(Remote::new(trust, issuer.clone(), clock.clone(), limiter.clone())),
        issuer,
        clock,
        limiter,
    }
}

impl Server {
    async fn takes(&self, bearer: &str) -> Result<Arc<Principal>, AuthFailure> {
        self.remote.authenticate(bearer, HERE).await
    }
}

fn claims() -> AccessClaims {
    let chance = Seeded::new(1);
    AccessClaims {
        iss: ISSUER.to_owned(),
        sub: "usr_01ARYZ6S41TSV4RRFFQ69G5FAV".to_owned(),
        aud: REPORTS.to_owned(),
        exp: AccessClaims::ends(START).seconds(),
        iat: START.seconds(),
        jti: TokenId::new(&GrantId::new(START, &chance), &chance).to_string(),
        scope: "reports:read".parse().unwrap(),
        client_id: ClientId::parse("clt_000000000000").unwrap(),
        owner_id: OwnerId::new(START, &chance),
        project_id: ProjectId::new(START, &chance),
        agent_id: None,
        role: Some(Role::Custom("chief".into())),
        bypass: true,
    }
}

fn signed(claims: &AccessClaims, kid: &str, seed: u8) -> String {
    let mut header = Header::new(Algorithm::EdDSA);
    header.typ = Some("at+jwt".to_owned());
    header.kid = Some(kid.to_owned());
    jsonwebtoken::encode(&header, claims, &key(seed).0).unwrap()
}

/// What the issuer says of a token with these claims.
fn about(claims: &AccessClaims) -> Value {
    json!({
        "active": true, "scope": "reports:read", "client_id": claims.client_id, "sub": claims.sub, "aud": claims.aud,
        "iss": claims.iss, "exp": claims.exp, "iat": claims.iat, "jti": claims.jti, "token_type": "Bearer",
        "owner_id": claims.owner_id, "project_id": claims.project_id, "role": "chief",
    })
}

fn about_key() -> Value {
    let claims = claims();
    json!({
        "active": true, "scope": "reports:read", "sub": "key_0123456789AB", "aud": REPORTS, "iss": ISSUER,
        "key_id": "key_0123456789AB", "owner_id": claims.owner_id, "project_id": claims.project_id, "role": "owner",
    })
}

fn api_key() -> String {
    made("wai_test_", 0)
}

fn made(prefix: &str, seed: u64) -> String {
    secret_text::generate(prefix, &Seeded::new(seed)).expose().to_owned()
}

fn is_unavailable(outcome: Result<Arc<Principal>, AuthFailure>) -> bool {
    matches!(outcome, Err(AuthFailure::IssuerUnavailable(_)))
}

fn is_no_longer(outcome: Result<Arc<Principal>, AuthFailure>) -> bool {
    matches!(outcome, Err(AuthFailure::NoLonger(holder)) if about_key()["key_id"] == json!(holder.credential.to_string()))
}

fn is_invalid(outcome: Result<Arc<Principal>, AuthFailure>) -> bool {
    matches!(outcome, Err(AuthFailure::Invalid))
}

/// Lets whoever is at work and waits for nobody go on.
async fn settled() {
    for _ in 0..10 {
        yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_is_who_the_issuer_says_now() {
    let server = server(TokenCheck::Asked);
    let (claims, token) = (claims(), signed(&claims(), "k1", 1));
    server.issuer.says(about(&claims));
    let who = server.takes(&token).await.unwrap();
    assert_eq!(
        (who.role.as_str(), who.scopes.to_string().as_str()),
        ("chief", "reports:read")
    );
    assert!(!who.bypass, "whatever the token says");
    assert_eq!(who.user.as_ref().unwrap().as_str(), claims.sub);
    assert_eq!(
        (&*who.audience, who.client.as_deref()),
        (REPORTS, Some("clt_000000000000"))
    );
    let mut passes = about(&claims);
    passes["bypass"] = json!(true);
    server.issuer.says(passes);
    assert!(!server.takes(&token).await.unwrap().bypass, "remembered");
    advance(TOLD).await;
    assert!(server.takes(&token).await.unwrap().bypass);
    server.issuer.says(json!({"active": false}));
    advance(TOLD - Duration::from_millis(1)).await;
    assert!(server.takes(&token).await.is_ok());
    advance(Duration::from_millis(1)).await;
    let revoked = server.takes(&token).await;
    assert!(matches!(revoked, Err(AuthFailure::Revoked(who)) if who.owner == claims.owner_id));
}

#[tokio::test(start_paused = true)]
async fn a_token_of_another_audience_issuer_key_or_time_is_refused_without_a_question() {
    let server = server(TokenCheck::Asked);
    server.issuer.says(about(&claims()));
    let changed = |change: fn(&mut AccessClaims)| {
        let mut claims = claims();
        change(&mut claims);
        signed(&claims, "k1", 1)
    };
    let good = signed(&claims(), "k1", 1);
    for (what, token) in [
        ("the wallet's", changed(|claims| claims.aud = format!("{ISSUER}/mcp"))),
        ("a slash more", changed(|claims| claims.aud.push('/'))),
        ("another issuer", changed(|claims| claims.iss.push('/'))),
        ("of tomorrow", changed(|claims| claims.iat += 61)),
        ("no id of a token", changed(|claims| claims.jti = "x".to_owned())),
        ("another key", signed(&claims(), "k1", 2)),
        ("a key that nobody knows", signed(&claims(), "k2", 1)),
        ("a letter less", good[..good.len() - 1].to_owned()),
        ("no token", "a.b.c".to_owned()),
        ("nothing", "nonsense".to_owned()),
        ("another kind of money", made("wai_live_", 0)),
        ("no key", made("wai_test_", 0)[..57].to_owned()),
        ("another checksum", format!("wai_test_{}", "a".repeat(49))),
    ] {
        assert!(is_invalid(server.takes(&token).await), "{what}");
    }
    server.clock.advance(Seconds(900));
    assert!(matches!(server.takes(&good).await, Err(AuthFailure::Expired(_))));
    assert_eq!(server.issuer.asked().1, 0);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_kid_asks_once_however_many_wait() {
    let server = server(TokenCheck::Signed);
    assert!(server.takes(&signed(&claims(), "k1", 1)).await.is_ok());
    assert_eq!(server.issuer.asked(), (1, 0));
    advance(PAUSE).await;
    server.issuer.keys.lock().unwrap().insert("k2".to_owned(), key(2).1);
    let mut waiting = JoinSet::new();
    for number in 0..100 {
        let (remote, fresh) = (server.remote.clone(), signed(&claims(), "k2", 2));
        // Half of them show a key that there is nowhere.
        let token = if number % 2 == 0 {
            fresh
        } else {
            signed(&claims(), "k3", 3)
        };
        waiting.spawn(async move { (number, remote.authenticate(&token, HERE).await.is_ok()) });
    }
    for (number, is_in) in waiting.join_all().await {
        assert_eq!(is_in, number % 2 == 0, "{number}");
    }
    assert_eq!(server.issuer.asked(), (2, 0));
    advance(Duration::from_millis(1)).await;
    for _ in 0..100 {
        assert!(is_unavailable(server.takes(&signed(&claims(), "k3", 3)).await));
    }
    assert_eq!(server.issuer.asked(), (2, 0), "whoever shows it");
    advance(PAUSE).await;
    assert!(is_invalid(server.takes(&signed(&claims(), "k3", 3)).await));
    assert_eq!(server.issuer.asked(), (3, 0));
}

#[tokio::test(start_paused = true)]
async fn an_unknown_kid_is_wrong_only_by_a_look_that_began_after_it_was_shown() {
    let server = server(TokenCheck::Signed);
    let [good, fresh, junk] = [("k1", 1), ("k2", 2), ("k9", 9)].map(|(kid, seed)| signed(&claims(), kid, seed));
    assert!(server.takes(&good).await.is_ok());
    advance(PAUSE).await;
    assert!(is_invalid(server.takes(&junk).await));
    // A stranger has used up the look, and then the issuer begins to sign with another key.
    server.issuer.keys.lock().unwrap().insert("k2".to_owned(), key(2).1);
    advance(Duration::from_millis(1)).await;
    assert!(is_unavailable(server.takes(&fresh).await), "it is not wrong");
    assert!(server.takes(&good).await.is_ok());
    assert_eq!(server.issuer.asked().0, 2);
    advance(PAUSE).await;
    assert!(is_invalid(server.takes(&junk).await));
    assert!(server.takes(&fresh).await.is_ok(), "whoever had it looked for");
    server.issuer.is_lost.store(true, SeqCst);
    advance(PAUSE).await;
    assert!(is_unavailable(server.takes(&junk).await), "nobody could look");
    assert!(server.takes(&fresh).await.is_ok());
    assert_eq!(server.issuer.asked().0, 4);
}

#[tokio::test(start_paused = true)]
async fn an_issuer_that_hangs_stalls_nobody_whose_key_is_known() {
    let server = server(TokenCheck::Signed);
    let (good, fresh) = (signed(&claims(), "k1", 1), signed(&claims(), "k2", 2));
    assert!(server.takes(&good).await.is_ok());
    advance(Duration::from_secs(300)).await;
    server.issuer.hangs.store(true, SeqCst);
    let began = Instant::now();
    for _ in 0..50 {
        assert!(server.takes(&good).await.is_ok());
        yield_now().await;
    }
    let remote = server.remote.clone();
    let unknown = tokio::spawn(async move { remote.authenticate(&fresh, HERE).await });
    settled().await;
    assert!(server.takes(&good).await.is_ok());
    assert_eq!((began.elapsed(), server.issuer.asked().0), (Duration::ZERO, 2));
    assert!(is_unavailable(unknown.await.unwrap()));
    assert!(began.elapsed() >= HANGS);
    assert!(server.takes(&good).await.is_ok());
    settled().await;
    assert_eq!(server.issuer.asked().0, 2, "one look at a time, and a pause after it");
    server.issuer.hangs.store(false, SeqCst);
    advance(PAUSE).await;
    for _ in 0..50 {
        assert!(server.takes(&good).await.is_ok());
        settled().await;
    }
    assert_eq!(server.issuer.asked().0, 3, "and what it read is fresh");
}

#[tokio::test(start_paused = true)]
async fn many_with_one_credential_at_once_ask_once() {
    let server = server(TokenCheck::Asked);
    server.issuer.says(about_key());
    for (round, is_lost) in [(1, false), (2, false), (3, true), (4, false)] {
        server.issuer.is_lost.store(is_lost, SeqCst);
        let mut waiting = JoinSet::new();
        for _ in 0..50 {
            let remote = server.remote.clone();
            waiting.spawn(async move { remote.authenticate(&api_key(), HERE).await });
        }
        for outcome in waiting.join_all().await {
            assert_eq!(outcome.is_ok(), !is_lost, "{round}");
            assert_eq!(is_unavailable(outcome), is_lost, "{round}");
        }
        assert_eq!(server.issuer.asked().1, round);
        // A failure is not remembered.
        if !is_lost {
            advance(TOLD).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn from_where_too_many_wrong_keys_came_only_what_was_good_lately_is_asked_about() {
    let server = server(TokenCheck::Asked);
    server.issuer.says(about_key());
    assert!(server.takes(&api_key()).await.is_ok());
    server.issuer.says(json!({"active": false}));
    for seed in 1..=10 {
        assert!(is_invalid(server.takes(&made("wai_test_", seed)).await));
        // As the gate does.
        assert!(server.limiter.wrong_credential(HERE).is_ok());
    }
    assert_eq!(server.issuer.asked().1, 11);
    for seed in 11..=20 {
        assert!(is_invalid(server.takes(&made("wai_test_", seed)).await));
        assert!(server.limiter.wrong_credential(HERE).is_err(), "it has to pause");
    }
    assert_eq!(server.issuer.asked().1, 11);
    server.issuer.says(about_key());
    advance(TOLD).await;
    assert!(server.takes(&api_key()).await.is_ok(), "whoever else is there");
    let elsewhere = "203.0.113.9".parse().unwrap();
    let unknown = made("wai_test_", 11);
    assert!(server.remote.authenticate(&unknown, elsewhere).await.is_ok());
}

/// Whoever holds a key that was revoked, or is used outside its hours, tries again, and the next key from there must be good.
#[tokio::test(start_paused = true)]
async fn who_shows_a_key_that_was_good_lately_has_guessed_nothing() {
    let server = server(TokenCheck::Asked);
    server.issuer.says(about_key());
    assert!(server.takes(&api_key()).await.is_ok());
    server.issuer.says(json!({"active": false}));
    for asked in 2..5 {
        advance(TOLD).await;
        for _ in 0..3 {
            assert!(is_no_longer(server.takes(&api_key()).await));
        }
        assert_eq!(server.issuer.asked().1, asked);
    }
    // It may be good again.
    server.issuer.says(about_key());
    advance(TOLD).await;
    assert!(server.takes(&api_key()).await.is_ok());
    server.issuer.says(json!({"active": false}));
    advance(TOLD).await;
    assert!(is_no_longer(server.takes(&api_key()).await));
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_made_up_keys_leaves_alone_whose_keys_are_known() {
    let server = server(TokenCheck::Asked);
    server.issuer.says(about_key());
    assert!(server.takes(&api_key()).await.is_ok());
    server.issuer.says(json!({"active": false}));
    let mut asked = 1;
    // Each from somewhere else.
    for seed in 1..=7_000 {
        let from = IpAddr::from(u32::try_from(seed).unwrap().to_be_bytes());
        match server.remote.authenticate(&made("wai_test_", seed), from).await {
            Err(AuthFailure::Invalid) => asked += 1,
            other => assert!(is_unavailable(other)),
        }
    }
    assert_eq!((asked, server.issuer.asked().1), (6_000, 6_000));
    advance(TOLD).await;
    let elsewhere = "203.0.113.9".parse().unwrap();
    let mut more = (10_001..).map(|seed| made("wai_test_", seed));
    while is_invalid(server.remote.authenticate(&more.next().unwrap(), elsewhere).await) {}
    server.issuer.says(about_key());
    assert!(server.takes(&api_key()).await.is_ok(), "it is known");
    advance(Duration::from_secs(60)).await;
    assert!(
        server.takes(&made("wai_test_", 8_000)).await.is_ok(),
        "and so are others, a minute later"
    );
}

#[tokio::test(start_paused = true)]
async fn a_lost_issuer_is_survived_for_an_hour_and_not_longer() {
    let server = server(TokenCheck::Signed);
    let token = signed(&claims(), "k1", 1);
    server.issuer.is_lost.store(true, SeqCst);
    assert!(is_unavailable(server.takes(&token).await), "nothing is known yet");
    server.issuer.is_lost.store(false, SeqCst);
    assert!(
        is_unavailable(server.takes(&token).await),
        "and it is not asked again at once"
    );
    advance(PAUSE).await;
    assert!(server.takes(&token).await.is_ok());
    server.issuer.is_lost.store(true, SeqCst);
    advance(STALE - Duration::from_millis(1)).await;
    assert!(server.takes(&token).await.is_ok());
    advance(Duration::from_millis(1)).await;
    assert!(is_unavailable(server.takes(&token).await));
    server.issuer.is_lost.store(false, SeqCst);
    advance(PAUSE).await;
    assert!(server.takes(&token).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_key_that_the_issuer_took_back_is_believed_until_the_first_look_after_five_minutes() {
    let server = server(TokenCheck::Signed);
    let token = signed(&claims(), "k1", 1);
    assert!(server.takes(&token).await.unwrap().bypass, "by what the token says");
    server.issuer.keys.lock().unwrap().clear();
    advance(Duration::from_secs(299)).await;
    assert!(server.takes(&token).await.is_ok());
    advance(Duration::from_secs(1)).await;
    assert!(server.takes(&token).await.is_ok(), "who comes then has somebody look");
    settled().await;
    assert!(is_invalid(server.takes(&token).await));
}

#[tokio::test(start_paused = true)]
async fn when_the_issuer_does_not_answer_nobody_gets_in_and_that_is_not_remembered() {
    let server = server(TokenCheck::Asked);
    server.issuer.says(about_key());
    assert!(server.takes(&api_key()).await.is_ok());
    server.issuer.is_lost.store(true, SeqCst);
    assert!(server.takes(&api_key()).await.is_ok(), "remembered");
    advance(TOLD).await;
    for _ in 0..3 {
        assert!(is_unavailable(server.takes(&api_key()).await));
    }
    assert_eq!(server.issuer.asked().1, 4, "each was asked about");
    server.issuer.is_lost.store(false, SeqCst);
    assert!(server.takes(&api_key()).await.is_ok());
    // What is told of another audience is no answer.
    advance(TOLD).await;
    let mut elsewhere = about_key();
    elsewhere["aud"] = json!(format!("{ISSUER}/mcp"));
    server.issuer.says(elsewhere);
    assert!(is_unavailable(server.takes(&api_key()).await));
    server.issuer.says(json!({"active": false}));
    assert!(is_no_longer(server.takes(&api_key()).await));
}

#[tokio::test(start_paused = true)]
async fn a_key_is_bound_to_its_addresses_and_its_end_and_never_passes_a_check() {
    let server = server(TokenCheck::Asked);
    let mut told = about_key();
    told["allowed_ips"] = json!(["10.0.0.0/8"]);
    server.issuer.says(told.clone());
    assert!(matches!(
        server.takes(&api_key()).await,
        Err(AuthFailure::AddressNotAllowed(_))
    ));
    let from_there = server
        .remote
        .authenticate(&api_key(), "10.1.2.3".parse().unwrap())
        .await
        .unwrap();
    assert_eq!(
        (from_there.role.as_str(), from_there.user.as_ref(), from_there.bypass),
        ("owner", None, false)
    );
    advance(TOLD).await;
    told["exp"] = json!(START.seconds());
    server.issuer.says(told.clone());
    assert!(matches!(server.takes(&api_key()).await, Err(AuthFailure::Expired(_))));
    advance(TOLD).await;
    told["bypass"] = json!(true);
    server.issuer.says(told);
    assert!(
        is_unavailable(server.takes(&api_key()).await),
        "an issuer that says so is not believed"
    );
}

#[tokio::test(start_paused = true)]
async fn an_answer_about_another_token_lets_nobody_in() {
    let server = server(TokenCheck::Asked);
    let mut other = about(&claims());
    other["jti"] = json!("grt_01JZ3V5Q8K3M0N2P4R6S8T0V2W.0123456789ABCDEF");
    server.issuer.says(other);
    assert!(is_unavailable(server.takes(&signed(&claims(), "k1", 1)).await));
    server.issuer.says(about_key());
    advance(TOLD).await;
    assert!(is_unavailable(server.takes(&signed(&claims(), "k1", 1)).await));
}
