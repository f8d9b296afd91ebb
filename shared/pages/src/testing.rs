//! An authenticator in memory: makes passkeys and shows them as WebAuthn has it, and wrongly when told to.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::missing_panics_doc,
    reason = "for tests, which may panic"
)]

use {
    base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD},
    p256::ecdsa::{Signature, SigningKey, signature::Signer},
    serde_json::{Value, json},
    sha2::{Digest, Sha256},
};

/// The person is there, and was checked.
pub const PRESENT_AND_VERIFIED: u8 = 0x05;

/// Holds one passkey at most.
#[derive(Debug, Clone)]
pub struct Authenticator {
    secret: SigningKey,
    /// Its passkey's id.
    pub id: Vec<u8>,
    /// Whose passkey it is, as the site says.
    pub handle: Vec<u8>,
    /// How often it was shown.
    pub counter: u32,
    /// Where its browser says it is.
    pub origin: String,
    /// For which site it answers.
    pub site: String,
    /// What it says of the person.
    pub flags: u8,
    /// Whether its browser says that the page is in another's frame.
    pub cross_origin: bool,
    /// Instead of its own public key.
    pub cose_key: Option<Vec<u8>>,
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

/// CBOR: these bytes.
#[must_use]
pub fn cbor_bytes(bytes: &[u8]) -> Vec<u8> {
    [head(2, bytes.len()), bytes.to_vec()].concat()
}

fn cbor_text(text: &str) -> Vec<u8> {
    [head(3, text.len()), text.as_bytes().to_vec()].concat()
}

impl Authenticator {
    /// One that nobody else has, in a browser that is at `origin`.
    #[must_use]
    pub fn new(seed: u8, origin: &str) -> Self {
        let host = origin.split_once("://").unwrap().1;
        Self {
            secret: SigningKey::from_slice(&[seed; 32]).unwrap(),
            id: vec![seed; 20],
            handle: Vec::new(),
            counter: 0,
            origin: origin.to_owned(),
            site: host.split(':').next().unwrap().to_owned(),
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

    /// Its passkey, as the signer pins it.
    #[must_use]
    pub fn pinned(&self) -> Value {
        let point = self.secret.verifying_key().to_sec1_point(false);
        json!({
            "credentialId": text(&self.id),
            "publicKey": text(point.as_bytes()),
            "rpId": self.site,
            "origin": self.origin,
        })
    }

    /// Its holder's consent to something exact, as the signer takes it.
    #[must_use]
    pub fn consent(&self, challenge: &[u8]) -> Value {
        let shown = self.show(&json!({"options": {"challenge": text(challenge)}}));
        json!({
            "kind": "passkey",
            "credentialId": shown["id"],
            "authenticatorData": shown["authenticatorData"],
            "clientData": shown["clientData"],
            "signature": shown["signature"],
        })
    }

    /// Makes the passkey that is asked for: the body of `/enrol/finish`.
    pub fn make(&mut self, begun: &Value) -> Value {
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
    #[must_use]
    pub fn show(&self, begun: &Value) -> Value {
        self.show_as("webauthn.get", begun)
    }

    /// The same, said to be of another `kind`.
    #[must_use]
    pub fn show_as(&self, kind: &str, begun: &Value) -> Value {
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
