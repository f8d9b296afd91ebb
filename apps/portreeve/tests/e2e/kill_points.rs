//! A process dies at every named place, as by a power cut, in every act that comes by there, the first time, the second
//! and so on until the act no longer does. After each death the act is repeated as a client would, and then everything
//! is as if nothing had happened: the chain, the books, the signer's sums, the audit log.
//!
//! A kill point in the sources that stands in no line of [`TABLE`] fails, and so does a line whose point is not reached.
//! The places are compiled in by `--cfg kill_points`, as `cargo xtask test` does; without it these tests are ignored.

mod act;
mod stage;

use {
    act::Act::{self, Approve, Create, Expire, GiveUp, Pay, PayToken, Resume, Suspend},
    stage::{Stage, Victim},
    std::{collections::BTreeSet, fs, path::Path},
};

const EVERY: &[Act] = &[Create, Approve, Pay, PayToken, Expire, GiveUp, Suspend, Resume];
const SIGNED: &[Act] = &[Approve, Pay, PayToken, GiveUp, Suspend, Resume];
const CONFIGURED: &[Act] = &[Approve, Suspend, Resume];

/// Every place, and the acts that come by.
const TABLE: &[(&str, &[Act])] = &[
    ("store.commit.before", EVERY),
    ("store.commit.after", EVERY),
    ("wallet.approve.key", &[Approve]),
    ("wallet.approve.signer", &[Approve]),
    ("wallet.configure.before", CONFIGURED),
    ("wallet.configure.signed", CONFIGURED),
    ("wallet.configure.landed", CONFIGURED),
    ("wallet.build.landed", &[Approve]),
    ("wallet.pay.reserved", &[Pay, PayToken]),
    ("wallet.sign.before", &[Pay, PayToken]),
    ("wallet.sign.signed", &[Pay, PayToken]),
    ("wallet.sign.kept", &[Pay, PayToken]),
    ("wallet.sign.voided", &[GiveUp]),
    ("wallet.submit.before", &[Pay, PayToken, Expire]),
    ("wallet.submit.sent", &[Pay, PayToken, Expire]),
    ("wallet.settled", &[Pay, PayToken]),
    ("wallet.released", &[Expire, GiveUp]),
    ("wallet.suspend.signer", &[Suspend]),
    ("wallet.suspend.landed", &[Suspend]),
    ("wallet.resume.signer", &[Resume]),
    ("wallet.resume.landed", &[Resume]),
    ("signer.journal.before", SIGNED),
    ("signer.journal.after", SIGNED),
    ("signer.reply.before", SIGNED),
];

/// No act comes by one place so often.
const TOO_OFTEN: u32 = 40;

/// Lets `victim` die at each of its places in each of `acts`.
fn die_everywhere(victim: Victim, acts: &[Act]) {
    let mut stage = Stage::set();
    for act in acts {
        let places = TABLE
            .iter()
            .filter(|(point, at)| at.contains(act) && Victim::at(point) == victim);
        for (point, _) in places {
            let deaths = (1..TOO_OFTEN).take_while(|nth| stage.play(*act, point, *nth)).count();
            assert!(
                deaths > 0,
                "{act:?} does not come by {point}: take it out of its line of TABLE"
            );
        }
    }
    stage.close();
}

#[test]
#[cfg_attr(not(kill_points), ignore = "needs kill points, which `cargo xtask test` compiles in")]
fn wherever_the_server_dies_an_agent_is_made_once_and_whole() {
    die_everywhere(Victim::Server, &[Create, Approve]);
}

#[test]
#[cfg_attr(not(kill_points), ignore = "needs kill points, which `cargo xtask test` compiles in")]
fn wherever_the_server_dies_a_payment_is_made_once_or_given_up() {
    die_everywhere(Victim::Server, &[Pay, Expire, GiveUp]);
}

#[test]
#[cfg_attr(not(kill_points), ignore = "needs kill points, which `cargo xtask test` compiles in")]
fn wherever_a_process_dies_a_payment_in_a_token_is_made_once() {
    die_everywhere(Victim::Server, &[PayToken]);
    die_everywhere(Victim::Signer, &[PayToken]);
}

#[test]
#[cfg_attr(not(kill_points), ignore = "needs kill points, which `cargo xtask test` compiles in")]
fn wherever_the_server_dies_an_agent_is_stopped_and_let_go_on() {
    die_everywhere(Victim::Server, &[Suspend, Resume]);
}

#[test]
#[cfg_attr(not(kill_points), ignore = "needs kill points, which `cargo xtask test` compiles in")]
fn wherever_the_signer_dies_an_agent_is_made_once_and_whole() {
    die_everywhere(Victim::Signer, &[Create, Approve]);
}

#[test]
#[cfg_attr(not(kill_points), ignore = "needs kill points, which `cargo xtask test` compiles in")]
fn wherever_the_signer_dies_a_payment_is_made_once_or_given_up() {
    die_everywhere(Victim::Signer, &[Pay, Expire, GiveUp]);
}

#[test]
#[cfg_attr(not(kill_points), ignore = "needs kill points, which `cargo xtask test` compiles in")]
fn wherever_the_signer_dies_an_agent_is_stopped_and_let_go_on() {
    die_everywhere(Victim::Signer, &[Suspend, Resume]);
}

/// Every kill point in the sources under `folder`, by name.
fn points(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            points(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let calls = text.split("kill::point(\"").skip(1);
            found.extend(calls.filter_map(|rest| rest.split('"').next()).map(str::to_owned));
        }
    }
}

#[test]
fn every_kill_point_of_the_sources_is_in_the_table() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let mut there = BTreeSet::new();
    for folder in ["domain", "shared", "services", "apps"] {
        for package in fs::read_dir(root.join(folder)).unwrap().flatten() {
            points(&package.path().join("src"), &mut there);
        }
    }
    let tried: BTreeSet<String> = TABLE.iter().map(|(point, _)| (*point).to_owned()).collect();
    let missing: Vec<_> = there.difference(&tried).collect();
    assert!(
        missing.is_empty(),
        "give each of {missing:?} a line in TABLE, with the acts that come by"
    );
    let gone: Vec<_> = tried.difference(&there).collect();
    assert!(
        gone.is_empty(),
        "take {gone:?} out of TABLE: no source names them any more"
    );
}
