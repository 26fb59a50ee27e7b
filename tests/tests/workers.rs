//! Every scenario, on Cloudflare Workers' runtime.

use farebox_tests::{Runtime, scenarios_on};

scenarios_on! { Runtime::Workers;
    clients::the_npm_client_works_unmodified,
    crashes::ten_crashes_lose_leases_and_no_money,
    limits::a_balance_of_1_00_lets_exactly_500_calls_through,
    limits::a_package_of_100_calls_lets_exactly_100_of_1000_through,
    limits::a_crowd_gets_its_package_and_its_balance_and_no_call_more,
    limits::a_crowd_gets_no_call_more_when_each_is_asked_for,
    rejections::a_revoked_credential_is_rejected,
    rejections::an_account_with_nothing_left_is_rejected,
    rejections::calls_that_must_not_pass_are_rejected_and_not_charged,
    settlement::the_book_agrees_with_the_client_however_often_it_is_settled,
    streams::a_client_that_disconnects_is_metered_for_what_was_sent,
    streams::a_large_answer_streams_in_constant_memory,
    streams::a_large_request_streams_in_constant_memory,
}
