//! What shows that a form was filled in where it was shown: a token that only the session's own cookie makes, another one
//! for every form.

use {
    base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD},
    hmac::{Hmac, KeyInit, Mac},
    portreeve_kernel::Secret,
    sha2::Sha256,
};

/// The token of `form` for who holds `session`, the cookie's value.
#[must_use]
pub fn of(session: &Secret, form: &str) -> String {
    let code = mac(session, form).map(|mac| mac.finalize().into_bytes());
    code.map_or_else(String::new, |code| BASE64_URL_SAFE_NO_PAD.encode(code))
}

/// True for the very token that [`of`] makes. Takes the same time for every wrong one.
#[must_use]
pub fn is_of(session: &Secret, form: &str, shown: &str) -> bool {
    let (Some(mac), Ok(shown)) = (mac(session, form), BASE64_URL_SAFE_NO_PAD.decode(shown)) else {
        return false;
    };
    mac.verify_slice(&shown).is_ok()
}

/// `None` for a session that is no key at all.
fn mac(session: &Secret, form: &str) -> Option<Hmac<Sha256>> {
    let session = session.expose().as_bytes();
    if session.is_empty() {
        return None;
    }
    let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(session).ok()?;
    Some(mac.chain_update(b"portreeve:form:").chain_update(form))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_good_for_one_form_of_one_session() {
        let [ours, other] = ["one", "two"].map(|text| Secret::new(text.to_owned()));
        let token = of(&ours, "signout");
        assert!(is_of(&ours, "signout", &token));
        assert!(!is_of(&ours, "consent", &token));
        assert!(!is_of(&other, "signout", &token));
        for wrong in ["", "x", &token[1..], &format!("{token}="), &token.to_uppercase()] {
            assert!(!is_of(&ours, "signout", wrong), "{wrong}");
        }
    }

    #[test]
    fn without_a_session_there_is_no_token() {
        let nobody = Secret::new(String::new());
        assert!(!is_of(&nobody, "signout", &of(&nobody, "signout")));
    }
}
