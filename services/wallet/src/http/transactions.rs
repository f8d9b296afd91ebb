//! `/transactions`: pay, and see what became of it.

use {
    crate::{
        Wallet, scopes,
        transactions::{self, IdempotencyKey, Order, Paid, TransactionView},
    },
    axum::{
        extract::State,
        http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
        response::{IntoResponse, Response},
    },
    portreeve_guard::{
        Caller, Id, Json, Page, PagingQuery, Problem, Query, RequestContext,
        openapi::{BodyRefusals, Refusals},
    },
    portreeve_kernel::{Address, AgentId, Amount, Code, Mint, TransactionId},
    serde::Deserialize,
    utoipa::{IntoParams, ToSchema},
};

portreeve_guard::problems! {
    /// When a payment is asked for.
    pub(super) PayRefusals = [
        Code::AuthScopeInsufficient, Code::AuthIpBlocked, Code::AuthOutsideHours, Code::PolicyPerTxLimitExceeded, Code::PolicyDailyLimitExceeded,
        Code::PolicyWeeklyLimitExceeded, Code::PolicyMonthlyLimitExceeded, Code::PolicyDestinationNotAllowed,
        Code::PolicyProgramNotAllowed, Code::PolicyTokenNotAllowed, Code::PolicyTokenAccountsExceeded, Code::PolicyOutsideOperatingHours, Code::PolicyBlackoutDate, Code::PolicyMinInterval,
        Code::PolicyAmountCritical, Code::AgentNotFound, Code::AgentSuspended, Code::AgentCreating,
        Code::TransactionSimulationFailed, Code::TransactionInsufficientBalance, Code::TransactionRentViolation,
        Code::RequestIdempotencyKeyMissing, Code::RequestIdempotencyMismatch, Code::SystemSignerUnavailable,
        Code::SystemRpcUnavailable, Code::SystemDatabaseError, Code::SystemRecovering, Code::SystemOverloaded,
    ];
    /// When a page is asked for.
    pub(super) ListRefusals = [
        Code::ValidationInvalidFormat, Code::ValidationOutOfRange, Code::ValidationInvalidEnum, Code::AgentNotFound,
    ];
    /// When the payment does not exist, or is somebody else's.
    pub(super) NoTransaction = [Code::TransactionNotFound];
}

/// A payment.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct OrderBody {
    /// Who pays. May be left out with a key that is bound to an agent.
    #[schema(value_type = Option<String>, example = "agt_01JZ3V5Q8K3M0N2P4R6S8T0V2W")]
    agent_id: Option<AgentId>,
    /// Who is paid: a wallet address, also for a token. Its token account is found, and opened when there is none.
    #[schema(value_type = String, example = "9xQeWvG816bUx9EPjHmaT23yvVM2ZWbrrpZb9PusVFin")]
    to: Address,
    /// In lamports, or in the mint's smallest unit.
    #[schema(value_type = String, example = "1000000000")]
    amount: Amount,
    /// In which token. Left out: SOL.
    #[schema(value_type = Option<String>, example = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v")]
    mint: Option<Mint>,
    /// At most 200 characters, kept with the payment and not written on chain.
    #[schema(example = "invoice 42")]
    memo: Option<String>,
}

/// Which payments.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Filter {
    /// Items a page, 1 to 100.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<u32>,
    /// From the page before.
    cursor: Option<String>,
    /// Only payments in this status, in any case.
    #[param(example = "CONFIRMED")]
    status: Option<String>,
}

/// Pay. Policy, ledger, signer and chain decide; the answer comes before the chain's.
///
/// Send a new `Idempotency-Key` for each payment and the same one for each retry: the same key with the same body never
/// pays twice and answers with what became of the payment, for ever.
#[utoipa::path(
    post, path = "/transactions", tag = "transactions", operation_id = "createTransaction",
    security(("bearer" = ["transactions:execute"])),
    params(("Idempotency-Key" = String, Header, description = "1 to 255 visible ASCII characters")),
    request_body = OrderBody,
    responses((status = 202, body = TransactionView), Refusals, BodyRefusals, PayRefusals),
)]
pub(super) async fn create(
    caller: Caller<scopes::TransactionsExecute>,
    State(wallet): State<Wallet>,
    context: RequestContext,
    headers: HeaderMap,
    Json(body): Json<OrderBody>,
) -> Result<Response, Problem> {
    let key = IdempotencyKey::from_headers(&headers)?;
    let order = Order::check(&caller.principal, body.agent_id, body.to, body.amount, body.memo)?;
    let order = order.paid_in(body.mint);
    let Paid { transaction, replayed } = transactions::pay(&wallet, &caller.principal, &context, order, key).await?;
    let location = format!("/api/v1/transactions/{}", transaction.id);
    let location = HeaderValue::try_from(location).map_err(Problem::internal)?;
    let mut response = (StatusCode::ACCEPTED, [(header::LOCATION, location)], Json(transaction)).into_response();
    if replayed {
        let name = HeaderName::from_static("idempotency-replayed");
        response.headers_mut().insert(name, HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// Show one payment.
#[utoipa::path(
    get, path = "/transactions/{transactionId}", tag = "transactions", operation_id = "getTransaction",
    security(("bearer" = ["transactions:read"])),
    params(("transactionId" = String, Path)),
    responses((status = 200, body = TransactionView), Refusals, NoTransaction),
)]
pub(super) async fn show(
    caller: Caller<scopes::TransactionsRead>,
    State(wallet): State<Wallet>,
    Id(transaction): Id<TransactionId>,
) -> Result<Json<TransactionView>, Problem> {
    transactions::show(&wallet, &caller.principal, &transaction)
        .await
        .map(Json)
}

/// List an agent's payments, newest first.
#[utoipa::path(
    get, path = "/agents/{agentId}/transactions", tag = "transactions", operation_id = "listTransactions",
    security(("bearer" = ["transactions:read"])),
    params(("agentId" = String, Path), Filter),
    responses((status = 200, body = Page<TransactionView>), Refusals, ListRefusals),
)]
pub(super) async fn list(
    caller: Caller<scopes::TransactionsRead>,
    State(wallet): State<Wallet>,
    Id(agent): Id<AgentId>,
    Query(filter): Query<Filter>,
) -> Result<Page<TransactionView>, Problem> {
    let paging = PagingQuery {
        limit: filter.limit,
        cursor: filter.cursor,
    }
    .check()?;
    let status = transactions::status(filter.status.as_deref())?;
    transactions::list(&wallet, &caller.principal, &agent, &paging, status).await
}
