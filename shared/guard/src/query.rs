//! Strict query strings: unknown, repeated and malformed parameters are named in `param`.

use {
    crate::{
        json::{self, Fault},
        problem::Problem,
    },
    axum::{extract::FromRequestParts, http::request::Parts},
    portreeve_kernel::Code,
    serde::{
        Deserializer,
        de::{DeserializeOwned, Error, IntoDeserializer, Unexpected, Visitor, value::MapDeserializer},
        forward_to_deserialize_any,
    },
    std::{borrow::Cow, collections::BTreeSet},
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
    let pairs = form_urlencoded::parse(query.as_bytes()).map(|(name, value)| (name, Text(value)));
    json::fill(MapDeserializer::new(pairs))
}

/// A value of a query, which is text whatever it means.
struct Text<'a>(Cow<'a, str>);

impl<'de> IntoDeserializer<'de, Fault> for Text<'de> {
    type Deserializer = Self;
    fn into_deserializer(self) -> Self {
        self
    }
}

macro_rules! numbers {
    ($($read:ident $visit:ident)+) => {$(
        fn $read<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            match self.0.parse() {
                Ok(number) => visitor.$visit(number),
                Err(_) => Err(Fault::invalid_type(Unexpected::Str(&self.0), &visitor)),
            }
        }
    )+};
}

impl<'de> Deserializer<'de> for Text<'de> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.0.into_deserializer().deserialize_any(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        words: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.0.into_deserializer().deserialize_enum(name, words, visitor)
    }

    numbers! {
        deserialize_bool visit_bool
        deserialize_u8 visit_u8 deserialize_u16 visit_u16 deserialize_u32 visit_u32 deserialize_u64 visit_u64
        deserialize_i8 visit_i8 deserialize_i16 visit_i16 deserialize_i32 visit_i32 deserialize_i64 visit_i64
        deserialize_f32 visit_f32 deserialize_f64 visit_f64
    }

    forward_to_deserialize_any! {
        i128 u128 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct identifier ignored_any
    }
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
