//! `portreeve tx`: payments.

use {
    super::{CliError, Context, Paging, encoded, looks::Looks, token, watch::Watch},
    crate::{
        client::{Answer, Client, Page, rule},
        money::{self, Unit, Wish},
        output::{View, fields, list},
        world::SystemEntropy,
    },
    clap::Subcommand,
    portreeve_kernel::{Address, AgentId, Asset, Mint, TransactionId, id::random_base32},
    serde::Deserialize,
    serde_json::{Value, json},
};

#[derive(Debug, Subcommand)]
pub(super) enum TxCommand {
    /// Pay, and wait until the chain has made it final. Exits with 3 when the policy refuses
    #[command(after_help = "\
Examples:
  portreeve tx send --agent AGENT --to ADDRESS --amount 1sol --memo \"invoice 42\"
  portreeve tx send --to ADDRESS --amount 1000000000 --no-wait     with an agent's own key
  portreeve tx send --agent AGENT --to ADDRESS --mint MINT --amount 1.5     in whole tokens

A payment that may or may not have been made is repeated safely with the same --idempotency-key.")]
    Send {
        /// Who pays [default: the agent of the key]
        #[arg(long)]
        agent: Option<AgentId>,

        /// Who is paid
        #[arg(long, value_name = "ADDRESS")]
        to: Address,

        /// How much, such as 1sol or 1000000000; with --mint in whole tokens, such as 1.5
        #[arg(long, value_parser = money::wish, allow_negative_numbers = true)]
        amount: Wish,

        /// In which token [default: SOL]
        #[arg(long, value_name = "MINT")]
        mint: Option<Mint>,

        /// A note that is kept with the payment, at most 200 characters
        #[arg(long)]
        memo: Option<String>,

        /// The same key never pays twice [default: a new one]
        #[arg(long, value_name = "KEY", value_parser = idempotency_key)]
        idempotency_key: Option<String>,

        /// Do not wait for the chain
        #[arg(long)]
        no_wait: bool,
    },
    /// Show one payment
    #[command(after_help = "\
Examples:
  portreeve tx show tx_01JZ3V5Q8K3M0N2P4R6S8T0V2W
  portreeve tx show tx_01JZ3V5Q8K3M0N2P4R6S8T0V2W --watch     until nothing more will happen to it")]
    Show {
        /// Which
        transaction: TransactionId,

        #[command(flatten)]
        watch: Watch,
    },
    /// List an agent's payments, newest first
    #[command(after_help = "\
Examples:
  portreeve tx list agt_01JZ3V5Q8K3M0N2P4R6S8T0V2W --status CONFIRMED
  portreeve tx list agt_01JZ3V5Q8K3M0N2P4R6S8T0V2W --watch=5")]
    List {
        /// Whose
        agent: AgentId,

        /// Only those in this status, such as CONFIRMED or REJECTED
        #[arg(long)]
        status: Option<String>,

        #[command(flatten)]
        paging: Paging,

        #[command(flatten)]
        watch: Watch,
    },
}

/// As far as tables and steps need it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Transaction {
    id: String,
    agent_id: String,
    to: String,
    amount: String,
    mint: Option<Mint>,
    #[serde(default)]
    decimals: Option<u8>,
    memo: Option<String>,
    status: String,
    stage: String,
    tx_signature: Option<String>,
    failure: Option<Failure>,
    violations: Vec<Value>,
    created_at: String,
}

#[derive(Debug, Deserialize)]
struct Failure {
    code: String,
    detail: String,
}

pub(super) async fn run(context: &Context, command: TxCommand) -> Result<(), CliError> {
    let client = context.client()?;
    match command {
        TxCommand::Send {
            agent,
            to,
            amount,
            mint,
            memo,
            idempotency_key,
            no_wait,
        } => {
            let (amount, _) = token::amount(&client, agent.as_ref(), mint, &amount).await?;
            let mut body = json!({"agentId": agent, "to": to, "amount": amount, "memo": memo});
            if let (Some(mint), Some(members)) = (mint, body.as_object_mut()) {
                members.insert("mint".to_owned(), json!(mint));
            }
            let key = idempotency_key.unwrap_or_else(|| random_base32(25, &SystemEntropy));
            let sent = client.post_once::<Transaction>("/transactions", &key, &body).await;
            let sent = sent.inspect_err(|error| {
                if error.is_worth_repeating() {
                    context
                        .out
                        .note(format!("to repeat it without paying twice: --idempotency-key {key}"));
                }
            })?;
            if no_wait {
                return show(context, &sent);
            }
            let ended = wait(context, &client, sent).await?;
            show(context, &ended)?;
            ended.view.verdict()
        }
        TxCommand::Show { transaction, watch } => {
            let look = async || fetch(&client, transaction.as_str()).await;
            watch
                .show(context, look, Transaction::view, |one| !one.is_under_way())
                .await
        }
        TxCommand::List {
            agent,
            status,
            paging,
            watch,
        } => {
            let status = status
                .map(|status| format!("&status={}", encoded(&status)))
                .unwrap_or_default();
            let path = format!("/agents/{agent}/transactions{}{status}", paging.query());
            let look = async || Ok(client.get::<Page<Transaction>>(&path).await?);
            watch.show(context, look, page, |_| false).await
        }
    }
}

