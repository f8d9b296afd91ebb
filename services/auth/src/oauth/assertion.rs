//! Clients that prove themselves by a JWT which they signed (RFC 7523).
//!
//! What must stay true: a key is one that the client registered, never one that the JWT brings; an assertion is good once,
//! on whichever node it is shown; and whatever of it is wrong is one answer.

use {
    crate::{
        oauth::{
            IssueError, Issuer,
            clients::{Registered, Signs},
        },
        origin::Addresses,
    },
    base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD},
    jsonwebtoken::{Algorithm as JwtAlgorithm, DecodingKey, jwk::Jwk},
    portreeve_kernel::Timestamp,
    portreeve_oauth::{Algorithm, AssertionClaims, ClientId, ClientKey, NOT_BELIEVED, TokenHeader},
    portreeve_store::{Sql, StoreError, Tx},
    sha2::{Digest, Sha256},
    std::sync::Arc,
};

/// Longer than any honest assertion, in bytes.
const LENGTH_MAX: usize = 8 * 1024;

/// What an assertion may call itself; the empty one stands for nothing at all.
const TYPES: &[&str] = &["jwt", "client-authentication+jwt", ""];

impl Issuer {
    /// The client that signed `jwt`; the request may say beside it who that is.
    ///
    /// # Errors
    /// `invalid_client`, whatever of it is wrong; and when the store cannot be asked.
    pub(crate) async fn asserted(&self, said: Option<&ClientId>, jwt: &str) -> Result<Arc<Registered>, IssueError> {
        if jwt.len() > LENGTH_MAX {
            return Err(NOT_BELIEVED.into());
        }
        let header = TokenHeader::read(jwt, TYPES).map_err(|_| NOT_BELIEVED)?;
        let claims = claims(jwt).ok_or(NOT_BELIEVED)?;
        let id = claims.client().ok_or(NOT_BELIEVED)?;
        if said.is_some_and(|said| *said != id) {
            return Err(NOT_BELIEVED.into());
        }
        let found = self.let_in(&id).await?;
        let client = self.usable(found, portreeve_oauth::AuthMethod::PrivateKeyJwt)?;
        let keys = match &client.signs {
            Signs::Never => None,
            Signs::With(keys) => Some(Arc::clone(keys)),
            Signs::WithThoseAt(address) => self.documents.keys(address).await,
        };
        let keys = keys.ok_or(NOT_BELIEVED)?;
        if !keys.fitting(&header).any(|key| has_signed(key, header.algorithm, jwt)) {
            return Err(NOT_BELIEVED.into());
        }
        // The issuer's name; the others are what clients say that are older than draft-ietf-oauth-rfc7523bis.
        let (issuer, endpoint) = (self.origin.as_str(), self.origin.token_endpoint());
        let names = [issuer, &self.origin.at("/"), endpoint.as_str()];
        let (jti, until) = claims.check(&id, &names, self.clock.now())?;
        self.first_use(&id, jti, until).await?;
        Ok(client)
    }

    /// Notes that an assertion was used, unless it was already.
    async fn first_use(&self, client: &ClientId, jti: &str, until: Timestamp) -> Result<(), IssueError> {
        let name = Sha256::new_with_prefix(client.as_str())
            .chain_update([0])
            .chain_update(jti);
        let name: [u8; 32] = name.finalize().into();
        let unit = async move |tx: &mut Tx| {
            let insert = Sql::new(
                "INSERT INTO oauth_assertions (name, expires_at) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
            );
            tx.execute(insert.bind(&name).bind(until)).await
        };
        match self.db.write::<_, StoreError, _>(unit).await? {
            0 => Err(NOT_BELIEVED.into()),
            _ => Ok(()),
        }
    }
}

/// What it says, before it is known who said it.
fn claims(jwt: &str) -> Option<AssertionClaims> {
    let payload = BASE64_URL_SAFE_NO_PAD.decode(jwt.split('.').nth(1)?).ok()?;
    AssertionClaims::parse(&payload).ok()
}

fn has_signed(key: &ClientKey, algorithm: Algorithm, jwt: &str) -> bool {
    let verified = || {
        let (message, signature) = jwt.rsplit_once('.')?;
        let jwk: Jwk = serde_json::from_value(key.jwk().clone()).ok()?;
        let key = DecodingKey::from_jwk(&jwk).ok()?;
        let algorithm = match algorithm {
            Algorithm::EdDsa | Algorithm::Ed25519 => JwtAlgorithm::EdDSA,
            Algorithm::Es256 => JwtAlgorithm::ES256,
            Algorithm::Rs256 => JwtAlgorithm::RS256,
            Algorithm::Ps256 => JwtAlgorithm::PS256,
        };
        jsonwebtoken::crypto::verify(signature, message.as_bytes(), &key, algorithm).ok()
    };
    verified().unwrap_or(false)
}
