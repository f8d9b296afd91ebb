//! `portreeve mcp`: the wallet for models that are run by a program on this machine.

use {
    super::{CliError, Context},
    crate::relay,
};

/// Relays until standard input ends. Never with the owner's key unless it is given: what a model is handed, it uses.
pub(super) async fn run(context: &Context) -> Result<(), CliError> {
    if context.key.is_none() {
        return Err(CliError::NotDone(
            "no API key. Make one for the agent with `portreeve key create NAME --agent AGENT --scope …`, and give it in \
             PORTREEVE_KEY"
                .to_owned(),
        ));
    }
    relay::run(context.client()?).await.map_err(CliError::Output)
}
