//! Resource indicators (RFC 8707): for which resource server a token is asked, and so its one audience.

use {
    crate::{
        error::{ErrorCode, OAuthError},
        params::Params,
        redirect::RedirectUri,
    },
    serde::Serialize,
    std::fmt,
};

const UNKNOWN: OAuthError = OAuthError::new(
    ErrorCode::InvalidTarget,
    "resource names no resource server of this issuer",
);

/// Longer than any real one, and short enough for every place where it is shown.
const LENGTH_MAX: usize = 512;

/// The text names no resource server that could be registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a resource is an `https` address (`http` on loopback) of at most 512 characters, without user, query, fragment and dot segments"
)]
pub struct ResourceError;

/// The audience of a resource server, as it was configured. Compared byte for byte.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Resource(Box<str>);

impl Resource {
    /// From configuration. A request never makes one: it picks one of those that there are.
    #[must_use]
    pub fn configured(text: &str) -> Self {
        Self(text.into())
    }

    /// The name of a resource server that somebody registers: an absolute address without a fragment (RFC 8707, 2) that two
    /// readers cannot read differently, and without a query, because its metadata has to have an address (RFC 9728, 3).
    ///
    /// # Errors
    /// [`ResourceError`].
    pub fn register(text: &str) -> Result<Self, ResourceError> {
        let is_step = |segment: &str| {
            let plain = segment.to_ascii_lowercase().replace("%2e", ".");
            matches!(plain.as_str(), "." | "..")
        };
        let fits = text.len() <= LENGTH_MAX
            && !text.contains('?')
            && RedirectUri::register(text).is_ok()
            && !text.split('/').any(is_step);
        if fits {
            Ok(Self::configured(text))
        } else {
            Err(ResourceError)
        }
    }

    /// The one of `known` that the request asks for; the first of them when it asks for none, because a default that is
    /// documented beats one that is guessed, and never all of them.
    ///
    /// # Errors
    /// `invalid_target` for any other.
    pub fn asked<'a>(params: &Params, known: &'a [Self]) -> Result<&'a Self, OAuthError> {
        let asked = params.get("resource");
        let found = match asked {
            None => known.first(),
            Some(text) => known.iter().find(|resource| *resource.0 == *text),
        };
        found.ok_or(UNKNOWN)
    }

    /// Whether a grant for this resource may be used as the request asks: for the same one, or without saying.
    ///
    /// # Errors
    /// `invalid_target` for any other.
    pub fn stays(&self, params: &Params) -> Result<(), OAuthError> {
        match params.get("resource") {
            Some(text) if *self.0 != *text => Err(UNKNOWN),
            _ => Ok(()),
        }
    }

    /// As it stands in `aud`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> Vec<Resource> {
        ["https://a.example/mcp", "https://a.example/vault/mcp"]
            .map(Resource::configured)
            .to_vec()
    }

    fn params(resource: &str) -> Params {
        Params::parse(format!("resource={resource}").as_bytes()).unwrap()
    }

    #[test]
    fn a_known_resource_is_found_and_none_means_the_first() {
        let known = known();
        let vault = Resource::asked(&params("https%3A%2F%2Fa.example%2Fvault%2Fmcp"), &known).unwrap();
        assert_eq!(vault.as_str(), "https://a.example/vault/mcp");
        assert_eq!(Resource::asked(&Params::default(), &known).unwrap(), &known[0]);
        assert!(Resource::asked(&Params::default(), &[]).is_err());
    }

    #[test]
    fn a_prefix_a_slash_more_or_a_fragment_is_another_resource() {
        for bad in [
            "https://a.example",
            "https://a.example/mcp/",
            "https://a.example/mcp%23x",
            "HTTPS://a.example/mcp",
            "x",
        ] {
            assert_eq!(Resource::asked(&params(bad), &known()), Err(UNKNOWN), "{bad}");
        }
    }

    #[test]
    fn a_resource_is_an_https_address_that_everybody_reads_alike() {
        for good in [
            "https://reports.example/mcp",
            "https://reports.example",
            "https://reports.example:8443/a/b",
            "http://localhost:9000/mcp",
            "http://127.0.0.1/mcp",
            "http://[::1]:80/mcp",
        ] {
            assert_eq!(Resource::register(good).unwrap().as_str(), good);
        }
        let long = format!("https://reports.example/{}", "x".repeat(500));
        for bad in [
            "",
            "reports",
            "http://reports.example/mcp",
            "http://127.0.0.2/mcp",
            "HTTPS://reports.example/mcp",
            "https://Reports.example/mcp",
            "https://reports.example/mcp#part",
            "https://reports.example/mcp#",
            "https://reports.example/mcp?tenant=1",
            "https://user@reports.example/mcp",
            "https://reports.example/a/../mcp",
            "https://reports.example/%2E%2e/mcp",
            "https://reports.example/*",
            "https:///mcp",
            "https://reports.example/mc p",
            "urn:reports",
            "javascript:alert(1)",
            long.as_str(),
        ] {
            assert_eq!(Resource::register(bad), Err(ResourceError), "{bad}");
        }
    }

    #[test]
    fn a_grant_stays_with_its_resource() {
        let resource = Resource::configured("https://a.example/mcp");
        assert_eq!(resource.stays(&Params::default()), Ok(()));
        assert_eq!(resource.stays(&params("https://a.example/mcp")), Ok(()));
        assert_eq!(resource.stays(&params("https://a.example/vault/mcp")), Err(UNKNOWN));
    }
}
