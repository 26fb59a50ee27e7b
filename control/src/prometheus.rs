//! The text that Prometheus scrapes
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>, version 0.0.4).
//!
//! The crates for this keep the counters themselves, in one process; ours come out of a store.

use std::{collections::BTreeMap, fmt::Write as _};

use farebox_billing::settlement::{self, Totals};
use farebox_core::time::{HOUR, Millis, Timestamp};
use farebox_ports::{
    Fault, KeyValue,
    counters::{
        BOUNDS, Histogram, Written,
        ended::{AT_ONCE, Sum, left},
        hour,
    },
    keys::METRICS_SUM,
    stored::read,
};

/// All there is to be scraped at `now`, in Prometheus' text format.
///
/// # Errors
/// [`Fault`] when the store does not answer.
pub(crate) async fn scrape(ports: &impl KeyValue, now: Timestamp) -> Result<String, Fault> {
    let totals = settlement::totals(ports).await?;
    Ok(text(&instances(ports, now).await?, &totals, now))
}

/// The counters of all instances that wrote them within the last hour, and of all that have ended.
async fn instances(ports: &impl KeyValue, now: Timestamp) -> Result<BTreeMap<String, Written>, Fault> {
    let mut instances = BTreeMap::new();
    for hour in [hour(now.plus(-HOUR)), hour(now)] {
        let mut cursor: Option<String> = None;
        loop {
            let page = ports.list(&hour, cursor.as_deref(), 1_000).await?;
            for key in &page.items {
                let writer = key.strip_prefix(&hour).unwrap_or(key).to_owned();
                if let Some(written) = read::<Written>(ports, key).await? {
                    instances.insert(writer, written);
                }
            }
            cursor = page.cursor;
            if cursor.is_none() {
                break;
            }
        }
    }
    instances.extend(ended(ports, now).await?.map(|sum| ("ended".to_owned(), sum)));
    Ok(instances)
}

/// What all ended instances counted.
async fn ended(ports: &impl KeyValue, now: Timestamp) -> Result<Option<Written>, Fault> {
    let left = left(ports, AT_ONCE).await?;
    let sum: Option<Sum> = read(ports, METRICS_SUM).await?;
    if sum.is_none() && left.is_empty() {
        return Ok(None);
    }
    let mut sum = sum.unwrap_or_default();
    left.iter().for_each(|(key, left)| sum.take_in(key, left));
    Ok(Some(Written { at: now, ..sum.written }))
}

type Instances = BTreeMap<String, Written>;

fn text(instances: &Instances, totals: &Totals, now: Timestamp) -> String {
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
    head(
        page,
        "farebox_settlement_lag_seconds",
        "gauge",
        "How long ago everything that could be seen was settled; up to two hours where nobody calls.",
    );
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

#[cfg(test)]
mod tests {
    use farebox_ports::counters::Counters;

    use super::*;

    #[test]
    fn the_text_adds_up() {
        let now = Timestamp::from_millis(1_000_000);
        let mut counters = Counters { leases: [0, 1, 0], batches: [0, 1], ..Counters::default() };
        counters.calls.insert("echo".parse().unwrap(), [2, 1]);
        counters.rejections.insert("quota.exhausted".to_owned(), 2);
        [0, 0, 0].into_iter().for_each(|millis| counters.gateway.observe(millis));
        [3, 70_000, 250].into_iter().for_each(|millis| counters.upstream.observe(millis));
        let written = Written { at: now, counters, leases_open: 1, journal_age: 1_500 };
        let totals = Totals { whole: Some(now), applied: 7, known: 2, refused: 1, left: 0, told: None };
        let page = text(&BTreeMap::from([("w1".to_owned(), written)]), &totals, now.plus(2_250));
        for expected in [
            "farebox_calls_total{instance=\"w1\",product=\"echo\",outcome=\"answered\"} 2",
            "farebox_calls_total{instance=\"w1\",product=\"echo\",outcome=\"failed\"} 1",
            "farebox_rejections_total{instance=\"w1\",code=\"quota.exhausted\"} 2",
            "# TYPE farebox_upstream_seconds histogram",
            "farebox_upstream_seconds_bucket{instance=\"w1\",le=\"0.001\"} 0",
            "farebox_upstream_seconds_bucket{instance=\"w1\",le=\"0.005\"} 1",
            "farebox_upstream_seconds_bucket{instance=\"w1\",le=\"0.250\"} 2",
            "farebox_upstream_seconds_bucket{instance=\"w1\",le=\"+Inf\"} 3",
            "farebox_upstream_seconds_sum{instance=\"w1\"} 70.253",
            "farebox_upstream_seconds_count{instance=\"w1\"} 3",
            "farebox_gateway_seconds_bucket{instance=\"w1\",le=\"0.001\"} 3",
            "farebox_leases_total{instance=\"w1\",outcome=\"refused\"} 1",
            "farebox_batches_total{instance=\"w1\",outcome=\"failed\"} 1",
            "farebox_journal_age_seconds{instance=\"w1\"} 1.500",
            "farebox_settlement_batches_total{outcome=\"applied\"} 7",
            "farebox_settlement_batches_total{outcome=\"known\"} 2",
            "farebox_settlement_lag_seconds 2.250",
        ] {
            assert!(page.lines().any(|line| line == expected), "{expected} is not in\n{page}");
        }
    }
}
