//! Every scenario, on Cloudflare Workers' runtime.

use farebox_tests::{Runtime, every_scenario_on};

every_scenario_on! { Runtime::Workers }
