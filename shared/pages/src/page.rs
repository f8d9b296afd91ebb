//! Pages and what browsers may do with them. The texts are in `templates/`.

pub mod vault;

use {
    crate::asset,
    askama::Template,
    axum::{
        http::{HeaderName, HeaderValue, StatusCode, header},
        response::{Html, IntoResponse, Response},
    },
    portreeve_guard::Problem,
    portreeve_kernel::RequestId,
};

/// For pages; other answers get stricter ones from the gate. `same-origin`, because without any referrer a form says that
/// it comes from nowhere.
const HEADERS: [(HeaderName, HeaderValue); 4] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; form-action 'self'; \
             frame-ancestors 'none'; base-uri 'none'",
        ),
    ),
    (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static("publickey-credentials-create=(self), publickey-credentials-get=(self)"),
    ),
];

/// A page as an answer.
#[derive(Debug, Clone, Copy)]
pub struct Page<T> {
    status: StatusCode,
    body: T,
}

impl<T> Page<T> {
    /// A page that was asked for.
    pub const fn new(body: T) -> Self {
        Self {
            status: StatusCode::OK,
            body,
        }
    }

    /// The same, with another status.
    #[must_use]
    pub fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }
}

impl<T: Template> IntoResponse for Page<T> {
    fn into_response(self) -> Response {
        let mut response = match self.body.render() {
            Ok(text) => (self.status, Html(text)).into_response(),
            Err(error) => return Problem::internal(error).into_response(),
        };
        response.headers_mut().extend(HEADERS);
        response
    }
}

/// Where somebody makes a passkey. The link's secret stands behind the `#` of its address, which browsers send nowhere.
#[derive(Debug, Clone, Copy, Template)]
#[template(path = "enrol.html")]
pub struct Enrol;

/// Where somebody signs in.
#[derive(Debug, Clone, Copy, Template)]
#[template(path = "signin.html")]
pub struct SignIn<'a> {
    /// Where to go on then.
    pub next: &'a str,
}

/// What somebody sees who is signed in and wants nothing else.
#[derive(Debug, Clone, Copy, Template)]
#[template(path = "signed_in.html")]
pub struct SignedIn<'a> {
    /// Who it is.
    pub name: &'a str,
    /// In which role.
    pub role: &'a str,
    /// The token of the form `signout`.
    pub token: &'a str,
    /// What they let in that has not ended: the newest of it.
    pub grants: &'a [LetIn],
    /// How much of that there is.
    pub count: u64,
}

impl SignedIn<'_> {
    fn has_more(&self) -> bool {
        u64::try_from(self.grants.len()).is_ok_and(|shown| shown < self.count)
    }
}

/// A program that somebody let in.
#[derive(Debug, Clone)]
pub struct LetIn {
    /// The grant.
    pub id: String,
    /// What the program calls itself.
    pub client: String,
    /// The hosts that its answers go to, or that it is described at; empty when neither is known.
    pub hosts: String,
    /// The resource server's name.
    pub resource: String,
    /// What it may do there: in words, and as a scope.
    pub scopes: Vec<(String, String)>,
    /// The one agent that it acts for: its name, and its id. The person itself without.
    pub agent: Option<(String, String)>,
    /// Since when.
    pub since: String,
    /// The token of the form that ends it.
    pub token: String,
}

/// Where somebody decides what a program may do.
#[derive(Debug, Clone, Template)]
#[template(path = "consent.html")]
pub struct Consent<'a> {
    /// What the program calls itself.
    pub client: &'a str,
    /// Where its answer goes.
    pub target: Target<'a>,
    /// True when nobody of the owner's people made it.
    pub is_stranger: bool,
    /// The resource server's name, and its address.
    pub resource: (&'a str, &'a str),
    /// What it may be let do.
    pub wishes: &'a [Wish<'a>],
    /// For which agents it may act.
    pub agents: &'a [AgentChoice<'a>],
    /// True when there are more of them.
    pub has_more_agents: bool,
    /// Who decides, and in which role.
    pub name: &'a str,
    /// In which role.
    pub role: &'a str,
    /// True when that role passes every check of the resource server.
    pub passes_checks: bool,
    /// The token of this form.
    pub token: &'a str,
}

