//! The disk fails under the server and under the signer. A full one is waited out; one that does not sync ends the
//! process, because nothing that is asked of it again would tell the truth.

use {
    crate::{
        estate::{Agent, Estate, policy, until},
        house::{House, SOL, portreeve},
    },
    std::{fs, path::PathBuf},
};

const UNIT: u64 = SOL / 100;

/// A house whose server and signer write through a library that fails when it is told to.
struct Ailing {
    estate: Estate,
    agent: Agent,
    shop: String,
    paid: u64,
}

fn control(house: &House) -> PathBuf {
    house.home().with_file_name("bad disk")
}

/// Starts a server that writes through that library.
pub(crate) fn serve(house: &mut House) {
    let library = portreeve().with_file_name("libportreeve_bad_disk.so");
    assert!(library.is_file(), "run: cargo xtask test --stage build");
    let control = control(house);
    house.serve(&[
        ("LD_PRELOAD", library.to_str().unwrap()),
        ("PORTREEVE_BAD_DISK", control.to_str().unwrap()),
    ]);
}

/// From now on `fault` is what files meet that are called so.
pub(crate) fn fault(house: &House, fault: &str) {
    let control = control(house);
    let draft = control.with_extension("draft");
    fs::write(&draft, fault).unwrap();
    fs::rename(&draft, &control).unwrap();
}

impl Ailing {
    fn begin() -> Self {
        let mut house = House::built();
        serve(&mut house);
        let estate = Estate::of(house);
        let shop = estate.house.somebody();
        estate.house.chain.airdrop(&shop, SOL);
        let agent = estate.agent("tester", &policy());
        let mut ailing = Self {
            estate,
            agent,
            shop,
            paid: 0,
        };
        ailing.pays("first");
        ailing
    }

    fn fault(&self, fault: &str) {
        self::fault(&self.estate.house, fault);
    }

    fn heal(&self) {
        fs::remove_file(control(&self.estate.house)).unwrap();
    }

    /// Asks until the payment is taken, and waits until it is made.
    fn pays(&mut self, key: &str) {
        until("the payment is taken", || {
            let answer = self.estate.pay(&self.agent, &self.shop, UNIT, key);
            if answer.status != 202 {
                assert_eq!(
                    (answer.status, &answer.body["retryable"]),
                    (503, &true.into()),
                    "{}",
                    answer.body
                );
            }
            (answer.status == 202).then_some(())
        });
        self.estate.paid(&self.agent, &self.shop, UNIT, key);
        self.paid += UNIT;
        self.balanced();
    }

    fn balanced(&self) {
        let Self { estate, agent, .. } = self;
        assert_eq!(estate.house.chain.balance(&self.shop), SOL + self.paid);
        assert_eq!(estate.booked_today(&agent.id), (self.paid, self.paid));
        estate.books().audit();
    }
}

#[test]
fn a_full_disk_is_waited_out() {
    let mut ailing = Ailing::begin();
    ailing.fault("full portreeve.db");
    let refused = ailing.estate.pay(&ailing.agent, &ailing.shop, UNIT, "without-room");
    refused.is_problem(503, "SYSTEM_DATABASE_ERROR");
    let shown = ailing.estate.shown(&ailing.agent.id);
    assert_eq!(shown["status"], "ACTIVE", "what is there can be read");
    ailing.heal();
    ailing.pays("without-room");

    // A signer that cannot write its journal ends rather than sign, and is started again until it can.
    let signer = ailing.estate.house.signer();
    ailing.fault("full /signer/");
    ailing
        .estate
        .pay(&ailing.agent, &ailing.shop, UNIT, "signer-without-room");
    until("the signer has ended", || {
        (ailing.estate.house.signer() != signer).then_some(())
    });
    ailing.heal();
    ailing.pays("signer-without-room");
    assert!(!ailing.estate.house.has_ended(), "the server has not");
}

#[test]
fn a_server_whose_disk_does_not_sync_ends_and_finds_out_at_its_next_start_what_is_there() {
    let mut ailing = Ailing::begin();
    ailing.fault("sync portreeve.db-wal");
    let asked = ailing.estate.try_pay(&ailing.agent, &ailing.shop, UNIT, "lost");
    assert!(
        asked.is_none_or(|answer| answer.status == 503),
        "nobody is told that it happened"
    );
    let ended = ailing.estate.house.wait_for_end();
    assert_eq!(ended.code, 1);
    assert!(
        ended.stderr.contains("the disk failed while committing"),
        "{}",
        ended.stderr
    );

    serve(&mut ailing.estate.house);
    let log = ailing.estate.house.home().join("portreeve.db-wal");
    assert!(
        fs::metadata(&log).is_ok_and(|log| log.len() < 100_000),
        "the log was emptied"
    );
    ailing.pays("lost");
}

#[test]
fn a_signer_whose_disk_does_not_sync_answers_nothing_and_finds_out_at_its_next_start_what_is_there() {
    let mut ailing = Ailing::begin();
    let before = ailing.estate.house.signer().unwrap();
    ailing.fault("sync /signer/journal");
    ailing.pays("slow");
    assert_ne!(ailing.estate.house.signer().unwrap(), before, "it was started again");
    ailing.pays("next");
}
