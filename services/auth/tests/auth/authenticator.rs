//! An authenticator and its browser, in memory: makes passkeys and shows them as WebAuthn has it, and wrongly when told to.

use {
    crate::house::{Answer, House, ORIGIN},
    base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD},
    p256::ecdsa::{Signature, SigningKey, signature::Signer},
    serde_json::{Value, json},
    sha2::{Digest, Sha256},
    std::sync::atomic::{AtomicU16, Ordering},
};

/// The person is there, and was checked.
pub(crate) const PRESENT_AND_VERIFIED: u8 = 0x05;

/// Holds one passkey at most.
#[derive(Clone)]
pub(crate) struct Authenticator {
    secret: SigningKey,
    pub(crate) id: Vec<u8>,
    pub(crate) handle: Vec<u8>,
    pub(crate) counter: u32,
    pub(crate) origin: String,
    pub(crate) site: String,
    pub(crate) flags: u8,
    pub(crate) cross_origin: bool,
    /// Instead of its own public key.
    pub(crate) cose_key: Option<Vec<u8>>,
}

fn text(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

fn bytes(text: &Value) -> Vec<u8> {
    BASE64_URL_SAFE_NO_PAD.decode(text.as_str().unwrap()).unwrap()
}

/// CBOR: a head of this major type, and a text or bytes of it.
fn head(major: u8, length: usize) -> Vec<u8> {
    let major = major << 5;
    match u8::try_from(length) {
        Ok(short) if short < 24 => vec![major | short],
        Ok(one) => vec![major | 24, one],
        Err(_) => [&[major | 25], u16::try_from(length).unwrap().to_be_bytes().as_slice()].concat(),
    }
}

pub(crate) fn cbor_bytes(bytes: &[u8]) -> Vec<u8> {
    [head(2, bytes.len()), bytes.to_vec()].concat()
}

fn cbor_text(text: &str) -> Vec<u8> {
    [head(3, text.len()), text.as_bytes().to_vec()].concat()
}

impl Authenticator {
    pub(crate) fn new(seed: u8) -> Self {
        Self {
            secret: SigningKey::from_slice(&[seed; 32]).unwrap(),
            id: vec![seed; 20],
            handle: Vec::new(),
            counter: 0,
            origin: ORIGIN.to_owned(),
            site: ORIGIN.split_once("://").unwrap().1.to_owned(),
            flags: PRESENT_AND_VERIFIED,
            cross_origin: false,
            cose_key: None,
        }
    }

    fn client_data(&self, kind: &str, challenge: &Value) -> Vec<u8> {
        let data = json!({
            "type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": self.cross_origin,
        });
        data.to_string().into_bytes()
    }

    /// What it says of itself, with `flags`.
    fn said(&self, flags: u8) -> Vec<u8> {
        let site = Sha256::digest(self.site.as_bytes());
        [site.as_slice(), &[flags], &self.counter.to_be_bytes()].concat()
    }

    fn public_key(&self) -> Vec<u8> {
        let point = self.secret.verifying_key().to_sec1_point(false);
        let (x, y) = (point.x().unwrap(), point.y().unwrap());
        // { kty: EC2, alg: ES256, crv: P-256, x, y }
        let start = [0xA5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01].as_slice();
        [start, &[0x21], &cbor_bytes(x), &[0x22], &cbor_bytes(y)].concat()
    }

    /// Makes the passkey that is asked for: the body of `/enrol/finish`.
    pub(crate) fn make(&mut self, begun: &Value) -> Value {
        let options = &begun["options"];
        self.handle = bytes(&options["user"]["id"]);
        let key = self.cose_key.clone().unwrap_or_else(|| self.public_key());
        let length = u16::try_from(self.id.len()).unwrap().to_be_bytes();
        let said = [
            self.said(self.flags | 0x40),
            vec![0; 16],
            length.to_vec(),
            self.id.clone(),
            key,
        ]
        .concat();
        let object = [
            head(5, 3),
            cbor_text("fmt"),
            cbor_text("none"),
            cbor_text("attStmt"),
            head(5, 0),
            cbor_text("authData"),
            cbor_bytes(&said),
        ];
        json!({
            "ceremony": begun["ceremony"],
            "name": "soft",
            "id": text(&self.id),
            "attestationObject": text(&object.concat()),
            "clientData": text(&self.client_data("webauthn.create", &options["challenge"])),
        })
    }

    /// Shows its passkey: the body of `/signin/finish`.
    pub(crate) fn show(&self, begun: &Value) -> Value {
        self.show_as("webauthn.get", begun)
    }

    pub(crate) fn show_as(&self, kind: &str, begun: &Value) -> Value {
        let (data, said) = (
            self.client_data(kind, &begun["options"]["challenge"]),
            self.said(self.flags),
        );
        let message = [said.as_slice(), &Sha256::digest(&data)].concat();
        let signature: Signature = self.secret.sign(&message);
        json!({
            "ceremony": begun["ceremony"],
            "id": text(&self.id),
            "userHandle": text(&self.handle),
            "authenticatorData": text(&said),
            "clientData": text(&data),
            "signature": text(signature.to_der().as_bytes()),
        })
    }
}

/// A browser: what it asks comes from a page of ours, and it keeps the cookie.
pub(crate) struct Browser<'a> {
    pub(crate) house: &'a House,
    pub(crate) cookie: String,
    /// From where it asks: each from an address of its own.
    peer: String,
}

