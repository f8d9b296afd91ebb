//! The fixtures that can be offered as the wallet offers its tools and resources: by the same road from the type of a
//! function to what stands on the wire.

use {
    portreeve_guard::{
        Caller, Problem,
        mcp::{About, Call, Changes, Effect, Offer, Place},
    },
    portreeve_kernel::Code,
    portreeve_wallet::{Wallet, scopes},
    serde::{Deserialize, Serialize},
    std::time::Duration,
    tokio::time::sleep,
    utoipa::ToSchema,
};

/// The fixtures, and what was offered before.
pub(super) fn with_fixtures(offer: Offer<Wallet>) -> Offer<Wallet> {
    offer
        .tool(about("test_simple_text", "A text."), text)
        .tool(about("test_error_handling", "Goes wrong."), error)
        .tool(about("test_tool_with_progress", "Says how far it is."), progress)
        .resource(TEMPLATE, template)
}

const fn about(name: &'static str, about: &'static str) -> About {
    About {
        name,
        title: name,
        about,
        effect: Effect::Looks,
    }
}

const TEMPLATE: Place = Place {
    own: "test://watched-resource",
    template: "test://template/{id}/data",
    name: "watched-resource",
    title: "Template",
    about: "Something with an id.",
    changes: Changes::Here,
    passing: &[],
};

/// Nothing.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// A text.
#[derive(Debug, Serialize, ToSchema)]
struct Said {
    text: String,
}

/// Something with an id.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Data {
    id: String,
    template_test: bool,
    data: String,
}

async fn text(_: Wallet, _: Caller<scopes::WalletsRead>, _: Nothing, _: Call) -> Result<Said, Problem> {
    let text = "This is a simple text response for testing.".to_owned();
    Ok(Said { text })
}

async fn error(_: Wallet, _: Caller<scopes::WalletsRead>, _: Nothing, _: Call) -> Result<Said, Problem> {
    Err(Problem::new(Code::AgentStateConflict).detail("This tool intentionally returns an error for testing"))
}

async fn progress(_: Wallet, _: Caller<scopes::WalletsRead>, _: Nothing, call: Call) -> Result<Said, Problem> {
    for done in [0, 50, 100] {
        call.progress.tell(done, 100, format!("{done} of 100")).await;
        sleep(Duration::from_millis(50)).await;
    }
    let text = "Progress test completed".to_owned();
    Ok(Said { text })
}

async fn template(_: Wallet, _: Caller<scopes::WalletsRead>, id: Option<String>) -> Result<Data, Problem> {
    let id = id.unwrap_or_else(|| "watched".to_owned());
    Ok(Data {
        data: format!("Data for ID: {id}"),
        template_test: true,
        id,
    })
}
