//! Passkeys: made by a link, shown to sign in. The WebAuthn library judges what an authenticator says; what is good once
//! is decided here, in one transaction.

use {
    crate::{
        people::{
            People,
            ceremony::{Act, Opened, handle},
            error::PeopleError,
            links,
            sessions::Started,
            users,
        },
        token::{self, Hash},
    },
    base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD},
    portreeve_kernel::{Secret, Timestamp, UserId},
    portreeve_store::{Fetch, Sql, StoreError, Tx},
    serde::{Deserialize, Serialize},
    serde_json::{Value, json},
    std::sync::Arc,
    webauthn_rs::prelude::{
        COSEAlgorithm, CredentialID, DiscoverableAuthentication, DiscoverableKey, Passkey, PasskeyRegistration,
        PublicKeyCredential, RegisterPublicKeyCredential, WebauthnError,
    },
};

/// A ceremony that began: what the browser gives back at the end, and what it asks the authenticator for.
#[derive(Debug, Clone)]
pub(crate) struct Begun {
    pub(crate) ceremony: String,
    pub(crate) options: Value,
}

/// A passkey that an authenticator made. All parts but the name in base64url.
#[derive(Debug, Clone)]
pub(crate) struct MadePasskey {
    pub(crate) ceremony: String,
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) attestation_object: String,
    pub(crate) client_data: String,
}

/// A passkey that somebody shows. All parts in base64url.
#[derive(Debug, Clone)]
pub(crate) struct ShownPasskey {
    pub(crate) ceremony: String,
    pub(crate) id: String,
    pub(crate) user_handle: String,
    pub(crate) authenticator_data: String,
    pub(crate) client_data: String,
    pub(crate) signature: String,
}

/// What is sealed while a passkey is being made.
#[derive(Serialize, Deserialize)]
struct Enrolling {
    user: UserId,
    link: Hash,
    registration: PasskeyRegistration,
}

/// A passkey as it was when it was read.
struct Known {
    user: UserId,
    /// As the database has it.
    body: String,
    passkey: Passkey,
}

/// How showing a passkey ended.
enum Outcome {
    SignedIn(Started),
    Refused,
}

impl People {
    /// Begins to make a passkey for the user whose link it is. The link stays good until one was made.
    ///
    /// # Errors
    /// [`PeopleError::LinkInvalid`], [`PeopleError::PasskeyRefused`] on a server without a name, [`PeopleError::Store`].
    pub(crate) async fn begin_enrolment(&self, link: &Secret) -> Result<Begun, PeopleError> {
        let (site, at, link) = (self.ceremonies.site()?, self.at(), token::hash(link.expose()));
        let mut reader = self.keys.db.read();
        let user = links::user_of(&mut reader, &link, at)
            .await?
            .ok_or(PeopleError::LinkInvalid)?;
        let held = ids_of_user(&mut reader, &user.id).await?;
        let begun = site.start_passkey_registration(handle(&user.id), &user.name, &user.name, Some(held));
        let (mut asked, registration) = begun.map_err(library)?;
        // The only algorithm that the signer's own check of an owner's passkey knows.
        let es256 = COSEAlgorithm::ES256 as i64;
        asked.public_key.pub_key_cred_params.retain(|one| one.alg == es256);
        // Signing in asks for no name, so the authenticator has to know whose passkey it is.
        let mut options = json_of(&asked.public_key)?;
        if let Some(selection) = options.get_mut("authenticatorSelection").and_then(Value::as_object_mut) {
            selection.insert("residentKey".to_owned(), json!("required"));
            selection.insert("requireResidentKey".to_owned(), json!(true));
        }
        let state = Enrolling {
            user: user.id,
            link,
            registration,
        };
        let ceremony = self.ceremonies.seal(Act::Enrol, state, at, &*self.keys.entropy)?;
        Ok(Begun { ceremony, options })
    }

