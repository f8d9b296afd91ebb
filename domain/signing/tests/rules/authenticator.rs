//! An authenticator that holds one passkey, and a browser that shows it: rightly, or wrongly when told to.

use {
    base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD},
    p256::ecdsa::{Signature, SigningKey, signature::Signer},
    portreeve_kernel::{OwnerProof, proof::Challenge},
    portreeve_signing::Passkey,
    sha2::{Digest, Sha256},
};

pub(crate) const SITE: &str = "portreeve.example";
pub(crate) const ORIGIN: &str = "https://portreeve.example";

pub(crate) fn text(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn bytes(text: &str) -> Vec<u8> {
    BASE64_URL_SAFE_NO_PAD.decode(text).unwrap()
}

#[derive(Clone)]
pub(crate) struct Authenticator {
    pub(crate) secret: SigningKey,
    pub(crate) id: Vec<u8>,
    /// For which site it answers.
    pub(crate) site: String,
    /// What it says of the person.
    pub(crate) flags: u8,
    /// What follows the counter.
    pub(crate) more: Vec<u8>,
}

impl Authenticator {
    pub(crate) fn new(seed: u8) -> Self {
        Self {
            secret: SigningKey::from_slice(&[seed; 32]).unwrap(),
            id: vec![seed; 20],
            site: SITE.to_owned(),
            flags: 0x05,
            more: Vec::new(),
        }
    }

    pub(crate) fn passkey(&self) -> Passkey {
        Passkey {
            credential_id: text(&self.id),
            public_key: text(self.secret.verifying_key().to_sec1_point(false)),
            rp_id: SITE.to_owned(),
            origin: ORIGIN.to_owned(),
        }
    }

    /// What a browser says that is asked for `challenge` by our page.
    pub(crate) fn asked(challenge: &Challenge) -> String {
        let challenge = text(challenge.as_bytes());
        format!(r#"{{"type":"webauthn.get","challenge":"{challenge}","origin":"{ORIGIN}","crossOrigin":false}}"#)
    }

    /// Its assertion, whatever the browser says.
    pub(crate) fn shows(&self, client: &str) -> OwnerProof {
        let (said, signature) = self.signs(client.as_bytes());
        OwnerProof::Passkey {
            credential_id: text(&self.id),
            authenticator_data: text(said),
            client_data: text(client),
            signature: text(signature.to_der()),
        }
    }

    pub(crate) fn signs(&self, client: &[u8]) -> (Vec<u8>, Signature) {
        let site = Sha256::digest(&self.site);
        let said = [site.as_slice(), &[self.flags], &[0, 0, 0, 9], &self.more].concat();
        let message = [said.as_slice(), &Sha256::digest(client)].concat();
        let signature = self.secret.sign(&message);
        (said, signature)
    }

    /// Its consent, with nothing wrong.
    pub(crate) fn approve(&self, challenge: &Challenge) -> OwnerProof {
        self.shows(&Self::asked(challenge))
    }
}
