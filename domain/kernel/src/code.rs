//! The registry of error codes: one table. A code is documented, never renamed and never reused.

use std::fmt;

/// How alarming an error is to the owner. Not how the caller should feel about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// Told, no more.
    Low,
    /// Worth a look.
    Medium,
    /// Money is stopped or should be.
    High,
    /// Something is broken into or broken.
    Critical,
}

impl Level {
    /// As it stands in answers and events.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "LOW",
            Self::Medium => "MEDIUM",
            Self::High => "HIGH",
            Self::Critical => "CRITICAL",
        }
    }
}

macro_rules! level {
    (-) => {
        None
    };
    ($level:ident) => {
        Some(Level::$level)
    };
}

macro_rules! codes {
    ($($name:ident $text:literal $status:literal $retry:literal $level:tt $title:literal, $help:literal;)+) => {
        /// A code of the registry. Each comes with an HTTP status, whether the same request may succeed later, an
        /// alarm level, a title and what to do.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code {
            $(#[doc = $title] $name,)+
        }

        impl Code {
            /// Every code, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The code as clients see it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// The HTTP status that goes with it.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Self::$name => $status,)+ }
            }

            /// True when the same request may succeed later. For money: with the same `Idempotency-Key`.
            #[must_use]
            pub const fn retryable(self) -> bool {
                match self { $(Self::$name => $retry,)+ }
            }

            /// How alarming it is to the owner; `None` when it is the caller's own matter.
            #[must_use]
            pub const fn level(self) -> Option<Level> {
                match self { $(Self::$name => level!($level),)+ }
            }

            /// A short name for people, the same at every occurrence.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)+ }
            }

            /// What the caller can do about it.
            #[must_use]
            pub const fn help(self) -> &'static str {
                match self { $(Self::$name => $help,)+ }
            }
        }
    };
}

