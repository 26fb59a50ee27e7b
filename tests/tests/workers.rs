//! Every scenario, on Cloudflare Workers' runtime, and those that are about its own storage.

use farebox_tests::{Runtime, every_scenario_on, scenarios_on};

every_scenario_on! { Runtime::Workers }

scenarios_on! { Runtime::Workers; Beside:
    allowed::a_run_that_is_allowed_few_operations_leaves_no_account_behind,
}

scenarios_on! { Runtime::Workers; Alone:
    backup::the_books_of_a_gateway_are_copied_and_put_back,
}
