//! What the signer knows, for people and scripts. Reads the journal of a signer that may be running; tells no secret.

use {
    crate::{Failure, cli::InspectArguments, clock::SystemClock, journal::Journal, keystore::Keystore, passphrase},
    portreeve_kernel::{Address, AgentId, Asset, Cluster, Now, Timestamp, Total},
    portreeve_signing::{Agent, Passkey, SignerState, protocol::Enrolment},
    serde::Serialize,
    std::io::{self, Write},
};

/// All of it.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    enrolment: Enrolment,
    passkeys: Vec<Passkey>,
    sequence: u64,
    /// The newest record's time.
    latest: Timestamp,
    /// When the sums are taken: now, or on the local chain, which is not asked, at the newest record.
    as_of: Timestamp,
    frozen: bool,
    agents: Vec<AgentReport>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AgentReport {
    agent: AgentId,
    status: &'static str,
    agent_key: Address,
    multisig: Address,
    vault: Address,
    policy_version: Option<u64>,
    last_spend_at: Option<Timestamp>,
    sums: Vec<SumReport>,
}

/// What counts, in base units.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SumReport {
    asset: Asset,
    day: Total,
    week: Total,
    month: Total,
}

pub(crate) fn run(arguments: &InspectArguments) -> Result<(), Failure> {
    let dir = &arguments.place.dir;
    let passphrase = passphrase::read(&arguments.place)?;
    let keystore = Keystore::open(dir, &passphrase)?;
    let state = Journal::read(dir, keystore.journal_key()?)?;
    let now = match state.enrolment().cluster {
        Cluster::Local => Now::at(state.latest()),
        Cluster::Mainnet | Cluster::Devnet => SystemClock::start().read(),
    };
    let report = report(&state, now);
    if arguments.json {
        let text = serde_json::to_string(&report).map_err(|cause| Failure::Other(cause.to_string()))?;
        writeln!(io::stdout(), "{text}")?;
    } else {
        print(&report, &mut io::stdout())?;
    }
    Ok(())
}

fn report(state: &SignerState, now: Now) -> Report {
    Report {
        enrolment: state.enrolment().clone(),
        passkeys: state.pins().passkeys.clone(),
        sequence: state.sequence(),
        latest: state.latest(),
        as_of: now.for_release(),
        frozen: state.is_frozen(),
        agents: state.agents().map(|(id, agent)| agent_report(id, agent, now)).collect(),
    }
}

fn agent_report(id: &AgentId, agent: &Agent, now: Now) -> AgentReport {
    let sums = agent.spent_assets().map(|asset| {
        let used = agent.used(asset, now);
        SumReport {
            asset: *asset,
            day: used.day,
            week: used.week,
            month: used.month,
        }
    });
    AgentReport {
        agent: id.clone(),
        status: match (agent.is_destroyed(), agent.suspension(), agent.policy()) {
            (true, _, _) => "destroyed",
            (false, Some(_), _) => "suspended",
            (false, None, None) => "without policy",
            (false, None, Some(_)) => "active",
        },
        agent_key: agent.wallet().keys().agent_key,
        multisig: agent.wallet().multisig(),
        vault: agent.wallet().vault(),
        policy_version: agent.policy().map(|policy| policy.version),
        last_spend_at: agent.last_spend_at(),
        sums: sums.collect(),
    }
}

fn print(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let Enrolment {
        cluster,
        squads,
        owner_key,
        fee_payer,
        approval_key,
    } = &report.enrolment;
    writeln!(out, "cluster       {cluster}")?;
    writeln!(out, "squads        {squads}")?;
    writeln!(out, "approval key  {approval_key}")?;
    for passkey in &report.passkeys {
        writeln!(out, "passkey       {} at {}", passkey.credential_id, passkey.origin)?;
    }
    writeln!(out, "owner key     {owner_key}")?;
    writeln!(out, "fee payer     {fee_payer}")?;
    writeln!(
        out,
        "journal       {} records, the newest of {}",
        report.sequence, report.latest
    )?;
    if report.frozen {
        writeln!(
            out,
            "FROZEN        the journal has lost records; put the newest copy back"
        )?;
    }
    for agent in &report.agents {
        writeln!(out, "\n{}  {}", agent.agent, agent.status)?;
        writeln!(out, "  key     {}", agent.agent_key)?;
        writeln!(out, "  vault   {}", agent.vault)?;
        match agent.policy_version {
            Some(version) => writeln!(out, "  policy  version {version}")?,
            None => writeln!(out, "  policy  none approved")?,
        }
        for SumReport {
            asset,
            day,
            week,
            month,
        } in &agent.sums
        {
            writeln!(
                out,
                "  signed  {asset}: {day} in 24 h, {week} in 7 d, {month} in 30 d, as of {}",
                report.as_of
            )?;
        }
    }
    Ok(())
}