    /// Keeps a passkey that was made, uses up its link, and signs its user in.
    ///
    /// # Errors
    /// [`PeopleError::PasskeyRefused`], after which the link is still good; [`PeopleError::LinkInvalid`] when somebody else
    /// has used it meanwhile; [`PeopleError::Store`].
    pub(crate) async fn finish_enrolment(
        self: &Arc<Self>,
        made: MadePasskey,
        shown: Option<&Secret>,
    ) -> Result<Started, PeopleError> {
        let (site, at) = (self.ceremonies.site()?, self.at());
        let opened = self.ceremonies.open::<Enrolling>(Act::Enrol, &made.ceremony, at);
        let Opened { state, .. } = opened.ok_or(PeopleError::PasskeyRefused)?;
        let answer = json!({
            "id": made.id,
            "rawId": made.id,
            "type": "public-key",
            "response": {"attestationObject": made.attestation_object, "clientDataJSON": made.client_data},
        });
        let answer: RegisterPublicKeyCredential = read(answer)?;
        let passkey = site
            .finish_passkey_registration(&answer, &state.registration)
            .map_err(refused)?;
        if *passkey.cred_algorithm() != COSEAlgorithm::ES256 {
            return Err(PeopleError::PasskeyRefused);
        }
        let (id, body) = (text_of(passkey.cred_id()), json_of(&passkey)?.to_string());
        let (people, name, shown) = (
            Arc::clone(self),
            made.name,
            shown.map(|cookie| token::hash(cookie.expose())),
        );
        let unit = async move |tx: &mut Tx| {
            let user = users::lock(tx, &state.user).await?.ok_or(PeopleError::LinkInvalid)?;
            if !links::spend(tx, &state.link, &user.id, at).await? {
                return Err(PeopleError::LinkInvalid);
            }
            let insert = Sql::new(
                "INSERT INTO passkeys (id, user_id, name, body, created_at) VALUES ($1, $2, $3, $4, $5) \
                 ON CONFLICT (id) DO NOTHING",
            );
            let insert = insert.bind(id.as_str()).bind(&user.id).bind(name.as_str());
            if tx.execute(insert.bind(body.as_str()).bind(at)).await? != 1 {
                return Err(PeopleError::PasskeyRefused);
            }
            let data = json!({"passkeyId": id, "name": name});
            tx.audit(user.told(at, "passkey.enrolled", user.id.to_string(), data));
            let started = people.start_session(tx, &user, &id, shown.as_ref(), at).await?;
            Ok(started)
        };
        self.keys.db.write(unit).await
    }

    /// Begins to sign somebody in. Says nothing about anybody, and writes nothing.
    ///
    /// # Errors
    /// [`PeopleError::PasskeyRefused`] on a server without a name.
    pub(crate) fn begin_sign_in(&self) -> Result<Begun, PeopleError> {
        let begun = self.ceremonies.site()?.start_discoverable_authentication();
        let (asked, state) = begun.map_err(library)?;
        let ceremony = self
            .ceremonies
            .seal(Act::SignIn, state, self.at(), &*self.keys.entropy)?;
        Ok(Begun {
            ceremony,
            options: json_of(&asked.public_key)?,
        })
    }

    /// Signs in whoever shows a passkey.
    ///
    /// # Errors
    /// [`PeopleError::PasskeyRefused`], whatever is wrong with it; [`PeopleError::Store`].
    pub(crate) async fn finish_sign_in(
        self: &Arc<Self>,
        shown: ShownPasskey,
        cookie: Option<&Secret>,
    ) -> Result<Started, PeopleError> {
        let (site, at) = (self.ceremonies.site()?, self.at());
        let opened = self
            .ceremonies
            .open::<DiscoverableAuthentication>(Act::SignIn, &shown.ceremony, at);
        let Opened { state, until } = opened.ok_or(PeopleError::PasskeyRefused)?;
        let answer = json!({
            "id": shown.id,
            "rawId": shown.id,
            "type": "public-key",
            "response": {
                "authenticatorData": shown.authenticator_data,
                "clientDataJSON": shown.client_data,
                "signature": shown.signature,
                "userHandle": shown.user_handle,
            },
        });
        let answer: PublicKeyCredential = read(answer)?;
        if is_framed(&answer.response.client_data_json) {
            return Err(PeopleError::PasskeyRefused);
        }
        let (whose, id) = site.identify_discoverable_authentication(&answer).map_err(refused)?;
        let id = BASE64_URL_SAFE_NO_PAD.encode(id);
        let known = known(&mut self.keys.db.read(), &id)
            .await?
            .ok_or(PeopleError::PasskeyRefused)?;
        if handle(&known.user) != whose {
            return Err(PeopleError::PasskeyRefused);
        }
        let judged = site.finish_discoverable_authentication_v2(&answer, state, DiscoverableKey::from(&known.passkey));
        let Known {
            user,
            body,
            mut passkey,
        } = known;
        let now_body = match &judged {
            Ok(result) => {
                passkey.update_credential(result);
                json_of(&passkey)?.to_string()
            }
            Err(_) => String::new(),
        };
        let cloned = matches!(judged, Err(WebauthnError::CredentialPossibleCompromise));
        if judged.is_err() && !cloned {
            return Err(PeopleError::PasskeyRefused);
        }
        let (people, cookie) = (Arc::clone(self), cookie.map(|cookie| token::hash(cookie.expose())));
        let spent = token::hash(&shown.ceremony);
        let unit = async move |tx: &mut Tx| {
            let Some(user) = users::lock(tx, &user).await? else {
                return Ok(Outcome::Refused);
            };
            if !spend(tx, &spent, until, at).await? {
                return Ok(Outcome::Refused);
            }
            if cloned {
                // The signature was right, so somebody holds the key, and somebody else has used it since.
                let data = json!({"passkeyId": id});
                tx.audit(user.told(at, "passkey.counter_went_back", user.id.to_string(), data));
                return Ok(Outcome::Refused);
            }
            // Of two with the same counter, which were judged at the same moment, one finds what it was judged by.
            let update = Sql::new(
                "UPDATE passkeys SET body = $1, used_at = $2 WHERE id = $3 AND body = $4 AND removed_at IS NULL",
            );
            let update = update
                .bind(now_body.as_str())
                .bind(at)
                .bind(id.as_str())
                .bind(body.as_str());
            if tx.execute(update).await? != 1 {
                return Ok(Outcome::Refused);
            }
            let started = people.start_session(tx, &user, &id, cookie.as_ref(), at).await?;
            Ok::<_, PeopleError>(Outcome::SignedIn(started))
        };
        match self.keys.db.write(unit).await? {
            Outcome::SignedIn(started) => Ok(started),
            Outcome::Refused => Err(PeopleError::PasskeyRefused),
        }
    }
}

