//! Scopes say what a credential is for. The required one stands in a handler's type; the held ones in the principal.

use {
    serde::{Deserialize, Deserializer, Serialize, Serializer},
    std::{borrow::Cow, fmt, str::FromStr},
};

/// One scope, such as `agents:read`. Its characters are those of RFC 6749, appendix A.4.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Scope(Cow<'static, str>);

/// The text is no scope token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a scope (RFC 6749, A.4)")]
pub struct ScopeError(String);

const fn is_scope_token(text: &str) -> bool {
    let mut rest = text.as_bytes();
    if rest.is_empty() || rest.len() > 64 {
        return false;
    }
    while let [byte, tail @ ..] = rest {
        if !matches!(byte, 0x21 | 0x23..=0x5B | 0x5D..=0x7E) {
            return false;
        }
        rest = tail;
    }
    true
}

impl Scope {
    /// Holds every built-in scope of the wallet and auth services.
    pub const ADMIN_ALL: Self = Self::new("admin:all");

    /// A scope known when compiling; a malformed one stops the build.
    #[must_use]
    pub const fn new(text: &'static str) -> Self {
        assert!(is_scope_token(text), "a scope has only the characters of RFC 6749, A.4");
        Self(Cow::Borrowed(text))
    }

    /// The token itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Scope {
    type Err = ScopeError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if is_scope_token(text) {
            Ok(Self(Cow::Owned(text.to_owned())))
        } else {
            Err(ScopeError(text.chars().take(64).collect()))
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Cow::<'de, str>::deserialize(from)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// A set of scopes, sorted and without repeats.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ScopeSet(Box<[Scope]>);

impl ScopeSet {
    /// True when `scope` is in the set by name. What `admin:all` implies is a question for `policy::roles`, which
    /// expands it when a credential is made into a principal.
    #[must_use]
    pub fn holds(&self, scope: &Scope) -> bool {
        self.0.binary_search(scope).is_ok()
    }

    /// In alphabetical order.
    pub fn iter(&self) -> std::slice::Iter<'_, Scope> {
        self.0.iter()
    }

    /// True for a credential that may do nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl FromIterator<Scope> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        let mut all: Vec<Scope> = scopes.into_iter().collect();
        all.sort_unstable();
        all.dedup();
        Self(all.into())
    }
}

impl<'a> IntoIterator for &'a ScopeSet {
    type Item = &'a Scope;
    type IntoIter = std::slice::Iter<'a, Scope>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// As OAuth writes it: separated by one space.
impl fmt::Display for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, scope) in self.0.iter().enumerate() {
            if place > 0 {
                f.write_str(" ")?;
            }
            f.write_str(scope.as_str())?;
        }
        Ok(())
    }
}

impl FromStr for ScopeSet {
    type Err = ScopeError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.split(' ')
            .filter(|part| !part.is_empty())
            .map(str::parse)
            .collect()
    }
}

impl Serialize for ScopeSet {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(self.0.iter())
    }
}

impl<'de> Deserialize<'de> for ScopeSet {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Vec::<Scope>::deserialize(from).map(|scopes| scopes.into_iter().collect())
    }
}

/// A marker type that stands for one scope, so that a handler's signature can name it.
pub trait RequiredScope: Send + Sync + 'static {
    /// The scope a caller must hold.
    const SCOPE: Scope;
}

/// Declares a resource server's scopes once: marker types for signatures and the list for metadata and tests.
///
/// ```
/// portreeve_kernel::scopes! {
///     /// See balances and history.
///     Read = "wallet:read";
/// }
/// assert_eq!(ALL.len(), 1);
/// ```
#[macro_export]
macro_rules! scopes {
    ($($(#[$doc:meta])* $name:ident = $text:literal;)+) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, Copy)]
            pub struct $name;
            impl $crate::scope::RequiredScope for $name {
                const SCOPE: $crate::scope::Scope = $crate::scope::Scope::new($text);
            }
        )+
        /// Every scope this resource server understands.
        pub const ALL: &[$crate::scope::Scope] = &[$($crate::scope::Scope::new($text)),+];
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_has_only_the_characters_of_rfc_6749() {
        for good in ["agents:read", "reports:run", "!", "a#b"] {
            assert!(good.parse::<Scope>().is_ok(), "{good}");
        }
        for bad in ["", "a b", "a\"b", "a\\b", "ü", "a\n"] {
            assert!(bad.parse::<Scope>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_set_is_sorted_without_repeats_and_prints_as_oauth_does() {
        let set: ScopeSet = "b:write a:read b:write".parse().unwrap();
        assert_eq!(set.to_string(), "a:read b:write");
        assert!(set.holds(&Scope::new("a:read")));
        assert!(!set.holds(&Scope::new("a:write")));
    }
}
