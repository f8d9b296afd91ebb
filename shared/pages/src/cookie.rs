//! The one cookie: who is signed in. Its name has browsers refuse it from another host, another path, or without TLS.

use {
    axum::http::{HeaderMap, HeaderValue, header, header::InvalidHeaderValue},
    portreeve_kernel::{Seconds, Secret},
};

const NAME: &str = "__Host-portreeve";

/// Not for scripts, not over plain HTTP, and not with what another site posts.
const ATTRIBUTES: &str = "Path=/; Secure; HttpOnly; SameSite=Lax";

/// `Set-Cookie` with `session`, for as long as it may last.
///
/// # Errors
/// When `session` is nothing that a header can hold; none of ours is.
pub fn set(session: &Secret, life: Seconds) -> Result<HeaderValue, InvalidHeaderValue> {
    let text = format!("{NAME}={}; {ATTRIBUTES}; Max-Age={}", session.expose(), life.0);
    let mut value = HeaderValue::try_from(text)?;
    value.set_sensitive(true);
    Ok(value)
}

/// `Set-Cookie` that makes the browser forget.
///
/// # Errors
/// Never in practice.
pub fn unset() -> Result<HeaderValue, InvalidHeaderValue> {
    set(&Secret::new(String::new()), Seconds(0))
}

/// The session of a request. Two of them are none: one is somebody else's doing.
#[must_use]
pub fn read(headers: &HeaderMap) -> Option<Secret> {
    let lines = headers.get_all(header::COOKIE).iter();
    let pairs = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'));
    let mut values = pairs
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(name, _)| *name == NAME);
    match (values.next(), values.next()) {
        (Some((_, value)), None) if !value.is_empty() => Some(Secret::new(value.to_owned())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_of(lines: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::COOKIE, line.parse().unwrap());
        }
        read(&headers).map(|session| session.expose().to_owned())
    }

    #[test]
    fn a_session_is_read_from_the_one_cookie_of_its_name() {
        for (lines, expected) in [
            (vec!["__Host-portreeve=abc"], Some("abc")),
            (vec!["a=1; __Host-portreeve=abc; b=2"], Some("abc")),
            (vec!["a=1", "__Host-portreeve=abc"], Some("abc")),
            (vec!["__host-portreeve=abc"], None),
            (vec!["portreeve=abc"], None),
            (vec!["__Host-portreeve="], None),
            (vec!["__Host-portreeve=abc; __Host-portreeve=abc"], None),
            (vec!["__Host-portreeve=abc", "__Host-portreeve=def"], None),
            (vec!["x=__Host-portreeve=abc"], None),
            (vec![], None),
        ] {
            assert_eq!(read_of(&lines).as_deref(), expected, "{lines:?}");
        }
    }

    #[test]
    fn a_session_cookie_is_bound_to_this_host_and_out_of_reach_of_scripts() {
        let value = set(&Secret::new("abc".to_owned()), Seconds(60)).unwrap();
        let text = "__Host-portreeve=abc; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=60";
        assert_eq!(value, text);
        assert!(value.is_sensitive());
        assert!(unset().unwrap().to_str().unwrap().starts_with("__Host-portreeve=; "));
        assert!(unset().unwrap().to_str().unwrap().ends_with("Max-Age=0"));
        assert!(set(&Secret::new("a\nb".to_owned()), Seconds(60)).is_err());
    }
}