/// Notes that somebody has signed in with a ceremony. False when somebody has before. Forgets those that are over.
async fn spend(tx: &mut Tx, ceremony: &Hash, until: Timestamp, at: Timestamp) -> Result<bool, StoreError> {
    let over = Sql::new("DELETE FROM spent_ceremonies WHERE expires_at <= $1");
    tx.execute(over.bind(at)).await?;
    let insert = Sql::new("INSERT INTO spent_ceremonies (hash, expires_at) VALUES ($1, $2) ON CONFLICT DO NOTHING");
    Ok(tx.execute(insert.bind(ceremony).bind(until)).await? == 1)
}

async fn known(from: &mut (impl Fetch + Send), id: &str) -> Result<Option<Known>, StoreError> {
    let sql = Sql::new(
        "SELECT p.user_id, p.body FROM passkeys p JOIN users u ON u.id = p.user_id \
         WHERE p.id = $1 AND p.removed_at IS NULL AND u.removed_at IS NULL",
    );
    let row = from.fetch_optional(sql.bind(id)).await?;
    row.map(|row| {
        Ok(Known {
            user: row.get("user_id")?,
            body: row.get("body")?,
            passkey: row.json("body")?,
        })
    })
    .transpose()
}

/// The authenticators that need not make another one.
async fn ids_of_user(from: &mut (impl Fetch + Send), user: &UserId) -> Result<Vec<CredentialID>, StoreError> {
    let sql = Sql::new("SELECT id FROM passkeys WHERE user_id = $1 AND removed_at IS NULL ORDER BY id");
    let rows = from.fetch_all(sql.bind(user)).await?;
    let ids: Vec<String> = rows.iter().map(|row| row.get("id")).collect::<Result<_, _>>()?;
    Ok(ids
        .iter()
        .filter_map(|id| BASE64_URL_SAFE_NO_PAD.decode(id).ok())
        .collect())
}

/// Removes the passkeys of `user`, who is locked.
pub(crate) async fn remove_of_user(tx: &mut Tx, user: &UserId, at: Timestamp) -> Result<(), StoreError> {
    let update = Sql::new("UPDATE passkeys SET removed_at = $1 WHERE user_id = $2 AND removed_at IS NULL");
    tx.execute(update.bind(at).bind(user)).await?;
    Ok(())
}

/// Whether the browser says that the page was in a frame of another site, or does not say what it has to. The library
/// looks at this where passkeys are made, and not where they are shown (0.6.2).
fn is_framed(client_data: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct ClientData {
        #[serde(default, rename = "crossOrigin")]
        cross_origin: bool,
    }
    serde_json::from_slice::<ClientData>(client_data).map_or(true, |data| data.cross_origin)
}

fn text_of(id: &CredentialID) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(id)
}

fn json_of(value: &impl Serialize) -> Result<Value, PeopleError> {
    serde_json::to_value(value).map_err(|error| PeopleError::Ceremony(error.to_string()))
}

fn read<T: for<'de> Deserialize<'de>>(answer: Value) -> Result<T, PeopleError> {
    serde_json::from_value(answer).map_err(|_| PeopleError::PasskeyRefused)
}

/// Why an authenticator's answer was not taken stands in the log, for whoever helps; the browser learns nothing.
fn refused(error: WebauthnError) -> PeopleError {
    tracing::debug!(?error, "a passkey was not accepted");
    PeopleError::PasskeyRefused
}

fn library(error: WebauthnError) -> PeopleError {
    PeopleError::Ceremony(format!("{error:?}"))
}