impl<'a> Browser<'a> {
    pub(crate) fn new(house: &'a House) -> Self {
        static BROWSERS: AtomicU16 = AtomicU16::new(1);
        let [high, low] = BROWSERS.fetch_add(1, Ordering::SeqCst).to_be_bytes();
        Self {
            house,
            cookie: String::new(),
            peer: format!("198.18.{high}.{low}"),
        }
    }

    /// The same browser at another node.
    pub(crate) fn at(&self, house: &'a House) -> Self {
        Self {
            house,
            cookie: self.cookie.clone(),
            peer: self.peer.clone(),
        }
    }

    pub(crate) async fn ask(&mut self, path: &str, body: &Value) -> Answer {
        let headers = [
            ("content-type", "application/json"),
            ("origin", ORIGIN),
            ("sec-fetch-site", "same-origin"),
            ("cookie", &self.cookie.clone()),
        ];
        let line = format!("POST {path}");
        let answer = self
            .house
            .send(&line, &headers, &self.peer, Some(&body.to_string()))
            .await;
        if let Some(set) = answer.headers.get("set-cookie") {
            let pair = set.to_str().unwrap().split(';').next().unwrap();
            self.cookie = pair.to_owned();
        }
        answer
    }

    pub(crate) async fn page(&self, path: &str) -> Answer {
        let headers = [("cookie", self.cookie.as_str())];
        self.house
            .send(&format!("GET {path}"), &headers, &self.peer, None)
            .await
    }

    /// The page that says who is signed in; `None` when nobody is.
    pub(crate) async fn who(&self) -> Option<String> {
        let page = self.page("/signin").await.expect(200);
        let page = page.as_str().unwrap().to_owned();
        page.contains("You are signed in").then_some(page)
    }

    pub(crate) async fn begin_enrolment(&mut self, link: &str) -> Answer {
        let secret = link.split_once('#').unwrap().1.to_owned();
        self.ask("/enrol/begin", &json!({"link": secret})).await
    }

    /// Opens the link and makes a passkey.
    pub(crate) async fn enrol(&mut self, link: &str, with: &mut Authenticator) -> Answer {
        let begun = self.begin_enrolment(link).await;
        if begun.status != 200 {
            return begun;
        }
        let made = with.make(&begun.body);
        self.ask("/enrol/finish", &made).await
    }

    pub(crate) async fn begin_sign_in(&mut self) -> Value {
        self.ask("/signin/begin", &json!({})).await.expect(200)
    }

    pub(crate) async fn sign_in(&mut self, with: &mut Authenticator) -> Answer {
        let begun = self.begin_sign_in().await;
        with.counter += 1;
        self.ask("/signin/finish", &with.show(&begun)).await
    }
}
