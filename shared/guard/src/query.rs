//! Strict query strings: unknown, repeated and malformed parameters are named in `param`.

use {
    crate::{json, problem::Problem},
    axum::{extract::FromRequestParts, http::request::Parts},
    portreeve_kernel::Code,
    serde::de::DeserializeOwned,
    std::collections::BTreeSet,
};

/// The parameters of a request's query.
#[derive(Debug, Clone, Copy, Default)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        read(parts.uri.query().unwrap_or("")).map(Self)
    }
}

fn read<T: DeserializeOwned>(query: &str) -> Result<T, Problem> {
    let mut seen = BTreeSet::new();
    for (name, _) in form_urlencoded::parse(query.as_bytes()) {
        if seen.contains(&name) {
            return Err(Problem::new(Code::ValidationInvalidFormat)
                .detail(format_args!("`{name}` stands twice in the query"))
                .param(name));
        }
        seen.insert(name);
    }
    json::fill(serde_urlencoded::Deserializer::new(form_urlencoded::parse(
        query.as_bytes(),
    )))
}

#[cfg(test)]
mod tests {
    use {super::*, serde::Deserialize};

    #[derive(Debug, Deserialize)]
    struct Filter {
        limit: Option<u32>,
        name: Option<String>,
    }

    #[test]
    fn parameters_are_read() {
        let filter: Filter = read("limit=7&name=a+b%20c").unwrap();
        assert_eq!((filter.limit, filter.name.as_deref()), (Some(7), Some("a b c")));
        assert!(read::<Filter>("").is_ok());
    }

    #[test]
    fn unknown_repeated_and_malformed_parameters_are_named() {
        for (query, param) in [
            ("x=1", "x"),
            ("limit=1&limit=1", "limit"),
            ("limit=-1", "limit"),
            ("limit=", "limit"),
        ] {
            let problem = read::<Filter>(query).unwrap_err();
            let told: serde_json::Value = serde_json::from_slice(&problem.document(None, None)).unwrap();
            assert_eq!(
                (&*told["code"].to_string(), told["param"].as_str()),
                ("\"VALIDATION_INVALID_FORMAT\"", Some(param))
            );
        }
    }
}
