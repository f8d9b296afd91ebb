//! Looking at something again and again, for as long as somebody wants to.

use {
    super::{CliError, Context},
    crate::{
        client::{Answer, ClientError},
        output::View,
    },
    serde_json::Value,
    std::time::Duration,
    tokio::{
        signal::unix::{SignalKind, signal},
        time::sleep,
    },
};

/// Whether to look once or for as long as it lasts.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(super) struct Watch {
    /// Go on looking, every 2 seconds or as often as given, and show what has changed. Ctrl-C ends it
    #[arg(
        long = "watch", value_name = "SECONDS", num_args = 0..=1, require_equals = true, default_missing_value = "2",
        value_parser = clap::value_parser!(u64).range(1..=3600),
    )]
    seconds: Option<u64>,
}

impl Watch {
    /// Shows what `look` finds: once, or again and again until `over` says that nothing more will happen. An answer that
    /// does not come is told and asked for again, unless it is the first.
    pub(super) async fn show<T>(
        self,
        context: &Context,
        look: impl AsyncFn() -> Result<Answer<T>, CliError>,
        view: impl Fn(&T) -> View,
        over: impl Fn(&T) -> bool,
    ) -> Result<(), CliError> {
        let Some(seconds) = self.seconds else {
            let found = look().await?;
            return Ok(context.out.result(&found.raw, || view(&found.view))?);
        };
        let mut interrupted = signal(SignalKind::interrupt())?;
        let mut screen = context.out.screen();
        let hint = format!("looking every {seconds} s; Ctrl-C ends");
        let mut seen: Option<Value> = None;
        loop {
            let found = tokio::select! {
                found = look() => found,
                _ = interrupted.recv() => return Ok(()),
            };
            match found {
                Ok(found) => {
                    // When it was looked at is no change of it.
                    let mut news = found.raw.clone();
                    if let Some(members) = news.as_object_mut() {
                        members.remove("asOf");
                    }
                    if seen.as_ref() != Some(&news) {
                        screen.show(&found.raw, || view(&found.view), &hint)?;
                        seen = Some(news);
                    }
                    if over(&found.view) {
                        return Ok(());
                    }
                }
                Err(CliError::Client(error @ (ClientError::Unreachable { .. } | ClientError::Strange { .. })))
                    if seen.is_some() =>
                {
                    context.out.note(error);
                }
                Err(error) => return Err(error),
            }
            tokio::select! {
                () = sleep(Duration::from_secs(seconds)) => {}
                _ = interrupted.recv() => return Ok(()),
            }
        }
    }
}
