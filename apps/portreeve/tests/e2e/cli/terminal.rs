//! What is drawn on a terminal, seen through a real one.

use crate::{
    estate::{Estate, policy},
    house::{House, SOL},
};

/// To the upper left corner, and nothing below it.
const REDRAW: &str = "\u{1b}[H\u{1b}[2J";

#[test]
fn a_terminal_gets_a_table_with_colours_unless_it_is_told_otherwise() {
    let house = House::open();
    let seen = |args: &[&str], variables: &[(&str, &str)]| {
        let (code, text) = house.at_terminal(args, variables).end();
        assert_eq!(code, 0, "{text}");
        text
    };
    let text = seen(&["key", "list"], &[]);
    assert!(
        text.contains("\u{1b}[1mSTATUS\u{1b}[0m") && text.contains("\u{1b}[32mactive\u{1b}[0m"),
        "{text:?}"
    );
    assert!(!text.contains('\t'), "{text:?}");
    for plain in [
        seen(&["key", "list"], &[("NO_COLOR", "1")]),
        seen(&["key", "list", "--color", "never"], &[]),
        seen(&["key", "list"], &[("TERM", "dumb")]),
    ] {
        assert!(plain.contains("active") && !plain.contains('\u{1b}'), "{plain:?}");
    }
    let json = seen(&["key", "list", "--json"], &[]);
    assert!(!json.contains('\u{1b}'), "JSON has no colours: {json:?}");
}

#[test]
fn somebody_at_a_terminal_sees_that_the_chain_works() {
    let house = House::open();
    let (code, text) = house
        .at_terminal(&["agent", "create", "tester", "--daily", "5sol"], &[])
        .end();
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("putting the wallet on chain: CREATING"), "{text:?}");
    let agents = house.cli(&["agent", "list", "--json"]).json();
    let agent = &agents["items"][0];
    let id = agent["id"].as_str().unwrap();
    house.chain.airdrop(agent["vaultAddress"].as_str().unwrap(), 10 * SOL);
    let shop = house.somebody();
    let (code, text) = house
        .at_terminal(&["tx", "send", "--agent", id, "--to", &shop, "--amount", "1sol"], &[])
        .end();
    assert_eq!(code, 0, "{text}");
    assert!(
        text.contains("paying: ") && text.contains("\u{1b}[32mCONFIRMED"),
        "{text:?}"
    );
    house.cli(&["agent", "suspend", id]).ok();
    let (code, text) = house.at_terminal(&["agent", "resume", id], &[]).end();
    assert_eq!(code, 0, "{text}");
    assert!(
        text.contains("opening the approval key") && text.contains("putting the limits back"),
        "{text:?}"
    );
    // Nobody who is not there sees any of it.
    let done = house.send(id, &shop, "1sol");
    done.ok();
    assert_eq!(done.stderr, "");
}

#[test]
fn what_is_watched_at_a_terminal_is_drawn_anew_until_ctrl_c() {
    let estate = Estate::open();
    let agent = estate.agent("watched", &policy());
    let id = agent.id.as_str();
    let house = &estate.house;
    let list = house.at_terminal(&["tx", "list", id, "--watch=1"], &[]);
    let usage = house.at_terminal(&["policy", "usage", id, "--watch=1"], &[]);
    let shown = house.at_terminal(&["agent", "show", id, "--watch=1"], &[]);
    list.until("none");
    usage.until("24 hours");
    shown.until("\u{1b}[32mACTIVE");
    estate.paid(&agent, &house.somebody(), SOL / 2, "k");
    let text = list.until("\u{1b}[32mCONFIRMED");
    assert!(
        text.matches(REDRAW).count() >= 2 && text.contains("Ctrl-C ends"),
        "{text:?}"
    );
    usage.until("0.5 SOL");
    estate.suspend(&agent);
    shown.until("\u{1b}[31mSUSPENDED");
    for mut watched in [list, usage, shown] {
        watched.interrupt();
        let (code, text) = watched.end();
        assert_eq!(code, 0, "{text:?}");
    }
}

#[test]
fn a_server_that_goes_away_is_waited_for_while_somebody_watches() {
    let mut house = House::open();
    let agent = house.agent(&["--daily", "5sol"]);
    let mut watched = house.at_terminal(&["agent", "show", &agent.id, "--watch=1"], &[]);
    watched.until("ACTIVE");
    house.stop();
    watched.until("does not answer");
    watched.interrupt();
    assert_eq!(watched.end().0, 0);
}
