//! The text that Prometheus scrapes
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>, version 0.0.4).
//!
//! The crates for this keep the counters themselves, in one process; ours come out of a store.

use std::{collections::BTreeMap, fmt::Write as _};

use farebox_core::time::{Millis, Timestamp};

use super::{BOUNDS, Histogram, Written};
use crate::settlement::Totals;

type Instances = BTreeMap<String, Written>;

pub(crate) fn text(instances: &Instances, totals: &Totals, now: Timestamp) -> String {
    let mut page = String::new();
    head(&mut page, "farebox_calls_total", "counter", "Calls that were forwarded, by what became of them.");
    for (instance, written) in instances {
        for (product, [answered, failed]) in &written.counters.calls {
            for (outcome, count) in [("answered", answered), ("failed", failed)] {
                let labels = format!("instance=\"{instance}\",product=\"{product}\",outcome=\"{outcome}\"");
                line(&mut page, "farebox_calls_total", &labels, count);
            }
        }
    }
    head(&mut page, "farebox_rejections_total", "counter", "Calls that were not forwarded, by their codes.");
    for (instance, written) in instances {
        for (code, count) in &written.counters.rejections {
            line(&mut page, "farebox_rejections_total", &format!("instance=\"{instance}\",code=\"{code}\""), count);
        }
    }
    histogram(&mut page, instances, "farebox_gateway_seconds", "What a call waited for the gateway.", |it| {
        &it.counters.gateway
    });
    let help = "From the admission of a call until its upstream had answered.";
    histogram(&mut page, instances, "farebox_upstream_seconds", help, |it| &it.counters.upstream);
    let (name, help) = ("farebox_leases_total", "Leases that were asked for, by what became of it.");
    outcomes(&mut page, instances, name, help, |it| {
        let [granted, refused, failed] = it.counters.leases;
        vec![("granted", granted), ("refused", refused), ("failed", failed)]
    });
    let (name, help) = ("farebox_batches_total", "Batches of usage, by whether they could be written.");
    outcomes(&mut page, instances, name, help, |it| {
        let [written, failed] = it.counters.batches;
        vec![("written", written), ("failed", failed)]
    });
    gauge(&mut page, instances, "farebox_leases_open", "Accounts and products with a lease at hand.", |it| {
        it.leases_open.to_string()
    });
    let help = "For how long the oldest usage has waited for the journal.";
    gauge(&mut page, instances, "farebox_journal_age_seconds", help, |it| seconds(it.journal_age));
    let help = "When the instance wrote its counters.";
    gauge(&mut page, instances, "farebox_written_timestamp_seconds", help, |it| seconds(it.at.millis()));
    settlement(&mut page, totals, now);
    page
}

fn settlement(page: &mut String, totals: &Totals, now: Timestamp) {
    head(page, "farebox_settlement_batches_total", "counter", "Batches that were met by the settlement.");
    let Totals { applied, known, refused, left, .. } = totals;
    for (outcome, count) in [("applied", applied), ("known", known), ("refused", refused), ("left", left)] {
        line(page, "farebox_settlement_batches_total", &format!("outcome=\"{outcome}\""), count);
    }
    let Some(whole) = totals.whole else { return };
    head(page, "farebox_settlement_lag_seconds", "gauge", "How long ago everything that could be seen was settled.");
    let _ = writeln!(page, "farebox_settlement_lag_seconds {}", seconds(now.since(whole)));
}

fn head(page: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(page, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn line(page: &mut String, name: &str, labels: &str, count: &u64) {
    let _ = writeln!(page, "{name}{{{labels}}} {count}");
}

fn outcomes(
    page: &mut String,
    instances: &Instances,
    name: &str,
    help: &str,
    of: impl Fn(&Written) -> Vec<(&'static str, u64)>,
) {
    head(page, name, "counter", help);
    for (instance, written) in instances {
        for (outcome, count) in of(written) {
            line(page, name, &format!("instance=\"{instance}\",outcome=\"{outcome}\""), &count);
        }
    }
}

fn gauge(page: &mut String, instances: &Instances, name: &str, help: &str, of: impl Fn(&Written) -> String) {
    head(page, name, "gauge", help);
    for (instance, written) in instances {
        let _ = writeln!(page, "{name}{{instance=\"{instance}\"}} {}", of(written));
    }
}

fn histogram(page: &mut String, instances: &Instances, name: &str, help: &str, of: impl Fn(&Written) -> &Histogram) {
    head(page, name, "histogram", help);
    for (instance, written) in instances {
        let Histogram { buckets, sum } = of(written);
        let mut count = 0;
        for (at, in_bucket) in buckets.iter().enumerate() {
            count += in_bucket;
            let bound = BOUNDS.get(at).map_or("+Inf".to_owned(), |bound| seconds(*bound));
            line(page, &format!("{name}_bucket"), &format!("instance=\"{instance}\",le=\"{bound}\""), &count);
        }
        let sum = seconds(i64::try_from(*sum).unwrap_or(i64::MAX));
        let _ = writeln!(page, "{name}_sum{{instance=\"{instance}\"}} {sum}");
        line(page, &format!("{name}_count"), &format!("instance=\"{instance}\""), &count);
    }
}

/// Milliseconds as seconds, exactly.
fn seconds(millis: Millis) -> String {
    let sign = if millis < 0 { "-" } else { "" };
    let millis = millis.unsigned_abs();
    format!("{sign}{}.{:03}", millis / 1_000, millis % 1_000)
}
