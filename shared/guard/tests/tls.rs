//! TLS over real sockets. Where time stands still, it does so until everybody waits, so nothing here takes seconds.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that fails may panic"
)]

use {
    axum::{Router, routing::get},
    portreeve_guard::{
        serve::{bind, serve},
        tls::{Identity, IdentityError, Tls},
    },
    rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed},
    rustls::{
        ClientConfig, RootCertStore,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, ServerName},
    },
    std::{net::SocketAddr, sync::Arc, time::Duration},
    tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpStream,
        sync::oneshot,
        task::JoinHandle,
        time::{Instant, timeout},
    },
    tokio_rustls::{TlsConnector, client::TlsStream},
};

type Pair = CertifiedKey<KeyPair>;

fn pair() -> Pair {
    generate_simple_self_signed(["localhost".to_owned()]).unwrap()
}

fn identity(of: &Pair) -> Identity {
    Identity::from_pem(of.cert.pem().as_bytes(), of.signing_key.serialize_pem().as_bytes()).unwrap()
}

struct Running {
    address: SocketAddr,
    tls: Tls,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<bool>,
}

async fn run(of: &Pair) -> Running {
    let tls = Tls::new(identity(of)).unwrap();
    let router = Router::new().route("/", get(|| async { "here" }));
    // Every address: with TLS anybody may call.
    let listener = bind("0.0.0.0:0".parse().unwrap(), Some(tls.clone())).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (stop, stopped) = oneshot::channel();
    let ended = tokio::spawn(serve(listener, router, async {
        let _ = stopped.await;
    }));
    Running {
        address: SocketAddr::from(([127, 0, 0, 1], port)),
        tls,
        stop,
        ended,
    }
}

/// Connects as a client that believes this certificate and no other.
async fn connect(to: SocketAddr, believed: &CertificateDer<'static>) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(believed.clone()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let stream = TcpStream::connect(to).await?;
    let name = ServerName::try_from("localhost").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

async fn ask(stream: &mut TlsStream<TcpStream>) -> String {
    let request = b"GET / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut said = Vec::new();
    // Whether the end was said properly is not what is asked here.
    let _ = stream.read_to_end(&mut said).await;
    String::from_utf8(said).unwrap()
}

#[tokio::test]
async fn a_client_that_believes_the_certificate_is_answered_in_http_1_1() {
    let own = pair();
    let server = run(&own).await;
    let mut stream = connect(server.address, own.cert.der()).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
    let said = ask(&mut stream).await;
    assert!(said.starts_with("HTTP/1.1 200") && said.ends_with("here"), "{said}");
    assert!(connect(server.address, pair().cert.der()).await.is_err());
}

#[tokio::test]
async fn who_speaks_plain_http_gets_not_one_byte() {
    let server = run(&pair()).await;
    for request in [
        "GET / HTTP/1.1\r\nhost: x\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "\r\n",
    ] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut said = Vec::new();
        let _ = stream.read_to_end(&mut said).await;
        assert!(said.is_empty(), "{}", String::from_utf8_lossy(&said));
    }
}

#[tokio::test]
async fn new_connections_are_shown_another_certificate_and_old_ones_go_on() {
    let (first, second) = (pair(), pair());
    let server = run(&first).await;
    let mut old = connect(server.address, first.cert.der()).await.unwrap();
    server.tls.show(identity(&second));
    assert!(connect(server.address, first.cert.der()).await.is_err());
    let mut new = connect(server.address, second.cert.der()).await.unwrap();
    assert!(ask(&mut new).await.ends_with("here"));
    assert!(ask(&mut old).await.ends_with("here"));
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_does_not_come_within_ten_seconds_ends_the_connection() {
    let server = run(&pair()).await;
    // Nothing at all, and the beginning of a message that never comes.
    for start in [&b""[..], &[0x16, 0x03, 0x01, 0x01, 0x00]] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(start).await.unwrap();
        let before = Instant::now();
        let mut said = Vec::new();
        let read = timeout(Duration::from_secs(60), stream.read_to_end(&mut said));
        let _ = read.await.unwrap();
        let waited = before.elapsed();
        assert!(
            waited >= Duration::from_secs(9) && waited <= Duration::from_secs(11),
            "{waited:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_handshake_that_is_under_way_does_not_hold_up_the_end() {
    let server = run(&pair()).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(&[0x16]).await.unwrap();
    // It is accepted before this one is answered.
    let _ = connect(server.address, pair().cert.der()).await;
    let before = Instant::now();
    server.stop.send(()).unwrap();
    assert!(server.ended.await.unwrap());
    assert!(before.elapsed() < Duration::from_secs(1), "{:?}", before.elapsed());
}

#[test]
fn a_certificate_is_taken_only_with_its_own_key() {
    let (one, other) = (pair(), pair());
    let (certificate, key) = (one.cert.pem(), one.signing_key.serialize_pem());
    let made = |certificates: &str, key: &str| Identity::from_pem(certificates.as_bytes(), key.as_bytes());
    assert!(made(&certificate, &key).unwrap() == identity(&one));
    let both = format!("{certificate}{key}");
    assert!(made(&both, &both).is_ok(), "one file may hold both");
    let strange = made(&certificate, &other.signing_key.serialize_pem());
    assert!(matches!(strange, Err(IdentityError::Unfit(_))));
    assert!(matches!(made("", &key), Err(IdentityError::Empty)));
    assert!(matches!(made(&key, &key), Err(IdentityError::Empty)));
    assert!(matches!(made(&certificate, ""), Err(IdentityError::Key(_))));
    let broken = certificate.replace("-----END", "!!!");
    assert!(matches!(made(&broken, &key), Err(IdentityError::Certificates(_))));
}
