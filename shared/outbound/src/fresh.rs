//! For how long an answer may be used again, as its server says (RFC 9111), within bounds of ours.

use {
    reqwest::header::{AGE, CACHE_CONTROL, HeaderMap},
    std::time::Duration,
};

/// When the server says nothing.
const UNSAID: Duration = Duration::from_secs(5 * 60);

/// Whatever the server says: somebody who withdraws a document does not wait for ever.
const MOST: Duration = Duration::from_secs(24 * 60 * 60);

/// Nothing when it is not to be kept, or is not fresh any more when it comes.
pub(crate) fn fresh_for(headers: &HeaderMap) -> Duration {
    let mut said = None;
    for value in headers.get_all(CACHE_CONTROL) {
        // What cannot be read may say that it is not to be kept.
        let Ok(text) = value.to_str() else {
            return Duration::ZERO;
        };
        for directive in text.split(',') {
            let (name, argument) = directive.split_once('=').unwrap_or((directive, ""));
            match name.trim().to_ascii_lowercase().as_str() {
                "no-store" | "no-cache" => return Duration::ZERO,
                "max-age" => {
                    let seconds = argument.trim().trim_matches('"').parse().unwrap_or(0);
                    let told = Duration::from_secs(seconds);
                    // Told twice, the stricter is meant (RFC 9111, 4.2.1).
                    said = Some(said.map_or(told, |said: Duration| said.min(told)));
                }
                _ => {}
            }
        }
    }
    said.unwrap_or(UNSAID).min(MOST).saturating_sub(age(headers))
}

fn age(headers: &HeaderMap) -> Duration {
    let seconds = headers
        .get(AGE)
        .and_then(|value| value.to_str().ok()?.trim().parse().ok());
    Duration::from_secs(seconds.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(lines: &[(&'static str, &str)]) -> u64 {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        fresh_for(&headers).as_secs()
    }

    #[test]
    fn the_server_says_how_long_and_we_say_how_long_at_most() {
        const DAY: u64 = 86_400;
        for (lines, seconds) in [
            (vec![], 300),
            (vec![("cache-control", "max-age=60")], 60),
            (vec![("cache-control", "public, Max-Age=\"60\"")], 60),
            (vec![("cache-control", "max-age=60"), ("age", "20")], 40),
            (vec![("cache-control", "max-age=60"), ("age", "61")], 0),
            (vec![("cache-control", "max-age=86401")], DAY),
            (vec![("cache-control", "max-age=99999999999999999999")], 0),
            (vec![("cache-control", "max-age=-1")], 0),
            (vec![("cache-control", "max-age=60, max-age=30")], 30),
            (vec![("cache-control", "max-age=60"), ("cache-control", "NO-STORE")], 0),
            (vec![("cache-control", "no-cache, max-age=60")], 0),
            (vec![("cache-control", "no-cache=\"set-cookie\"")], 0),
            (vec![("cache-control", "s-maxage=60, immutable")], 300),
            (vec![("age", "nonsense")], 300),
        ] {
            assert_eq!(told(&lines), seconds, "{lines:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_not_kept() {
        let mut headers = HeaderMap::new();
        headers.insert(
            CACHE_CONTROL,
            reqwest::header::HeaderValue::from_bytes(b"max-age=60\xff").unwrap(),
        );
        assert_eq!(fresh_for(&headers), Duration::ZERO);
    }
}
