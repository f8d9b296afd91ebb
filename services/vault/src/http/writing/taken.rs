//! What the handlers that write take beside an id.

use {
    axum::{
        extract::FromRequestParts,
        http::{header, request::Parts},
    },
    portreeve_guard::Problem,
    portreeve_kernel::Code,
    portreeve_notes::Revision,
    serde::Deserialize,
    utoipa::IntoParams,
};

/// Whether it is only tried.
#[derive(Debug, Clone, Copy, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct WriteQuery {
    /// Answer what would be written, and which rules it breaks, and write nothing.
    #[param(default = false)]
    pub(in crate::http) dry_run: Option<bool>,
}

/// How it is deleted.
#[derive(Debug, Clone, Copy, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct DeleteQuery {
    /// Also when others belong to it, which then go with it, or build on it.
    #[param(default = false)]
    pub(in crate::http) force: Option<bool>,
    /// Answer what would be deleted, and delete nothing.
    #[param(default = false)]
    pub(in crate::http) dry_run: Option<bool>,
}

/// A body: an object, whose fields the table reads. Null is none, though serde would take it for an empty one.
#[derive(Debug)]
pub(in crate::http) struct Body(pub(in crate::http) serde_json::Map<String, serde_json::Value>);

impl<'de> Deserialize<'de> for Body {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> serde::de::Visitor<'de> for Object {
            type Value = serde_json::Map<String, serde_json::Value>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut all = serde_json::Map::new();
                while let Some((name, value)) = map.next_entry()? {
                    all.insert(name, value);
                }
                Ok(all)
            }
        }

        from.deserialize_map(Object).map(Self)
    }
}

/// The revision that the caller has read: `If-Match`. None when it is the tag of something that was never a note.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) struct Expected(pub(in crate::http) Option<Revision>);

const IF_MATCH: &str = "If-Match";

impl<S: Sync> FromRequestParts<S> for Expected {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut values = parts.headers.get_all(header::IF_MATCH).iter();
        let wrong = || {
            Problem::new(Code::ValidationInvalidFormat)
                .detail("one `ETag` of the note is expected, in its quotes; neither `*` nor a weak one nor several")
                .param(IF_MATCH)
        };
        let Some(value) = values.next() else {
            return Err(Problem::new(Code::VaultRevisionMissing).param(IF_MATCH));
        };
        let text = value.to_str().map_err(|_| wrong())?.trim();
        let tag = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        match tag.filter(|tag| !tag.is_empty() && !tag.contains(['"', ' '])) {
            Some(tag) if values.next().is_none() => Ok(Self(Revision::parse(tag))),
            _ => Err(wrong()),
        }
    }
}

#[cfg(test)]
mod tests {
    use {
        super::*,
        axum::http::{HeaderValue, Request},
        portreeve_notes::Seal,
    };

    async fn expected(values: &[&[u8]]) -> Result<Option<Revision>, Code> {
        let mut request = Request::new(());
        for value in values {
            request
                .headers_mut()
                .append(header::IF_MATCH, HeaderValue::from_bytes(value).unwrap());
        }
        let read = Expected::from_request_parts(&mut request.into_parts().0, &()).await;
        read.map(|Expected(revision)| revision)
            .map_err(|problem| problem.code())
    }

    #[tokio::test]
    async fn only_one_strong_tag_says_what_somebody_has_read() {
        let revision = Seal::default().revision(b"x");
        let tag = format!("\"{revision}\"");
        assert_eq!(expected(&[tag.as_bytes()]).await, Ok(Some(revision)));
        assert_eq!(
            expected(&[b"\"another\""]).await,
            Ok(None),
            "it is a tag, and of no note"
        );
        assert_eq!(expected(&[]).await, Err(Code::VaultRevisionMissing));
        let weak = format!("W/{tag}");
        let two = format!("{tag}, {tag}");
        for wrong in [
            &[b"*".as_slice()][..],
            &[weak.as_bytes()],
            &[two.as_bytes()],
            &[tag.as_bytes(), tag.as_bytes()],
            &[revision.to_string().as_bytes()],
            &[b""],
            &[b"\"\""],
            &[b"\"a\" \"b\""],
            &[b"\"\xff\""],
        ] {
            assert_eq!(expected(wrong).await, Err(Code::ValidationInvalidFormat), "{wrong:?}");
        }
    }
}
