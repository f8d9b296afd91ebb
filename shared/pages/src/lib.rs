//! Every page we serve to people: their layout, what browsers may do with them, the cookie that keeps somebody signed in,
//! and whether a request comes from a page of ours.
//!
//! What must stay true: nothing on a page runs but our own script, no page can be framed, everything that is not ours is
//! escaped, and no cookie is believed for a request that another site caused.
#![cfg_attr(
    test,
    allow(
        clippy::arithmetic_side_effects,
        reason = "a test that overflows fails, which is what we want"
    )
)]

pub mod asset;
pub mod cookie;
pub mod form_token;
pub mod markdown;
mod own;
mod page;
mod path;
pub mod picture;
#[cfg(feature = "testing")]
pub mod testing;
mod visitor;

pub use {
    own::OwnPage,
    page::{
        AgentChoice, Approve, Approved, Back, Consent, Device, Enrol, LetIn, Notice, Page, SignIn, SignedIn, Target,
        Wish, notice, too_many, vault,
    },
    path::OwnPath,
    visitor::{Visitor, Visitors},
};
