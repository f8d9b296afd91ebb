//! `portreeve policy`: what an agent may spend, and the owner's word on it.

use {
    super::{CliError, Context, agent, approve, token, watch::Watch},
    crate::{
        client::rule,
        money::{self, Unit, Wish},
        output::{View, fields, list},
    },
    clap::Subcommand,
    portreeve_kernel::{Address, AgentId, Asset, Mint},
    portreeve_policy::{AgentPolicy, describe},
    serde::Deserialize,
    serde_json::{Value, json},
};

#[derive(Debug, Subcommand)]
pub(super) enum PolicyCommand {
    /// Show an agent's policy
    #[command(after_help = "Example:\n  portreeve policy show agt_01JZ3V5Q8K3M0N2P4R6S8T0V2W")]
    Show {
        /// Whose
        agent: AgentId,
    },
    /// Show what is used and what is left, per window
    #[command(after_help = "\
Examples:
  portreeve policy usage agt_01JZ3V5Q8K3M0N2P4R6S8T0V2W
  portreeve policy usage agt_01JZ3V5Q8K3M0N2P4R6S8T0V2W --watch=10")]
    Usage {
        /// Whose
        agent: AgentId,

        #[command(flatten)]
        watch: Watch,
    },
    /// Ask what would happen to a payment, without making it. Exits with 3 when it would be refused
    #[command(after_help = "\
Example:
  portreeve policy check agt_01JZ3V5Q8K3M0N2P4R6S8T0V2W --to ADDRESS --amount 1sol")]
    Check {
        /// Who would pay
        agent: AgentId,

        /// Who would be paid
        #[arg(long, value_name = "ADDRESS")]
        to: Address,

        /// How much, such as 1sol or 1000000000; with --mint in whole tokens, such as 1.5
        #[arg(long, value_parser = money::wish, allow_negative_numbers = true)]
        amount: Wish,

        /// In which token [default: SOL]
        #[arg(long, value_name = "MINT")]
        mint: Option<Mint>,
    },
    /// Look at the policy that waits for approval and sign it with the owner's approval key
    #[command(after_help = "Example:\n  portreeve policy approve agt_01JZ3V5Q8K3M0N2P4R6S8T0V2W")]
    Approve {
        /// Whose
        agent: AgentId,

        /// Sign without asking
        #[arg(long)]
        yes: bool,
    },
}

#[derive(Debug, Deserialize)]
struct Policy {
    policy: AgentPolicy,
    approved: bool,
}

