//! What is charged: by the answer's status, as the product says, and what is not gives its place back.

use farebox_core::{ledger::Step, meter::Meter};
use farebox_gateway::{Flow, Flowed};
use farebox_ports::reports::{SeriesAsked, SeriesBy, StatusCounts, UsageSeries};

use super::*;

/// Calls `product` once for each of these outcomes; how many calls its account was charged.
fn charged(deployment: &Deployment, path: &str, outcomes: &[Outcome]) -> u64 {
    let before = deployment.usage();
    // Each time another instance, or its batches would be taken for those of the one before.
    let instance = deployment.instance(1_000 + deployment.nonces.get());
    for outcome in outcomes {
        let forward = send(&instance, &deployment.signed(path, "hush")).unwrap();
        instance.finish(forward.call, *outcome, 10, 20, START);
    }
    now(instance.flush());
    deployment.settle();
    let after = deployment.usage();
    assert_eq!(after.1 - before.1, 10 * (after.0 - before.0), "bytes are those of charged calls");
    after.0 - before.0
}

#[test]
fn every_status_but_5xx_is_charged_and_2xx_alone_where_the_product_says_so() {
    let deployment = Deployment::new("10.00");
    for (status, by_default, where_2xx) in [
        (200, 1, 1),
        (204, 1, 1),
        (299, 1, 1),
        (304, 1, 0),
        (400, 1, 0),
        (404, 1, 0),
        (429, 1, 0),
        (499, 1, 0),
        (500, 0, 0),
        (503, 0, 0),
        (599, 0, 0),
    ] {
        assert_eq!(charged(&deployment, "/leased", &[Outcome::Answered(status)]), by_default, "{status}");
        assert_eq!(charged(&deployment, "/picky", &[Outcome::Answered(status)]), where_2xx, "{status}");
    }
    for path in ["/leased", "/picky"] {
        assert_eq!(charged(&deployment, path, &[Outcome::Unanswered]), 0);
        assert_eq!(charged(&deployment, path, &[Outcome::Abandoned]), 1, "breaking off is no way not to pay");
    }
}

#[test]
fn a_package_is_worth_as_many_charged_calls_as_it_says_however_many_are_not() {
    let deployment = Deployment::new("1.00");
    deployment.buy("picky", "ten");
    let instance = deployment.instance(1);
    let mut passed = [0, 0];
    for at in 0..100 {
        let Ok(forward) = send(&instance, &deployment.signed("/picky", "hush")) else { break };
        let is_charged = at % 3 == 0;
        passed[usize::from(is_charged)] += 1;
        let status = if is_charged { 200 } else { 503 };
        instance.finish(forward.call, Outcome::Answered(status), 0, 0, START);
    }
    assert_eq!(passed, [18, 10]);
}

#[test]
fn what_is_not_charged_is_counted_once_whatever_the_order_of_its_batches() {
    let deployment = Deployment::new("10.00");
    let instance = deployment.instance(1);
    for outcome in [Outcome::Unanswered, Outcome::Answered(503), Outcome::Answered(200), Outcome::Answered(599)] {
        let forward = send(&instance, &deployment.signed("/leased", "hush")).unwrap();
        instance.finish(forward.call, outcome, 0, 0, START);
        now(instance.flush());
    }
    deployment.settle();
    deployment.settle();
    let Usage { calls, uncharged, .. } = deployment.used();
    assert_eq!((calls, uncharged), (1, 3));
    assert_eq!(deployment.balance().0, "9.998", "nobody pays for them");
}

/// What is shown of a product by time: how much, and how it was answered, route by route.
fn by_route(deployment: &Deployment) -> Vec<(String, u64, u64, [u64; 4])> {
    let query = Query::Series(SeriesAsked {
        every: Step::Day,
        from: Timestamp::default(),
        until: START.plus(DAY),
        by: SeriesBy::Route,
        product: None,
        route: None,
        credential: None,
    });
    let Report::Series(series) = now(deployment.memory.report(&deployment.account, &query)).unwrap().unwrap() else {
        panic!()
    };
    let row = |series: UsageSeries| {
        let [ref point] = series.points[..] else { panic!("one day: {series:?}") };
        let StatusCounts { successful, redirected, client_errors, server_errors } = point.statuses;
        let statuses = [successful, redirected, client_errors, server_errors];
        (series.route.unwrap(), point.calls, point.uncharged, statuses)
    };
    series.into_iter().map(row).collect()
}

#[test]
fn each_call_is_shown_once_by_its_route_and_its_answer() {
    let deployment = Deployment::new("10.00");
    let instance = deployment.instance(1);
    let outcomes = [
        Outcome::Answered(200),
        Outcome::Answered(204),
        Outcome::Answered(304),
        Outcome::Answered(404),
        Outcome::Answered(503),
        Outcome::Unanswered,
        Outcome::Abandoned,
    ];
    for path in ["/leased", "/picky", "/leased"] {
        for outcome in outcomes {
            let forward = send(&instance, &deployment.signed(path, "hush")).unwrap();
            instance.finish(forward.call, outcome, 0, 0, START);
        }
        now(instance.flush());
        deployment.settle();
        deployment.settle();
    }
    let expected = [("ANY /leased".to_owned(), 10, 4, [4, 2, 2, 4]), ("ANY /picky".to_owned(), 3, 4, [2, 1, 1, 2])];
    assert_eq!(by_route(&deployment), expected);
}

#[test]
fn a_stream_that_was_booked_while_it_went_is_shown_as_one_call_with_its_answer() {
    let deployment = Deployment::new("10.00");
    let instance = deployment.instance(1);
    let forward = send(&instance, &deployment.signed("/leased", "hush")).unwrap();
    let flowed = Flowed { ingress_bytes: 0, egress_bytes: 5_000, outcome: Outcome::Answered(200) };
    assert_eq!(instance.flow(forward.call, flowed, Meter::EgressBytes, START), Flow::Go(u64::MAX));
    now(instance.flush());
    deployment.settle();
    assert_eq!(by_route(&deployment), [("ANY /leased".to_owned(), 1, 0, [0; 4])], "it has not ended");
    instance.finish(forward.call, Outcome::Answered(200), 0, 5_000, START);
    now(instance.flush());
    deployment.settle();
    assert_eq!(by_route(&deployment), [("ANY /leased".to_owned(), 1, 0, [1, 0, 0, 0])]);
}
