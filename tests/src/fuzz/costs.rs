//! How much processor time each request costs the runtime.
//!
//! Linux counts it in nanoseconds for every thread, so that a request which is sent alone has its own. What a runtime does now
//! and then by itself falls on some request. One that seems to be dear is sent again, and the least counts: what is not its own
//! only adds.
//! Invariant: no clock on the wall is read here; what else the machine does changes nothing.

use std::{collections::BTreeMap, fmt, ops::Range, time::Duration};

use anyhow::{Context, Result};

use super::{LARGEST, Sent, heavy, report::Report, sample, wire::Client, world::World};
use crate::processes;

/// How many times the median request the dearest one may cost.
const MOST: u32 = 20;

/// How often one is sent again that seems to cost too much.
const AGAIN: u32 = 5;

/// How many are sent before the first is judged, for a runtime compiles what it runs often.
const WARM: u64 = 100;

/// What requests cost, shape by shape.
pub(super) struct Costs {
    processes: Vec<u32>,
    all: Vec<Duration>,
    shapes: BTreeMap<&'static str, Vec<Duration>>,
}

impl Costs {
    /// Of the runtime that `world` has.
    pub(super) fn of(world: &World) -> Result<Self> {
        Ok(Self { processes: world.farebox.processes()?, all: Vec::new(), shapes: BTreeMap::new() })
    }

    /// Sends the samples of `numbers` again, one after another, and judges what each costs. Gives back what was sent.
    pub(super) fn measure(
        &mut self,
        world: &World,
        seed: u64,
        numbers: Range<u64>,
        report: &mut Report,
    ) -> Result<Vec<Sent>> {
        let mut client = Client::new(&world.host);
        let (mut all_sent, mut costs) = (Vec::new(), Vec::new());
        if self.all.is_empty() {
            for number in numbers.start..numbers.end.min(numbers.start + WARM) {
                all_sent.push(self.one(world, &mut client, seed, number, 100)?.0);
            }
        }
        let heavy = (0..).zip(heavy::SHAPES).filter(|(_, shape)| !report.has_dear(shape));
        let heavy: Vec<u64> = heavy.map(|(which, _)| LARGEST + which).collect();
        for number in numbers.chain(heavy) {
            let (sent, cost) = self.one(world, &mut client, seed, number, 1)?;
            costs.push((number, sent.sample.shape, cost));
            self.all.push(cost);
            all_sent.push(sent);
        }
        let limit = self.median() * MOST;
        for (number, shape, mut cost) in costs {
            if cost > limit && !report.has_dear(shape) {
                let mut again = Vec::new();
                for attempt in 0..AGAIN {
                    let (sent, cost) = self.one(world, &mut client, seed, number, 2 + attempt)?;
                    again.push(cost);
                    all_sent.push(sent);
                }
                cost = again.into_iter().min().unwrap_or(cost);
                if cost > limit {
                    let said = format!("{cost:?}, {:.0} times the median", self.ratio(cost));
                    report.dear(shape, &said, &sample(world, seed, number, 1)?.bytes);
                }
            }
            self.shapes.entry(shape).or_default().push(cost);
        }
        Ok(all_sent)
    }

    /// Sends one and says what it costs.
    fn one(
        &self,
        world: &World,
        client: &mut Client,
        seed: u64,
        number: u64,
        attempt: u32,
    ) -> Result<(Sent, Duration)> {
        let sample = sample(world, seed, number, attempt)?;
        let before = processes::processor_time(&self.processes);
        let outcome = client.send(&sample).with_context(|| format!("request {number} ({})", sample.shape))?;
        let cost = processes::processor_time(&self.processes).saturating_sub(before);
        Ok((Sent { sample, outcome }, cost))
    }

    fn median(&self) -> Duration {
        median(&self.all)
    }

    fn ratio(&self, cost: Duration) -> f64 {
        cost.as_secs_f64() / self.median().as_secs_f64().max(f64::MIN_POSITIVE)
    }
}

fn median(costs: &[Duration]) -> Duration {
    let mut sorted = costs.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

impl fmt::Display for Costs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "processor time: the median of {} requests is {:?}; by shape:", self.all.len(), self.median())?;
        let dearest = |costs: &Vec<Duration>| costs.iter().max().copied().unwrap_or_default();
        let mut shapes: Vec<_> = self.shapes.iter().collect();
        shapes.sort_by_key(|(_, costs)| std::cmp::Reverse(dearest(costs)));
        for (shape, costs) in shapes {
            let (middle, dearest) = (self.ratio(median(costs)), self.ratio(dearest(costs)));
            writeln!(f, "  {shape:<40} {:>6} measured, median {middle:>6.1}, dearest {dearest:>6.1}", costs.len())?;
        }
        Ok(())
    }
}
