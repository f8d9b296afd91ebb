//! TLS, as the server speaks it unless it is told not to: who is believed, who is refused, and how certificates live.

use {
    crate::house::{Dialogue, Done, House, Running},
    rcgen::{CertificateParams, Issuer, KeyPair, date_time_ymd},
    reqwest::{Certificate, tls::TlsInfo},
    serde_json::{Value, json},
    std::{
        fs,
        io::{Read, Write},
        net::{TcpListener, TcpStream},
        path::{Path, PathBuf},
        time::{Duration, SystemTime, UNIX_EPOCH},
    },
};

/// What a client gets that believes the local authority alone: the status, `Strict-Transport-Security`, and the certificate.
fn get(house: &House, path: &str) -> Result<(u16, Option<String>, Vec<u8>), String> {
    let authority = Certificate::from_pem(&fs::read(authority(house)).unwrap()).unwrap();
    let client = reqwest::Client::builder().no_proxy().tls_info(true);
    let client = client.tls_certs_only([authority]).build().unwrap();
    let asked = async {
        let answer = client.get(format!("{}{path}", house.url())).send().await?;
        let told = answer.headers().get("strict-transport-security");
        let told = told.map(|value| value.to_str().unwrap().to_owned());
        let shown = answer
            .extensions()
            .get::<TlsInfo>()
            .unwrap()
            .peer_certificate()
            .unwrap();
        Ok((answer.status().as_u16(), told, shown.to_vec()))
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime
        .block_on(asked)
        .map_err(|error: reqwest::Error| format!("{error:?}"))
}

fn authority(house: &House) -> PathBuf {
    house.home().join("tls/ca.pem")
}

/// What the server says to these bytes until it closes.
fn said_to(house: &House, bytes: &[u8]) -> Vec<u8> {
    let address = house.url().strip_prefix("https://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    stream.write_all(bytes).unwrap();
    let mut said = vec![0; 1024];
    // A connection that is reset said nothing either.
    let length = stream.read(&mut said).unwrap_or(0);
    said.truncate(length);
    said
}

fn unix_now() -> u64 {
    #[expect(
        clippy::disallowed_methods,
        reason = "certificates are judged by the machine's clock"
    )]
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// Has what is signed with these end in so many days; it began a month ago.
fn ending(params: &mut CertificateParams, days: i64) {
    let moment = |seconds: i64| date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds.try_into().unwrap());
    let now = i64::try_from(unix_now()).unwrap();
    params.not_before = moment(now - 30 * 24 * 60 * 60);
    params.not_after = moment(now + days * 24 * 60 * 60);
}

/// What the doctor says of one thing.
fn about(done: &Done, check: &str) -> Value {
    let told: Value = serde_json::from_str(&done.stdout).unwrap_or_else(|_| panic!("{}{}", done.stdout, done.stderr));
    let checks = told["checks"].as_array().unwrap();
    let found = checks.iter().find(|one| one["check"] == check);
    found
        .unwrap_or_else(|| panic!("nothing about `{check}` in {told:#}"))
        .clone()
}

#[test]
fn commands_reach_a_server_over_tls_with_nothing_configured() {
    let house = House::secured();
    // A port of its own, so that nothing has to say where the server is.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let file = house.home().join("portreeve.toml");
    let settings = fs::read_to_string(&file).unwrap();
    fs::write(
        &file,
        settings.replace("[server]", &format!("[server]\nlisten = \"127.0.0.1:{port}\"")),
    )
    .unwrap();
    let mut serve = house.command();
    let (_server, line) = Running::start({
        serve.arg("serve");
        serve
    });
    assert_eq!(line, format!("listening on https://127.0.0.1:{port}"));

    let run = |args: &[&str]| Done::of(house.command().args(args));
    let keys = run(&["key", "list", "--json"]).json();
    assert_eq!(keys["items"].as_array().unwrap().len(), 1);
    let doctor = run(&["doctor", "--json"]);
    for check in ["certificate", "server", "API key"] {
        assert_eq!(about(&doctor, check)["status"], "ok", "{}", doctor.stdout);
    }
    let mut relay = house.command();
    relay.arg("mcp").env("PORTREEVE_KEY", house.owner_key());
    let mut relay = Dialogue::start(relay);
    relay.say(&json!({"jsonrpc": "2.0", "id": 1, "method": "ping"}).to_string());
    assert_eq!(relay.hear()["result"], json!({}));
}

