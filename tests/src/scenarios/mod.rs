//! The scenarios. Each says in its module's header which promise it holds Farebox to.

/// Makes a test of each scenario, on one runtime. Those of `several` need what only Spin has.
#[macro_export]
macro_rules! every_scenario_on {
    ($runtime:expr) => {
        $crate::scenarios_on! { $runtime; First:
            contract::the_api_is_what_its_description_says,
            crashes::crashes_lose_leases_and_no_money,
            year::a_year_agrees_with_a_spreadsheet_and_one_changed_byte_is_found,
        }
        $crate::scenarios_on! { $runtime; Beside:
            broken::a_caller_who_leaves_a_silent_stream_is_noticed,
            broken::an_answer_that_breaks_off_is_charged_what_came,
            broken::an_answer_that_cannot_be_handed_on_is_not_charged,
            broken::an_upload_that_breaks_off_reaches_the_upstream_broken_off,
            broken::a_crowd_of_downloads_gets_the_bytes_it_paid_for,
            changed::what_the_catalog_changes_is_changed_and_nothing_else,
            charging::only_what_the_product_says_is_charged,
            costs::a_head_that_is_too_large_is_refused,
            costs::a_long_nonce_is_refused,
            costs::made_up_keys_are_refused_without_a_look_up,
            demanded::an_upstream_gets_the_credential_that_it_demands,
            examples::the_clients_in_the_examples_sign_what_is_accepted,
            examples::the_receiver_in_the_examples_takes_each_event_once,
            generated::generated_clients_make_a_key_and_read_a_balance,
            guide::the_commands_of_the_guide_take_an_openapi_document_to_a_selling_gateway,
            issuer::a_person_signs_in_by_the_providers_issuer,
            keys::imported_keys_call_until_they_are_revoked,
            keys::ordinary_clients_work_with_base_url_and_key,
            limits::a_package_of_100_calls_lets_exactly_100_of_1000_through,
            limits::a_rate_limit_holds_however_many_call_at_once,
            limits::a_strictly_signed_call_passes_once,
            observed::a_trace_goes_on_at_the_upstream,
            market::a_customer_signs_up_calls_runs_out_recharges_and_goes_on,
            origins::an_origin_knows_the_gateways_calls,
            origins::no_field_of_a_caller_passes_for_the_gateways,
            pages::a_page_of_another_origin_calls_and_reads,
            payments::a_customer_pays_calls_on_and_nobody_else_says_that_they_did,
            payments::the_official_libraries_talk_to_the_payment_service,
            pages::chromium_lets_a_page_call_and_read,
            provider::a_recharge_sent_ten_times_at_once_is_booked_once,
            provider::a_suspended_account_is_rejected_until_it_is_active_again,
            provider::credentials_are_rotated_and_restricted,
            provider::publishing_under_load_drops_no_call,
            provider::what_is_revoked_stays_revoked,
            rejections::a_revoked_credential_is_rejected,
            rejections::an_account_with_nothing_left_is_rejected,
            rejections::calls_that_must_not_pass_are_rejected_and_not_charged,
            stage::a_test_call_reaches_nothing_real_and_costs_nothing,
            streams::a_client_that_disconnects_is_metered_for_what_was_sent,
            streams::a_client_that_disconnects_while_it_sends_is_metered_for_what_went_through,
            tokens::tokens_of_npm_jose_are_good_for_what_they_say,
            tokens::tokens_of_pypi_joserfc_are_good_for_what_they_say,
            units::a_stream_that_breaks_off_is_charged_what_its_upstream_said,
            units::each_way_to_say_units_is_charged_as_it_is_said,
            webhooks::a_receiver_that_is_down_for_a_day_gets_everything_in_order,
        }
        $crate::scenarios_on! { $runtime; Alone:
            clients::the_npm_client_works_unmodified,
            costs::an_unsigned_form_does_not_fill_the_memory,
            costs::the_dearest_request_costs_little_more_than_a_small_one,
            credential_limits::a_credential_gets_its_1000_calls_a_day_and_again_the_next,
            observed::calls_are_seen_by_prometheus_and_as_cloud_events,
            limits::a_balance_of_1_00_lets_exactly_500_calls_through,
            limits::a_crowd_gets_its_package_and_its_balance_and_no_call_more,
            limits::a_crowd_gets_no_call_more_when_each_is_asked_for,
            settlement::the_book_agrees_with_the_client_however_often_it_is_settled,
            signatures::the_npm_library_signs_what_is_accepted,
            signatures::the_pypi_library_signs_what_is_accepted,
            streams::a_large_answer_streams_in_constant_memory,
            streams::a_large_request_streams_in_constant_memory,
            units::a_crowd_uses_up_a_balance_by_units_and_no_more_money,
            units::a_crowd_uses_up_a_package_of_units_and_no_unit_more,
            wire::raw_requests_break_nothing_and_pass_only_as_they_were_signed,
        }
    };
}

pub mod allowed;
pub mod backup;
pub mod broken;
pub mod changed;
pub mod charging;
pub mod clients;
pub mod contract;
pub mod costs;
pub mod crashes;
pub mod credential_limits;
pub mod demanded;
pub mod examples;
pub mod generated;
pub mod guide;
pub mod issuer;
pub mod keys;
pub mod limits;
pub mod market;
pub mod observed;
pub mod origins;
pub mod pages;
pub mod payments;
pub mod provider;
pub mod rejections;
pub mod settlement;
pub mod several;
pub mod signatures;
pub mod stage;
pub mod streams;
pub mod tokens;
pub mod units;
pub mod webhooks;
pub mod wire;
pub mod year;
