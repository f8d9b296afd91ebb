//! What both databases must do, written once. `contract!` runs each fact on SQLite and on PostgreSQL.
//!
//! A fact gets a database of its own, and may open it more than once, as several nodes would.
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that overflows or panics fails, which is what we want"
)]

mod audit;
mod batch;
mod crash;
mod disk;
mod groups;
mod ledger;
mod ledger_model;
mod migrations;
mod overspend;
mod purse;
mod support;
mod tenancy;
mod twins;
mod wire;
mod wire_faults;

macro_rules! contract {
    ($($module:ident: $($fact:ident,)+;)+) => {
        mod sqlite {
            $($(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $fact() {
                    let place = portreeve_store::testing::TestDatabase::sqlite(&[]).unwrap();
                    crate::$module::$fact(&place).await;
                    place.remove().await.unwrap();
                }
            )+)+
        }
        mod postgres {
            $($(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                #[ignore = "needs TEST_POSTGRES_URL"]
                async fn $fact() {
                    let name = stringify!($fact);
                    let place = portreeve_store::testing::TestDatabase::postgres(name, &[]).await.unwrap();
                    crate::$module::$fact(&place).await;
                    place.remove().await.unwrap();
                }
            )+)+
        }
    };
}

contract! {
    groups:
        what_was_acknowledged_is_read_by_everybody,
        a_generation_has_ended_when_its_commit_is_answered,
        a_failed_unit_undoes_itself_and_not_its_neighbours,
        a_unit_that_goes_on_after_a_failed_statement_is_undone,
        a_panic_undoes_its_unit_and_the_next_one_is_served,
        a_unit_that_takes_too_long_is_undone_and_its_neighbours_are_not,
        a_write_inside_a_write_is_refused,
        when_1024_writes_wait_the_next_is_refused,
        a_unit_whose_caller_went_away_is_done_all_the_same,
        connections_for_reading_cannot_write,
        a_closed_database_finishes_what_waits_and_refuses_the_rest,
        nodes_that_lock_in_opposite_order_both_get_through,
        groups_of_two_nodes_never_undo_each_other,
        a_wakeup_comes_with_the_commit_and_not_for_what_was_undone,
    ;
    batch:
        commands_are_decided_in_order_and_see_each_other,
        a_command_that_cannot_be_stored_fails_alone,
        a_command_that_panics_fails_alone,
        an_answer_too_few_fails_the_batch,
        more_commands_than_fit_one_batch_are_all_decided,
    ;
    audit:
        the_log_is_one_dense_chain_whoever_writes_it,
        an_entry_is_never_dated_before_the_one_it_follows,
        tampering_is_found_where_it_was_done,
        an_owner_sees_its_own_entries_newest_first,
        strange_texts_are_kept_and_hashed_as_they_are,
        events_commit_with_their_unit_and_wait_for_delivery,
    ;
    migrations:
        opening_twice_changes_nothing_and_new_migrations_are_applied,
        a_migration_that_was_changed_is_refused,
        a_database_newer_than_the_program_is_refused,
        a_migration_that_fails_leaves_nothing_behind,
        migrations_are_numbered_without_gaps,
        nodes_that_start_together_both_come_up,
    ;
    tenancy:
        projects_and_owners_are_kept,
        an_owner_without_a_project_is_refused,
    ;
    ledger:
        money_is_reserved_then_settled_and_then_leaves_the_windows,
        released_money_can_be_spent_again,
        a_reservation_ends_once_and_asking_again_is_harmless,
        an_unknown_reservation_is_missing_and_a_known_id_a_conflict,
        what_the_signer_signed_stays_spent_there_when_the_rest_is_released,
        a_reservation_counts_in_every_account_or_in_none,
        the_sums_are_read_under_the_lock,
        a_spend_ends_on_one_node_while_another_reserves_and_nothing_is_lost,
        usage_shows_what_a_decision_would_see,
        an_account_is_full_at_two_to_the_63_minus_one,
    ;
    ledger_model:
        the_ledger_equals_a_model_that_adds_up_every_entry,
    ;
    overspend:
        of_64_tasks_exactly_as_many_spend_as_the_limit_admits,
        of_64_tasks_that_decide_in_batches_exactly_as_many_spend_as_the_limit_admits,
        on_two_nodes_together_exactly_as_many_spend_as_the_limit_admits,
    ;
    crash:
        what_was_acknowledged_survives_kill_9,
    ;
}
