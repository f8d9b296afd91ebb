//! What every resource server's API description says the same way.

use {
    crate::problem::{MEDIA_TYPE, ProblemDocument},
    portreeve_kernel::Code,
    std::collections::BTreeMap,
    utoipa::{
        IntoResponses, PartialSchema, ToSchema,
        openapi::{
            Content, Header, OpenApi, Ref, RefOr, ResponseBuilder,
            response::Response,
            schema::{ObjectBuilder, Type},
            security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
        },
    },
};

/// The name of the security scheme; operations write `security(("bearer" = ["scope"]))`.
pub const BEARER: &str = "bearer";

/// Adds the parts that operations refer to: the security scheme and the problem document.
pub fn complete(api: &mut OpenApi) {
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some(
            "An API key, `wai_live_…` or `wai_test_…`. The scopes an operation needs stand with it.",
        ))
        .build();
    let components = api.components.get_or_insert_default();
    components.add_security_scheme(BEARER, SecurityScheme::Http(bearer));
    components
        .schemas
        .insert(ProblemDocument::name().into_owned(), ProblemDocument::schema());
}

/// The problem answers of one operation, one for each status of `codes`.
#[must_use]
pub fn problems(codes: &[Code]) -> BTreeMap<String, RefOr<Response>> {
    let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    for code in codes {
        by_status.entry(code.status()).or_default().push(*code);
    }
    let each = |(status, codes): (u16, Vec<Code>)| {
        let lines: Vec<String> = codes.iter().map(|code| format!("`{code}`: {}", code.title())).collect();
        let content = Content::new(Some(Ref::from_schema_name(ProblemDocument::name())));
        let text = |about: &str| {
            let mut header = Header::new(ObjectBuilder::new().schema_type(Type::String));
            header.description = Some(about.to_owned());
            header
        };
        let mut response = ResponseBuilder::new()
            .description(lines.join("; "))
            .content(MEDIA_TYPE, content);
        if status == 401 || codes.contains(&Code::AuthScopeInsufficient) {
            response = response.header("WWW-Authenticate", text("What the credential lacks (RFC 6750)"));
        }
        if status == 503 {
            response = response.header("Retry-After", text("Seconds to wait before the next try"));
        }
        (status.to_string(), RefOr::T(response.build()))
    };
    by_status.into_iter().map(each).collect()
}

/// The problem answers of every operation that needs a credential.
#[derive(Debug)]
pub enum Refusals {}

impl Refusals {
    /// What any authenticated operation may answer.
    pub const CODES: &'static [Code] = &[
        Code::AuthKeyInvalid,
        Code::AuthKeyExpired,
        Code::AuthKeyRevoked,
        Code::AuthScopeInsufficient,
        Code::AuthIpBlocked,
        Code::SystemInternalError,
        Code::SystemDatabaseError,
    ];
}

impl IntoResponses for Refusals {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(Self::CODES)
    }
}

/// The problem answers of every operation that reads a JSON body.
#[derive(Debug)]
pub enum BodyRefusals {}

impl IntoResponses for BodyRefusals {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(&[
            Code::ValidationRequiredField,
            Code::ValidationInvalidFormat,
            Code::ValidationOutOfRange,
            Code::ValidationInvalidEnum,
            Code::RequestTimeout,
            Code::RequestTooLarge,
            Code::RequestMediaType,
        ])
    }
}

/// Declares the problem answers of one operation: `problems! { /// doc Name = [Code::AgentNotFound]; }`. Each adds the
/// answers of [`Refusals`] that share a status, because a status stands once in a description.
#[macro_export]
macro_rules! problems {
    ($($(#[$doc:meta])* $name:ident = [$($code:expr),+ $(,)?];)+) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub enum $name {}

        impl ::utoipa::IntoResponses for $name {
            fn responses() -> ::std::collections::BTreeMap<
                String,
                ::utoipa::openapi::RefOr<::utoipa::openapi::response::Response>,
            > {
                $crate::openapi::problems(&[$($code),+])
            }
        }
    )+};
}
