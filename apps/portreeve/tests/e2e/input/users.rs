//! What may be wrong with an invitation.

use {
    super::{
        face::{Act, By, Row, World},
        table::{ENUM, FORMAT, RANGE, no_texts},
        texts::NOT_PLAIN,
    },
    serde_json::json,
};

pub(super) fn rows(world: &World) -> Vec<Row> {
    let act = Act::NewUser;
    let mut all = vec![world.without(act, "name"), world.without(act, "role")];
    for bad in ["", &"x".repeat(101), &"é".repeat(101)] {
        all.push(world.field(act, "name", &json!(bad), RANGE, By::Server));
    }
    for bad in NOT_PLAIN {
        all.push(world.field(act, "name", &json!(bad), FORMAT, By::Server));
    }
    for bad in no_texts() {
        all.push(world.field(act, "name", &bad, FORMAT, By::Server));
        all.push(world.field(act, "role", &bad, FORMAT, By::Server));
    }
    for bad in ["", "agent", "Owner", "owner ", "admin", "root"] {
        all.push(world.field(act, "role", &json!(bad), ENUM, By::Server));
    }
    all
}
