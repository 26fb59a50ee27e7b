//! Every scenario, on Spin, and those for which Spin alone has the stores.

use farebox_tests::{Runtime, every_scenario_on, scenarios_on};

every_scenario_on! { Runtime::Spin }

scenarios_on! { Runtime::Spin; Alone:
    backup::the_files_of_a_gateway_are_copied_and_put_back,
    crashes::five_crashes_of_lasting_instances_lock_nobody_out,
    several::a_crowd_at_two_processes_on_one_sqlite_file,
    several::a_limited_credential_at_three_processes,
    several::a_crowd_at_two_processes_on_postgresql_and_redis,
}