fn page(page: &Page<Transaction>) -> View {
    let rows = page.items.iter().map(|one| {
        [
            one.id.clone(),
            one.created_at.clone(),
            one.status.clone(),
            one.amount_text(),
            one.to.clone(),
        ]
    });
    list(
        ["ID", "CREATED", "STATUS", "AMOUNT", "TO"],
        rows,
        page.cursor.as_deref(),
    )
}

/// As the server takes it, so that what cannot be a header is told apart from a server that is away.
fn idempotency_key(text: &str) -> Result<String, &'static str> {
    let visible = text.bytes().all(|byte| byte.is_ascii_graphic());
    if (1..=255).contains(&text.len()) && visible {
        Ok(text.to_owned())
    } else {
        Err("it has 1 to 255 visible ASCII characters")
    }
}

async fn fetch(client: &Client, id: &str) -> Result<Answer<Transaction>, CliError> {
    Ok(client.get(&format!("/transactions/{}", encoded(id))).await?)
}

/// Looks at the payment until nothing more will happen to it.
async fn wait(
    context: &Context,
    client: &Client,
    mut payment: Answer<Transaction>,
) -> Result<Answer<Transaction>, CliError> {
    let progress = context.out.progress("paying");
    let looks = Looks::new();
    while payment.view.is_under_way() {
        progress.say(format!("paying: {}", payment.view.stage));
        if !looks.next().await {
            break;
        }
        payment = looks.patiently(async || fetch(client, &payment.view.id).await).await?;
    }
    Ok(payment)
}

impl Transaction {
    fn is_under_way(&self) -> bool {
        matches!(self.status.as_str(), "PENDING" | "APPROVED" | "SUBMITTED")
    }

    /// Whether it came about, or may yet.
    fn verdict(&self) -> Result<(), CliError> {
        match self.status.as_str() {
            "CONFIRMED" | "AWAITING_APPROVAL" => Ok(()),
            "REJECTED" => Err(CliError::ByPolicy(format!("`{}` was refused", self.id))),
            _ if self.is_under_way() => Err(CliError::NotDone(format!(
                "`{}` is still {}; it goes on without us, see `portreeve tx show {}`",
                self.id, self.stage, self.id
            ))),
            other => Err(CliError::NotDone(format!(
                "`{}` ended as {other}; nothing was paid",
                self.id
            ))),
        }
    }

    fn view(&self) -> View {
        let rules: Vec<String> = self.violations.iter().map(|one| rule(one, self.unit())).collect();
        let failure = self.failure.as_ref();
        fields([
            ("id", Some(self.id.clone())),
            ("agent", Some(self.agent_id.clone())),
            ("to", Some(self.to.clone())),
            ("amount", Some(self.amount_text())),
            ("memo", self.memo.clone()),
            ("status", Some(format!("{} ({})", self.status, self.stage))),
            ("signature", self.tx_signature.clone()),
            (
                "failure",
                failure.map(|failure| format!("{}: {}", failure.code, failure.detail)),
            ),
            ("rules", (!rules.is_empty()).then(|| rules.join("\n"))),
            ("created", Some(self.created_at.clone())),
        ])
    }

    fn amount_text(&self) -> String {
        self.unit().show_whole(&self.amount)
    }

    fn unit(&self) -> Unit {
        self.mint
            .map_or(Unit::SOL, |mint| Unit::of(Asset::Token(mint), self.decimals))
    }
}

fn show(context: &Context, payment: &Answer<Transaction>) -> Result<(), CliError> {
    Ok(context.out.result(&payment.raw, || payment.view.view())?)
}