/// Where a program gets its answer.
#[derive(Debug, Clone, Copy)]
pub enum Target<'a> {
    /// The browser takes it back.
    Redirect {
        /// What was asked, as it came.
        request: &'a str,
        /// The host that the answer goes to.
        host: &'a str,
        /// True when that is the person's own machine.
        is_loopback: bool,
    },
    /// The program waits on another device.
    Device {
        /// The code that it shows.
        code: &'a str,
    },
}

/// Where somebody types the code that a program shows on another device.
#[derive(Debug, Clone, Copy, Template)]
#[template(path = "device.html")]
pub struct Device<'a> {
    /// What was typed before.
    pub code: &'a str,
    /// True when that leads to no program.
    pub is_wrong: bool,
}

/// One thing that a program wants to do.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    /// The scope.
    pub scope: &'a str,
    /// The same in words.
    pub words: &'a str,
    /// False when an agent cannot hold it.
    pub is_for_agents: bool,
}

/// An agent to choose.
#[derive(Debug, Clone, Copy)]
pub struct AgentChoice<'a> {
    /// Its id.
    pub id: &'a str,
    /// What people call it.
    pub name: &'a str,
    /// Whether it is chosen to begin with.
    pub is_chosen: bool,
}

/// Where an owner approves what an agent may spend.
#[derive(Debug, Clone, Copy, Template)]
#[template(path = "approve.html")]
pub struct Approve<'a> {
    /// Which agent, and what people call it.
    pub agent: (&'a str, &'a str),
    /// The policy in words: nothing of it is left out.
    pub lines: &'a [(&'static str, String)],
    /// What its owner should know about it.
    pub warnings: &'a [String],
    /// Which version it is.
    pub version: u64,
    /// What a passkey signs, in base64url.
    pub challenge: &'a str,
    /// The site that passkeys are good for.
    pub site: &'a str,
    /// The ids of those of this person's passkeys that the signer believes, with spaces between them.
    pub passkeys: &'a str,
    /// Who approves, by id and by name.
    pub user: (&'a str, &'a str),
    /// The token of the form.
    pub token: &'a str,
}

/// Says that nothing waits for an owner any more.
#[derive(Debug, Clone, Copy, Template)]
#[template(path = "approved.html")]
pub struct Approved<'a> {
    /// Which agent, and what people call it.
    pub agent: (&'a str, &'a str),
    /// The version in force.
    pub version: u64,
}

/// A request that goes nowhere until somebody follows the link.
#[derive(Debug, Clone, Copy, Template)]
#[template(path = "back.html")]
pub struct Back<'a> {
    /// What the program calls itself.
    pub client: &'a str,
    /// What is wrong with what it asked.
    pub reason: &'a str,
    /// Where the link leads.
    pub location: &'a str,
    /// The host of that.
    pub host: &'a str,
}

/// Says why something did not happen.
#[derive(Debug, Clone, Copy, Template)]
#[template(path = "notice.html")]
pub struct Notice<'a> {
    /// In a few words.
    pub title: &'a str,
    /// And what to do about it.
    pub text: &'a str,
    /// To be quoted to whoever looks it up in the log.
    pub request: &'a str,
}

/// Says why something did not happen.
#[must_use]
pub fn notice<'a>(status: StatusCode, title: &'a str, text: &'a str, request: &'a RequestId) -> Page<Notice<'a>> {
    Page {
        status,
        body: Notice {
            title,
            text,
            request: request.as_str(),
        },
    }
}

/// What `problem` says, as a page, and when it passes: somebody has looked at too many of them.
#[must_use]
pub fn too_many(problem: Problem, request: &RequestId) -> Response {
    let text = "You have looked at very many pages in a minute. Wait a moment, and open this one again.";
    let page = notice(problem.status(), "Too many pages at once", text, request);
    let (mut page, told) = (page.into_response(), problem.into_response());
    let after = told.headers().get(header::RETRY_AFTER);
    page.headers_mut()
        .extend(after.map(|after| (header::RETRY_AFTER, after.clone())));
    page
}

#[cfg(test)]
mod tests;
