//! What background work must do on both databases, written once. `contract!` runs each fact on SQLite and PostgreSQL.
//!
//! Time is a clock that the facts move by hand; after moving it they wake the runners, as a commit would.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that overflows or panics fails, which is what we want"
)]

mod facts;
mod support;

macro_rules! contract {
    ($($fact:ident,)+) => {
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $fact() {
                    let place = portreeve_store::testing::TestDatabase::sqlite(&[portreeve_jobs::SCHEMA]).unwrap();
                    crate::facts::$fact(&place).await;
                    place.remove().await.unwrap();
                }
            )+
        }
        mod postgres {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                #[ignore = "needs TEST_POSTGRES_URL"]
                async fn $fact() {
                    let (name, schemas) = (stringify!($fact), [portreeve_jobs::SCHEMA]);
                    let place = portreeve_store::testing::TestDatabase::postgres(name, &schemas).await.unwrap();
                    crate::facts::$fact(&place).await;
                    place.remove().await.unwrap();
                }
            )+
        }
    };
}

contract! {
    a_job_is_done_once_and_then_gone,
    a_job_without_its_act_does_not_exist,
    a_job_asked_for_twice_is_one_job_at_the_earlier_time,
    a_job_runs_when_its_time_has_come_and_not_before,
    a_job_asked_for_while_it_runs_runs_again,
    a_failed_job_is_tried_again_after_1_2_and_4_seconds,
    a_job_asked_for_again_after_failures_is_due_at_once,
    a_job_that_has_more_to_do_comes_back_without_having_failed,
    a_panicking_handler_is_a_failed_job_and_the_runner_lives,
    a_job_of_an_unknown_kind_is_left_to_others,
    two_runners_never_run_a_job_at_the_same_time,
    a_job_whose_runner_died_is_taken_over_when_its_lease_has_lapsed_and_not_before,
    a_runner_that_comes_back_under_its_name_need_not_wait,
    who_lost_the_lease_has_no_say_in_how_the_job_ended,
    a_lease_is_renewed_for_as_long_as_the_job_runs,
    a_job_whose_lease_is_lost_is_stopped,
    shutting_down_finishes_what_runs_and_starts_nothing,
}
