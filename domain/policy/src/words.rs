//! Enums that travel as one word: declared once, with their text, parser, printer and serde form.

/// The text is none of the words allowed here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not one of {allowed}")]
pub struct NotOneOf {
    text: String,
    allowed: String,
}

impl NotOneOf {
    pub(crate) fn new(text: &str, allowed: &[&str]) -> Self {
        Self {
            text: cut(text).to_owned(),
            allowed: allowed.join(", "),
        }
    }
}

/// The beginning of somebody's input, short enough for an error message.
pub(crate) fn cut(text: &str) -> &str {
    text.char_indices()
        .nth(64)
        .and_then(|(end, _)| text.get(..end))
        .unwrap_or(text)
}

/// Declares an enum whose values are words. The order of the values is their order.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$word_doc:meta])* $word:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$word_doc])* $word,)+
        }

        impl $name {
            /// Every value, in order.
            pub const ALL: &'static [Self] = &[$(Self::$word),+];

            /// The word, as it stands in JSON and in the database.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$word => $text,)+ }
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = $crate::words::NotOneOf;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($text => Ok(Self::$word),)+
                    other => Err($crate::words::NotOneOf::new(other, &[$($text),+])),
                }
            }
        }

        impl ::serde::Serialize for $name {
            fn serialize<S: ::serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(self.as_str())
            }
        }

        impl<'de> ::serde::Deserialize<'de> for $name {
            fn deserialize<D: ::serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = <::std::borrow::Cow<'de, str> as ::serde::Deserialize>::deserialize(from)?;
                // In serde's words, so that whoever reads the error can tell a wrong word from a wrong form.
                let unknown = |_| ::serde::de::Error::unknown_variant($crate::words::cut(&text), &[$($text),+]);
                text.parse().map_err(unknown)
            }
        }
    };
}
pub(crate) use words;
