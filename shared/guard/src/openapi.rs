//! What every resource server's API description says the same way.

use {
    crate::problem::{MEDIA_TYPE, ProblemDocument},
    portreeve_kernel::Code,
    std::{collections::BTreeMap, fmt, mem},
    utoipa::{
        IntoResponses, PartialSchema, ToSchema,
        openapi::{
            Content, Header, OpenApi, Ref, RefOr, ResponseBuilder,
            response::Response,
            schema::{ObjectBuilder, Type},
            security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
        },
    },
    utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter},
};

/// The name of the security scheme; operations write `security(("bearer" = ["scope"]))`.
pub const BEARER: &str = "bearer";

/// Routes that all begin with one path. They say less of themselves; to nest them in a router would take the path off each request
/// again, for handlers that do not look at it.
pub struct Below<S> {
    path: &'static str,
    router: OpenApiRouter<S>,
}

impl<S: Clone + Send + Sync + 'static> Below<S> {
    /// None yet, below `path`: whole segments, or nothing.
    #[must_use]
    pub fn new(path: &'static str) -> Self {
        Self {
            path,
            router: OpenApiRouter::default(),
        }
    }

    /// The same with what `routes!` makes.
    #[must_use]
    pub fn routes(self, (schemas, mut paths, methods): UtoipaMethodRouter<S>) -> Self {
        let Self { path, router } = self;
        let own = mem::take(&mut paths.paths).into_iter();
        paths.paths = own.map(|(own, item)| (format!("{path}{own}"), item)).collect();
        Self {
            path,
            router: router.routes((schemas, paths, methods)),
        }
    }

    /// All of them.
    #[must_use]
    pub fn router(self) -> OpenApiRouter<S> {
        self.router
    }
}

impl<S> fmt::Debug for Below<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Below")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// Adds the parts that operations refer to: the security scheme and the problem document.
pub fn complete(api: &mut OpenApi) {
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some(
            "An API key, `wai_live_…` or `wai_test_…`, or an access token of this server's own issuer. The scopes an \
             operation needs stand with it.",
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

/// What any operation that needs a credential may answer.
const REFUSALS: &[Code] = &[
    Code::AuthKeyInvalid,
    Code::AuthKeyExpired,
    Code::AuthKeyRevoked,
    Code::AuthTokenExpired,
    Code::AuthTokenRevoked,
    Code::AuthScopeInsufficient,
    Code::AuthIpBlocked,
    Code::AuthOutsideHours,
    Code::SystemRateLimited,
    Code::SystemInternalError,
    Code::SystemDatabaseError,
];

/// What any operation that reads a JSON body may answer.
const BODY_REFUSALS: &[Code] = &[
    Code::ValidationRequiredField,
    Code::ValidationInvalidFormat,
    Code::ValidationOutOfRange,
    Code::ValidationInvalidEnum,
    Code::RequestTimeout,
    Code::RequestTooLarge,
    Code::RequestMediaType,
];

/// The problem answers of every operation that needs a credential.
#[derive(Debug)]
pub enum Refusals {}

impl IntoResponses for Refusals {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(REFUSALS)
    }
}

/// The problem answers of every operation that reads a JSON body or a query.
#[derive(Debug)]
pub enum BodyRefusals {}

impl IntoResponses for BodyRefusals {
    fn responses() -> BTreeMap<String, RefOr<Response>> {
        problems(BODY_REFUSALS)
    }
}

/// The problem answers of one operation, for [`problems!`](crate::problems). A status stands once in a description, the
/// last one wins, so what [`Refusals`] and [`BodyRefusals`] say under the same status is said here again.
#[must_use]
pub fn beside_the_common(codes: &[Code]) -> BTreeMap<String, RefOr<Response>> {
    let shares = |common: &&Code| codes.iter().any(|code| code.status() == common.status());
    let common = REFUSALS.iter().chain(BODY_REFUSALS).filter(shares);
    problems(&common.chain(codes).copied().collect::<Vec<_>>())
}

/// Names the problem answers of one operation; they stand last in its `responses(…)`.
///
/// ```
/// use portreeve_kernel::Code;
/// use utoipa::IntoResponses;
///
/// portreeve_guard::problems! {
///     /// What naming an agent may answer.
///     pub NameAgent = [Code::AgentNotFound];
/// }
/// assert!(NameAgent::responses().contains_key("404"));
/// ```
#[macro_export]
macro_rules! problems {
    ($($(#[$doc:meta])* $seen:vis $name:ident = [$($code:expr),+ $(,)?];)+) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        $seen enum $name {}

        impl ::utoipa::IntoResponses for $name {
            fn responses() -> ::std::collections::BTreeMap<
                ::std::string::String,
                ::utoipa::openapi::RefOr<::utoipa::openapi::response::Response>,
            > {
                $crate::openapi::beside_the_common(&[$($code),+])
            }
        }
    )+};
}

#[cfg(test)]
mod tests {
    use {super::*, utoipa::openapi::OpenApiBuilder};

    #[test]
    fn what_one_operation_adds_hides_nothing_that_all_say() {
        let all = beside_the_common(&[Code::PolicyDailyLimitExceeded, Code::AgentNotFound]);
        let statuses: Vec<&str> = all.keys().map(String::as_str).collect();
        assert_eq!(statuses, ["403", "404"]);
        let told = serde_json::to_value(&all["403"]).unwrap();
        for code in [
            "AUTH_SCOPE_INSUFFICIENT",
            "AUTH_IP_BLOCKED",
            "POLICY_DAILY_LIMIT_EXCEEDED",
        ] {
            assert!(told["description"].as_str().unwrap().contains(code), "{told}");
        }
        assert_eq!(
            told["content"][MEDIA_TYPE]["schema"]["$ref"],
            "#/components/schemas/Problem"
        );
    }

    #[test]
    fn what_operations_refer_to_is_in_the_description() {
        let mut api = OpenApiBuilder::new().build();
        complete(&mut api);
        let told = serde_json::to_value(&api).unwrap();
        assert_eq!(told["components"]["securitySchemes"][BEARER]["scheme"], "bearer");
        assert_eq!(told["components"]["schemas"]["Problem"]["type"], "object");
    }
}
