//! What models are told of a small vault, and what they may do to it, over the endpoint that serves it.

mod shown;
mod told;
mod written;

use {
    crate::served::{CANDIDATE, HUSH, PROJECT, Served, TASK, TASK_ID, entity, names},
    axum::{body::Body, http::StatusCode},
    http_body_util::BodyExt,
    serde_json::{Value, json},
    std::{sync::atomic::Ordering, time::Duration},
};