/// AUTH_CHECKLIST 8.8
#[test]
fn plain_http_is_refused_and_not_redirected() {
    let mut house = House::secured();
    house.serve(&[]);
    let said = said_to(&house, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(said, b"", "{}", String::from_utf8_lossy(&said));
    let plain = house.url().replace("https:", "http:");
    let error = house.cli(&["key", "list", "--server", &plain]).fails_with(1).to_owned();
    assert!(error.contains("call it with `https:`"), "{error}");
}

/// The first message of a TLS client that knows no newer version than this, with what any server could go on with.
fn client_hello(version: [u8; 2]) -> Vec<u8> {
    let with_length = |bytes: &[u8]| [&u16::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat();
    // ECDHE-ECDSA and ECDHE-RSA with AES-128: GCM for 1.2, CBC for those before.
    let suites = with_length(&[0xc0, 0x2b, 0xc0, 0x2f, 0xc0, 0x09, 0xc0, 0x13]);
    let groups = [&[0x00, 0x0a][..], &with_length(&with_length(&[0x00, 0x1d, 0x00, 0x17]))].concat();
    let signatures = [&[0x00, 0x0d][..], &with_length(&with_length(&[0x04, 0x03, 0x08, 0x04]))].concat();
    let extensions = with_length(&[groups, signatures].concat());
    let hello = [&version[..], &[7; 32], &[0], &suites, &[1, 0], &extensions].concat();
    let length = u32::try_from(hello.len()).unwrap().to_be_bytes();
    let message = [&[1][..], &length[1..], &hello].concat();
    [&[0x16, 0x03, 0x01][..], &with_length(&message)].concat()
}

#[test]
fn tls_1_1_is_refused_and_1_2_is_spoken() {
    let mut house = House::secured();
    house.serve(&[]);
    let newest = said_to(&house, &client_hello([3, 3]));
    assert_eq!(
        (newest[0], &newest[1..3], newest[5]),
        (0x16, &[3, 3][..], 2),
        "a server's hello: {newest:?}"
    );
    for older in [[3, 2], [3, 1], [3, 0]] {
        // A fatal alert: protocol version (RFC 5246, 7.2).
        let said = said_to(&house, &client_hello(older));
        assert_eq!((said[0], &said[5..]), (0x15, &[2, 70][..]), "{older:?}");
    }
}

#[test]
fn others_can_call_a_server_only_over_tls() {
    let mut house = House::secured();
    let open = ["serve", "--listen", "0.0.0.0:0"];
    let mut plain = house.command();
    plain.args(open).env("PORTREEVE__SERVER__TLS", "off");
    let (mut plain, line) = Running::try_start(plain);
    assert_eq!(line, "");
    let error = plain.wait().stderr;
    assert!(
        error.contains("refusing to listen on `0.0.0.0:0` without TLS"),
        "{error}"
    );
    let mut serve = house.command();
    serve.args(open);
    let (_server, line) = Running::start(serve);
    let port = line.rsplit(':').next().unwrap();
    house.ask_at(&format!("https://localhost:{port}"));
    assert_eq!(get(&house, "/healthz").unwrap().0, 200);
    assert_eq!(said_to(&house, b"GET / HTTP/1.1\r\n\r\n"), b"");
}

#[test]
fn a_server_that_nobody_vouches_for_gets_no_key() {
    let (mut house, other) = (House::secured(), House::secured());
    house.serve(&[]);
    let key = house.owner_key();
    let empty = tempfile::tempdir().unwrap();
    for home in [empty.path(), &other.home()] {
        let home = home.to_str().unwrap();
        let asked = house.cli(&["key", "list", "--home", home, "--key", &key]);
        let error = asked.fails_with(1);
        assert!(
            error.contains("is not who it should be") && error.contains("UnknownIssuer"),
            "{error}"
        );
        let wanted = Path::new(home).join("tls/ca.pem");
        for cure in [
            wanted.to_str().unwrap(),
            "--home",
            "curl --cacert",
            "NODE_EXTRA_CA_CERTS",
        ] {
            assert!(error.contains(cure), "`{cure}` in: {error}");
        }
    }
    // What the message says is what helps.
    fs::create_dir(empty.path().join("tls")).unwrap();
    fs::copy(authority(&house), empty.path().join("tls/ca.pem")).unwrap();
    let home = empty.path().to_str().unwrap();
    house.cli(&["key", "list", "--home", home, "--key", &key]).ok();
    let log = house.stop().stderr;
    assert_eq!(log.matches("answered").count(), 1, "nothing was asked before: {log}");
}

#[test]
fn a_certificate_that_ends_soon_is_renewed_by_the_next_start() {
    let mut house = House::secured();
    let tls = house.home().join("tls");
    let read = |name: &str| fs::read_to_string(tls.join(name)).unwrap();
    let issuer = Issuer::from_ca_cert_pem(&read("ca.pem"), KeyPair::from_pem(&read("ca.key")).unwrap()).unwrap();
    let mut old = CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
    ending(&mut old, 10);
    let key = KeyPair::generate().unwrap();
    let old = old.signed_by(&key, &issuer).unwrap();
    fs::write(tls.join("server.pem"), format!("{}{}", old.pem(), key.serialize_pem())).unwrap();
    let found = about(&house.cli(&["doctor", "--json"]), "certificate");
    assert_eq!(found["status"], "warn", "{found}");
    assert!(
        found["detail"]
            .as_str()
            .unwrap()
            .contains("server.pem` ends soon, at 20"),
        "{found}"
    );
    assert!(
        found["todo"].as_str().unwrap().contains("restart `portreeve serve`"),
        "{found}"
    );

    house.serve(&[]);
    let (status, _, shown) = get(&house, "/healthz").unwrap();
    assert_eq!(status, 200);
    assert!(shown != old.der().to_vec(), "another one is shown");
    let found = about(&house.cli(&["doctor", "--json"]), "certificate");
    assert_eq!(found["status"], "ok", "{found}");
}

#[test]
fn a_certificate_of_ones_own_is_shown_and_the_doctor_sees_when_it_ends_and_for_whom_it_is() {
    let mut house = House::secured();
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = (folder.path().join("certificate.pem"), folder.path().join("key.pem"));
    let make = |name: &str, days: i64| {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        ending(&mut params, days);
        let own = KeyPair::generate().unwrap();
        let made = params.self_signed(&own).unwrap();
        fs::write(&certificate, made.pem()).unwrap();
        fs::write(&key, own.serialize_pem()).unwrap();
        fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        made
    };
    let quoted = |path: &Path| format!("\"{}\"", path.display());
    let setting = format!("{{ certificate = {}, key = {} }}", quoted(&certificate), quoted(&key));
    let own = [("PORTREEVE__SERVER__TLS", setting.as_str())];
    for (name, days, status, said) in [
        ("localhost", 90, "ok", "good until"),
        ("localhost", 10, "warn", "ends soon"),
        ("localhost", -1, "fail", "has ended"),
        ("portreeve.example", 90, "fail", "is not for `localhost`"),
    ] {
        make(name, days);
        let found = about(&house.cli_with(&["doctor", "--json"], &own), "certificate");
        assert_eq!(found["status"], status, "{found}");
        assert!(found["detail"].as_str().unwrap().contains(said), "{found}");
    }
    fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    make("localhost", 90);
    fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    let found = about(&house.cli_with(&["doctor", "--json"], &own), "certificate");
    assert!(found["todo"].as_str().unwrap().contains("chmod o="), "{found}");

    let made = make("localhost", 90);
    house.serve(&own);
    // Nobody vouches for it but itself.
    house.ask_at(&house.origin());
    fs::write(authority(&house), made.pem()).unwrap();
    assert_eq!(get(&house, "/healthz").unwrap().2, made.der().to_vec());
    house.stop();
    fs::write(&key, KeyPair::generate().unwrap().serialize_pem()).unwrap();
    assert!(!house.try_serve(&own), "a key of another certificate");
    let error = house.wait_for_end().stderr;
    assert!(error.contains("do not fit together"), "{error}");
}

/// AUTH_CHECKLIST 8.8
#[test]
fn a_server_with_a_name_is_to_be_called_over_tls_alone_and_this_machine_may_be_called_as_before() {
    let mut house = House::secured();
    house.serve(&[("PORTREEVE__SERVER__ORIGIN", "https://portreeve.example")]);
    for path in ["/healthz", "/oauth/jwks", "/nowhere", "/signin"] {
        let told = get(&house, path).unwrap().1;
        assert_eq!(told.as_deref(), Some("max-age=31536000"), "{path}");
    }
    house.stop();
    // A browser would hold it for every port of `localhost`, and for whatever else is served there.
    house.serve(&[]);
    assert_eq!(get(&house, "/healthz").unwrap().1, None);
}

#[test]
fn an_installation_that_is_older_than_its_authority_gets_one_and_a_lost_one_is_told() {
    let mut house = House::secured();
    fs::remove_dir_all(house.home().join("tls")).unwrap();
    let found = about(&house.cli(&["doctor", "--json"]), "certificate");
    assert_eq!(found["status"], "warn", "{found}");
    house.serve(&[]);
    house.cli(&["key", "list"]).ok();
    house.stop();
    fs::remove_file(authority(&house)).unwrap();
    assert!(!house.try_serve(&[]));
    let error = house.wait_for_end().stderr;
    assert!(
        error.contains("tls/ca.pem` is not there") && error.contains("remove the folder `tls`"),
        "{error}"
    );
    let found = about(&house.cli(&["doctor", "--json"]), "certificate");
    assert_eq!(found["status"], "fail", "{found}");
}

/// AUTH_CHECKLIST 4.2
#[test]
fn settings_that_contradict_tls_stop_the_start() {
    let house = House::secured();
    let serve = |variables: &[(&str, &str)]| house.cli_with(&["serve", "--listen", "127.0.0.1:0"], variables);
    let error = serve(&[("PORTREEVE__SERVER__ORIGIN", "http://localhost:8787")]);
    assert!(
        error.fails_with(1).contains("`server.origin` begins with `http:`"),
        "{}",
        error.stderr
    );
    let error = serve(&[("PORTREEVE__SERVER__TLS", "on")]);
    assert!(
        error.fails_with(1).contains("`certificate` and `key`"),
        "{}",
        error.stderr
    );
    let missing = "{ certificate = \"/nonexistent/c\", key = \"/nonexistent/k\" }";
    let error = serve(&[("PORTREEVE__SERVER__TLS", missing)]);
    assert!(error.fails_with(1).contains("/nonexistent/c"), "{}", error.stderr);
}