codes! {
    AuthKeyInvalid "AUTH_KEY_INVALID" 401 false - "Credential not valid", "Send `Authorization: Bearer <api key>` with a key of this server; check that it was copied whole.";
    AuthKeyExpired "AUTH_KEY_EXPIRED" 401 false - "API key expired", "Ask the owner for a new key.";
    AuthKeyRevoked "AUTH_KEY_REVOKED" 401 false - "API key revoked", "Ask the owner for a new key.";
    AuthKeyNotFound "AUTH_KEY_NOT_FOUND" 404 false - "API key not found", "List the keys to see which exist.";
    AuthTokenExpired "AUTH_TOKEN_EXPIRED" 401 true - "Access token expired", "Ask the authorization server for a new token.";
    AuthTokenRevoked "AUTH_TOKEN_REVOKED" 401 false - "Access token revoked", "Its grant has ended: begin anew, or ask the owner why.";
    AuthClientNotFound "AUTH_CLIENT_NOT_FOUND" 404 false - "OAuth client not found", "List the clients to see which exist.";
    AuthDeviceNotFound "AUTH_DEVICE_NOT_FOUND" 404 false - "No program waits with that code", "Look at the code that the program shows; it is good for ten minutes, and once.";
    AuthGrantNotFound "AUTH_GRANT_NOT_FOUND" 404 false - "Grant not found", "List the grants to see which exist.";
    AuthLinkInvalid "AUTH_LINK_INVALID" 403 false - "Link not valid", "It was used, is over, or was never made. Ask for a new one: the owner makes it with `portreeve user link`.";
    AuthPasskeyRefused "AUTH_PASSKEY_REFUSED" 403 false - "Passkey not accepted", "Begin again. If it stays, ask the owner for a link, and make another passkey.";
    AuthPasskeyNotFound "AUTH_PASSKEY_NOT_FOUND" 404 false - "Passkey not found", "List the person's passkeys to see which exist.";
    AuthSessionOver "AUTH_SESSION_OVER" 403 true - "Signed out", "Sign in again, and begin anew where you came from.";
    AuthAssertionRequired "AUTH_ASSERTION_REQUIRED" 403 true - "Signed in too long ago", "Sign in with the passkey again, and then decide: what moves money or changes who may needs a person who is there.";
    AuthScopeInsufficient "AUTH_SCOPE_INSUFFICIENT" 403 false - "Scope missing", "Use a credential that holds the scope named in the answer.";
    AuthIpBlocked "AUTH_IP_BLOCKED" 403 false Low "Address not allowed", "Call from an address in the key's list, or ask the owner to change the list.";
    AuthOutsideHours "AUTH_OUTSIDE_HOURS" 403 true Low "Outside the key's hours", "Call again at the moment named in `opensAt`, or ask the owner for a key with other hours.";

    RequestNotFound "REQUEST_NOT_FOUND" 404 false - "No such route", "Look the path up in /openapi.json.";
    RequestMethodNotAllowed "REQUEST_METHOD_NOT_ALLOWED" 405 false - "Method not allowed", "Use one of the methods in the `Allow` header.";
    RequestHostUnknown "REQUEST_HOST_UNKNOWN" 421 false - "Host name not ours", "Call the server by the name it is configured with, or by a loopback name.";
    RequestOriginNotAllowed "REQUEST_ORIGIN_NOT_ALLOWED" 403 false Low "Web page not allowed", "Web pages may call this server only from its own origin and from those in `server.allowed_origins`.";
    RequestNotAcceptable "REQUEST_NOT_ACCEPTABLE" 406 false - "No acceptable form of answer", "Send `Accept: application/json, text/event-stream`.";
    RequestTimeout "REQUEST_TIMEOUT" 408 true - "Body came too slowly", "Send the whole body within 60 seconds, without a pause of 15.";
    RequestTooLarge "REQUEST_TOO_LARGE" 413 false - "Request too large", "Send at most 64 KiB.";
    RequestUriTooLong "REQUEST_URI_TOO_LONG" 414 false - "URI too long", "Send at most 4 KiB of path and query.";
    RequestHeadersTooLarge "REQUEST_HEADERS_TOO_LARGE" 431 false - "Too many headers", "Send at most 64 header fields and 16 KiB of them.";
    RequestMediaType "REQUEST_MEDIA_TYPE" 415 false - "Unsupported media type", "Send `Content-Type: application/json`, without a content encoding.";
    RequestIdempotencyKeyMissing "REQUEST_IDEMPOTENCY_KEY_MISSING" 428 false - "Idempotency-Key missing", "Send an `Idempotency-Key` header of 1 to 255 visible ASCII characters, new for each payment and the same for each retry.";
    RequestIdempotencyMismatch "REQUEST_IDEMPOTENCY_MISMATCH" 422 false - "Idempotency-Key reused with another body", "Use a new key for a new payment, or repeat the first body exactly.";

    ResourceServerNotFound "RESOURCE_SERVER_NOT_FOUND" 404 false - "Resource server not found", "List the resource servers to see which are registered.";

    UserNotFound "USER_NOT_FOUND" 404 false - "User not found", "List the users to see who there is.";
    UserLastOwner "USER_LAST_OWNER" 409 false - "The last owner", "Make somebody else an owner first.";

    ValidationRequiredField "VALIDATION_REQUIRED_FIELD" 400 false - "Field missing", "Add the field named in `param`.";
    ValidationInvalidFormat "VALIDATION_INVALID_FORMAT" 400 false - "Field malformed", "Correct the field named in `param`; `detail` says what would work.";
    ValidationOutOfRange "VALIDATION_OUT_OF_RANGE" 400 false - "Field out of range", "Correct the field named in `param`; `detail` gives the bounds.";
    ValidationInvalidEnum "VALIDATION_INVALID_ENUM" 400 false - "Value not one of the allowed", "Use one of the values that `detail` lists.";
    ValidationDuplicate "VALIDATION_DUPLICATE" 409 false - "Already exists", "Choose another name, or use what exists.";

    PolicyPerTxLimitExceeded "POLICY_PER_TX_LIMIT_EXCEEDED" 403 false Low "Above the limit per transaction", "Send at most `maxAmountNow`, or ask the owner.";
    PolicyDailyLimitExceeded "POLICY_DAILY_LIMIT_EXCEEDED" 403 false Low "Above the limit of 24 hours", "Send at most `maxAmountNow`, or wait until `passesAt`.";
    PolicyWeeklyLimitExceeded "POLICY_WEEKLY_LIMIT_EXCEEDED" 403 false Low "Above the limit of 7 days", "Send at most `maxAmountNow`, or wait until `passesAt`.";
    PolicyMonthlyLimitExceeded "POLICY_MONTHLY_LIMIT_EXCEEDED" 403 false Low "Above the limit of 30 days", "Send at most `maxAmountNow`, or wait until `passesAt`.";
    PolicyGlobalBudgetExceeded "POLICY_GLOBAL_BUDGET_EXCEEDED" 403 false Medium "Above the owner's global budget", "Wait until `passesAt`, or ask the owner.";
    PolicyDestinationNotAllowed "POLICY_DESTINATION_NOT_ALLOWED" 403 false High "Destination not on the list", "Pay one of the allowed destinations, or ask the owner to add this one.";
    PolicyProgramNotAllowed "POLICY_PROGRAM_NOT_ALLOWED" 403 false High "Program not on the list", "Ask the owner to allow the program.";
    PolicyTokenNotAllowed "POLICY_TOKEN_NOT_ALLOWED" 403 false Medium "Token not allowed", "Spend an asset that has limits in the policy, or ask the owner to give this one limits.";
    PolicyTokenAccountsExceeded "POLICY_TOKEN_ACCOUNTS_EXCEEDED" 403 false Medium "Too many token accounts opened", "Whoever is paid has no account for this token, and the fee payer has opened enough of them for this agent. Pay somebody who has one, or wait until `passesAt`.";
    PolicyOutsideOperatingHours "POLICY_OUTSIDE_OPERATING_HOURS" 403 false Low "Outside operating hours", "Wait until `passesAt`.";
    PolicyBlackoutDate "POLICY_BLACKOUT_DATE" 403 false Low "Blackout date", "Wait until `passesAt`.";
    PolicyMinInterval "POLICY_MIN_INTERVAL" 403 false Low "Too soon after the last payment", "Wait until `passesAt`.";
    PolicyAmountCritical "POLICY_AMOUNT_CRITICAL" 403 false Critical "Amount at or above an alarm threshold", "The agent is suspended. Only the owner can go on from here.";
    PolicyInvalid "POLICY_INVALID" 400 false - "Policy not valid", "Correct the fields listed in `violations`.";
    PolicyNotApproved "POLICY_NOT_APPROVED" 409 false - "Policy not approved by the owner", "The owner approves it with `portreeve policy approve`.";
    PolicyProofInvalid "POLICY_PROOF_INVALID" 403 false High "Owner's approval not valid", "Sign the challenge of this very act with the approval key that `portreeve init` made, or with a passkey that it has pinned.";
    PolicyVersionConflict "POLICY_VERSION_CONFLICT" 412 false - "Policy has changed since", "Read the policy again and repeat the change on its newest version.";

    AgentNotFound "AGENT_NOT_FOUND" 404 false - "Agent not found", "List the agents to see which exist.";
    AgentSuspended "AGENT_SUSPENDED" 409 false Medium "Agent suspended", "Only the owner can resume the agent.";
    AgentCreating "AGENT_CREATING" 409 true - "Agent still being created", "Try again when its status is ACTIVE.";
    AgentStateConflict "AGENT_STATE_CONFLICT" 409 false - "Not possible in the agent's present state", "Read the agent to see its status.";

    TransactionNotFound "TRANSACTION_NOT_FOUND" 404 false - "Transaction not found", "List the agent's transactions to see which exist.";
    TransactionSigningFailed "TRANSACTION_SIGNING_FAILED" 403 false High "Refused by the signer", "The signer's own copy of the policy does not allow it; `detail` says why.";
    TransactionSimulationFailed "TRANSACTION_SIMULATION_FAILED" 422 false Low "The chain would refuse it", "`detail` gives the chain's reason. Nothing was spent.";
    TransactionInsufficientBalance "TRANSACTION_INSUFFICIENT_BALANCE" 422 false Low "Wallet short of funds", "Fund the agent's vault, or send less.";
    TransactionRentViolation "TRANSACTION_RENT_VIOLATION" 422 false Low "Would leave dust below the rent minimum", "Leave the vault either empty or with at least 890,880 lamports, and send at least that to a new account.";
    TransactionFailed "TRANSACTION_FAILED" 409 false Medium "Failed on chain", "Nothing was spent. Read the transaction for the chain's reason and decide anew.";
    TransactionExpired "TRANSACTION_EXPIRED" 409 true - "Never landed and never will", "Nothing was spent. Pay again under a new Idempotency-Key.";

    VaultNotFound "VAULT_NOT_FOUND" 404 false - "Not in the vault", "Look it up with a search or a list; ids and paths are compared exactly.";
    VaultNoteChanged "VAULT_NOTE_CHANGED" 412 false - "The note has changed since", "Read it again and repeat the change on its newest revision, which is its ETag.";
    VaultRevisionMissing "VAULT_REVISION_MISSING" 428 false - "If-Match missing", "Send `If-Match` with the ETag of the note as you read it.";
    VaultRuleBroken "VAULT_RULE_BROKEN" 422 false - "The vault's rules do not allow it", "Correct the fields listed in `violations`.";
    VaultConflict "VAULT_CONFLICT" 409 false - "Not possible as the vault is", "`detail` says what stands in the way.";
    VaultIndexing "VAULT_INDEXING" 503 true - "Full text still being read", "Try again after the `Retry-After` seconds; lists and reads work meanwhile.";
    VaultMoved "VAULT_MOVED" 503 true High "The vault's folder is another one", "Its operator puts back the folder that was opened, or starts the server again to serve what lies there now; nothing was changed.";
    VaultUnavailable "VAULT_UNAVAILABLE" 503 true High "The vault's disk does not answer", "Try again later; nothing was changed.";

    SystemInternalError "SYSTEM_INTERNAL_ERROR" 500 true - "Internal error", "Try again with the same Idempotency-Key; report the requestId if it stays.";
    SystemSignerUnavailable "SYSTEM_SIGNER_UNAVAILABLE" 503 true Critical "Signer not available", "Try again later with the same Idempotency-Key.";
    SystemRpcUnavailable "SYSTEM_RPC_UNAVAILABLE" 503 true High "Chain not reachable", "Try again later with the same Idempotency-Key.";
    SystemDatabaseError "SYSTEM_DATABASE_ERROR" 503 true High "Database not available", "Try again later with the same Idempotency-Key.";
    SystemIssuerUnavailable "SYSTEM_ISSUER_UNAVAILABLE" 503 true High "Issuer of credentials not reachable", "Try again later: this server asks another one what a credential is good for, and got no answer.";
    SystemRecovering "SYSTEM_RECOVERING" 503 true - "Settling what was in flight", "Try again in a few seconds with the same Idempotency-Key.";
    SystemRateLimited "SYSTEM_RATE_LIMITED" 429 true - "Too many requests", "Try again after the `Retry-After` seconds; the `X-RateLimit-*` headers tell how much is left.";
    SystemOverloaded "SYSTEM_OVERLOADED" 503 true - "Too much at once", "Try again after the `Retry-After` seconds with the same Idempotency-Key.";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_code_stands_twice_and_each_is_upper_snake_case() {
        let mut seen = std::collections::BTreeSet::new();
        for code in Code::ALL {
            assert!(seen.insert(code.as_str()), "{code}");
            assert!(
                code.as_str().bytes().all(|b| b.is_ascii_uppercase() || b == b'_'),
                "{code}"
            );
            assert!(code.title().len() <= 60 && !code.help().is_empty(), "{code}");
        }
    }

    #[test]
    fn policy_refusals_are_403_and_lost_dependencies_503_and_worth_a_retry() {
        for code in Code::ALL {
            let text = code.as_str();
            if text.ends_with("_UNAVAILABLE") || text == "SYSTEM_DATABASE_ERROR" {
                assert_eq!((code.status(), code.retryable()), (503, true), "{code}");
            }
            if text.ends_with("LIMIT_EXCEEDED") || text.ends_with("NOT_ALLOWED") && text.starts_with("POLICY") {
                assert_eq!((code.status(), code.retryable()), (403, false), "{code}");
            }
        }
    }
}
