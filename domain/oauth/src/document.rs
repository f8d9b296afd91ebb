//! Where a client's own document may lie, and its keys (client ID metadata documents, 3): an address that everybody reads
//! alike, and that means one document of one host.

use crate::redirect::RedirectUri;

/// Whether `text` is the address of a document: `https`, a host in small letters, a path that names something in it, no
/// steps back in it, no user and no fragment.
pub(crate) fn is_address(text: &str) -> bool {
    // Nothing that a browser reads differently than we do, no user, no fragment.
    if !text.starts_with("https://") || RedirectUri::register(text).is_err() {
        return false;
    }
    let without_scheme = text.get(8..).unwrap_or_default();
    let without_query = without_scheme.split('?').next().unwrap_or_default();
    let Some((_, path)) = without_query.split_once('/') else {
        return false;
    };
    !path.is_empty() && path.split('/').all(|segment| !is_step(segment))
}

/// `.` and `..`, however they are written: what fetches the document would take them out.
fn is_step(segment: &str) -> bool {
    let plain = segment.to_ascii_lowercase().replace("%2e", ".");
    matches!(plain.as_str(), "." | "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_lies_at_a_path_of_an_https_host() {
        for good in [
            "https://app.example/client.json",
            "https://app.example:8443/a/b/",
            "https://app.example/client?v=2",
            "https://app.example/.well-known/client",
            "https://app.example/a..b/...",
            "https://127.0.0.1/client.json",
        ] {
            assert!(is_address(good), "{good}");
        }
    }

    #[test]
    fn what_two_readers_could_read_differently_is_no_address() {
        for bad in [
            "http://app.example/client.json",
            "http://localhost/client.json",
            "HTTPS://app.example/client.json",
            "https://App.example/client.json",
            "https://app.example",
            "https://app.example/",
            "https://app.example?/x",
            "https://app.example/?x",
            "https://app.example/client.json#x",
            "https://user@app.example/client.json",
            "https://user:pass@app.example/client.json",
            "https://app.example/./client.json",
            "https://app.example/a/../client.json",
            "https://app.example/a/..",
            "https://app.example/%2e/client.json",
            "https://app.example/.%2E/client.json",
            "https://app.example/a\\client.json",
            "https://app.example:0/client.json",
            "https://app.example:port/client.json",
            "https:///client.json",
            "https://*.example/client.json",
            "https://аpp.example/client.json",
            "https://app.example/cli ent",
            "https:app.example/client.json",
            "",
        ] {
            assert!(!is_address(bad), "{bad}");
        }
    }
}