#[derive(Debug, Deserialize)]
struct Usage {
    assets: Vec<AssetUsage>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AssetUsage {
    asset: Asset,
    #[serde(default)]
    decimals: Option<u8>,
    day: WindowUsage,
    week: WindowUsage,
    month: WindowUsage,
}

#[derive(Debug, Deserialize)]
struct WindowUsage {
    limit: String,
    used: String,
    remaining: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Decision {
    outcome: String,
    violations: Vec<Value>,
    max_amount_now: String,
    passes_at: Option<String>,
}

pub(super) async fn run(context: &Context, command: PolicyCommand) -> Result<(), CliError> {
    let client = context.client()?;
    match command {
        PolicyCommand::Show { agent } => {
            let answer = client.get::<Policy>(&format!("/agents/{agent}/policy")).await?;
            let Policy { policy, approved } = &answer.view;
            context.out.result(&answer.raw, || {
                let state = if *approved {
                    "approved by the owner"
                } else {
                    "waits for the owner's approval"
                };
                format!("{}\n{state}", text(policy))
            })?;
        }
        PolicyCommand::Usage { agent, watch } => {
            let path = format!("/agents/{agent}/policy/usage");
            let look = async || Ok(client.get::<Usage>(&path).await?);
            watch.show(context, look, Usage::view, |_| false).await?;
        }
        PolicyCommand::Check {
            agent,
            to,
            amount,
            mint,
        } => {
            let (amount, unit) = token::amount(&client, Some(&agent), mint, &amount).await?;
            let mut body = json!({"to": to, "amount": amount});
            if let (Some(mint), Some(members)) = (mint, body.as_object_mut()) {
                members.insert("mint".to_owned(), json!(mint));
            }
            let answer = client
                .post::<Decision>(&format!("/agents/{agent}/policy/check"), &body)
                .await?;
            let Decision {
                outcome,
                violations,
                max_amount_now,
                passes_at,
            } = &answer.view;
            context.out.result(&answer.raw, || {
                let rules: Vec<String> = violations.iter().map(|one| rule(one, unit)).collect();
                fields([
                    ("outcome", Some(outcome.clone())),
                    ("rules", (!rules.is_empty()).then(|| rules.join("\n"))),
                    ("would pass now", Some(unit.show_whole(max_amount_now))),
                    ("would pass at", passes_at.clone()),
                ])
            })?;
            if outcome.starts_with("DENY") {
                return Err(CliError::ByPolicy(format!("`{agent}` would be refused this payment")));
            }
        }
        PolicyCommand::Approve { agent, yes } => {
            let found = agent::fetch(&client, &agent).await?;
            let waiting = approve::waiting(&found.view)?;
            context.out.note(text(&waiting.policy));
            if !yes && !approve::confirmed(context, "Sign this policy? Type yes:")? {
                return Err(CliError::NotDone("nothing was signed".to_owned()));
            }
            let approved = approve::policy(context, &client, &found.view).await?;
            context
                .out
                .result(&approved.raw, || format!("the policy of {agent} is approved"))?;
        }
    }
    Ok(())
}

impl Usage {
    fn view(&self) -> View {
        let rows = self.assets.iter().flat_map(|one| {
            [("24 hours", &one.day), ("7 days", &one.week), ("30 days", &one.month)].map(|(name, window)| {
                let show = |amount: &str| Unit::of(one.asset, one.decimals).show(amount);
                let WindowUsage { limit, used, remaining } = window;
                [
                    one.asset.to_string(),
                    name.to_owned(),
                    show(used),
                    show(remaining),
                    show(limit),
                ]
            })
        });
        list(["ASSET", "WINDOW", "USED", "LEFT", "LIMIT"], rows, None)
    }
}

/// A policy in a few lines, nothing left out.
fn text(policy: &AgentPolicy) -> String {
    let lines = describe(policy, token::program_text);
    let width = lines.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let lines = lines.iter().map(|(name, value)| format!("{name:<width$}  {value}"));
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use {
        super::*,
        portreeve_policy::{PinnedToken, PolicyInput},
    };

    #[test]
    fn a_policy_is_shown_whole_before_it_is_signed() {
        let json = r#"{
            "preset": "custom", "limits": {"perTransaction": "1000000000", "daily": "5000000000"},
            "escalation": {"high": "4000000000"},
            "tokens": {"EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v": {"limits": {"daily": "7"}}},
            "whitelist": {"allowedDestinations": ["SQDS4ep65T869zMMBKyuUq6aD6EgTu8psMjkvj52pCf"]},
            "timeControl": {"operatingHoursUtc": {"start": 9, "end": 17}, "weekdays": ["monday"], "blackoutDates": ["2026-12-25"]},
            "minIntervalSeconds": 60, "approvalMayExceedPerTransaction": true
        }"#;
        let mut policy = serde_json::from_str::<PolicyInput>(json).unwrap().resolve(3).unwrap();
        assert!(
            text(&policy).contains("counted in           base units"),
            "before the chain was asked"
        );
        for token in policy.tokens.values_mut() {
            token.pinned = Some(PinnedToken {
                program: "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA".parse().unwrap(),
                decimals: 6,
            });
        }
        assert_eq!(
            text(&policy),
            "\
version                3
limits in SOL          1 SOL a payment, 5 SOL in 24 hours, 35 SOL in 7 days, 150 SOL in 30 days
alarms in SOL          suspend from 4 SOL
token                  EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v
  counted in           whole tokens of 6 decimals, SPL Token
  limits               0.000007 a payment, 0.000007 in 24 hours, 0.000049 in 7 days, 0.00021 in 30 days
  alarms               none
destinations           SQDS4ep65T869zMMBKyuUq6aD6EgTu8psMjkvj52pCf
programs               any
tokens                 any
hours                  9:00 to 17:00 UTC
weekdays               monday
closed on              2026-12-25
least interval         60 s
approval               may exceed the limit per transaction
destinations on chain  whitelist"
        );
    }
}
