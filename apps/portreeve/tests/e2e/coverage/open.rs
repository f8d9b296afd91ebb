//! What takes no bearer, and why. A list that becomes longer is read in review.

/// What anybody may call. This list may only become shorter.
pub(super) const OPEN: [&str; 4] = ["getHealth", "getMetrics", "getOpenApi", "getReadiness"];

/// Documents that have to be read before anybody can have a credential (RFC 8414, RFC 9728, RFC 7517). They say nothing
/// that the settings do not, and no row is read for them.
pub(super) const DOCUMENTS: [&str; 5] = [
    "getAuthorizationServer",
    "getJwks",
    "getRootResource",
    "getVaultResource",
    "getWalletResource",
];

/// Endpoints that ask for a client, not for a bearer: what they refuse is in the words of the OAuth RFCs.
pub(super) const FOR_CLIENTS: [&str; 4] = ["authorizeDevice", "introspectToken", "requestToken", "revokeToken"];

/// What anybody may ask for, and whoever has a credential more of. What is refused is told in the words of RFC 7591.
pub(super) const FOR_ANYBODY: [&str; 1] = ["registerClient"];

/// Pages, which have to be seen before anybody can be signed in, and their script. Who is signed in is in a cookie.
pub(super) const PAGES: [&str; 10] = [
    "approvePage",
    "deviceDonePage",
    "devicePage",
    "enrolPage",
    "getAsset",
    "signInPage",
    "vaultFindingsPage",
    "vaultNotePage",
    "vaultPage",
    "vaultSearchPage",
];

/// What the script of pages asks for: asked by a page of ours, or not at all.
pub(super) const FOR_PAGES: [&str; 9] = [
    "approveByPasskey",
    "beginEnrolment",
    "beginSignIn",
    "consent",
    "decideDevice",
    "endOwnGrant",
    "finishEnrolment",
    "finishSignIn",
    "signOut",
];
