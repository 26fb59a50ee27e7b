//! The fuzz of the wire: raw requests by chance, good and bad, and what must hold whatever they are.
//!
//! Each sample follows from a seed and its number, but for the time and the secrets in it. What must hold is in [`judge`](mod@judge): no
//! answer above 499 that no upstream is at fault for, and nothing forwarded that nobody signed. No request costs the runtime
//! more than twenty times the processor time of the median one ([`costs`]).
//! Invariant: requests are sent and judged in rounds, so what is kept does not grow with their number.

mod calls;
mod costs;
mod draft;
mod heavy;
mod judge;
mod odd;
mod origin;
mod report;
mod wire;
mod world;

use std::{
    env,
    ops::Range,
    sync::atomic::{AtomicU64, Ordering},
    thread,
};

use anyhow::{Context, Result, anyhow, bail};
use fastrand::Rng;

use self::{
    costs::Costs,
    draft::{Marker, Sample},
    judge::judge,
    origin::marked,
    report::Report,
    wire::{Client, Outcome},
    world::{PATIENCE, World},
};
use crate::{Farebox, eventually, thorough};

/// How many requests there are when nobody says how many, and in full.
const REQUESTS: u64 = 1_000;
const REQUESTS_IN_FULL: u64 = 20_000;

/// How many requests are judged together.
const ROUND: u64 = 3_000;

/// How many connections are used at once.
const CLIENTS: u64 = 16;

/// One request of so many is sent alone and has its processor time measured, and at most so many of a round. The other
/// connections rest meanwhile: measuring one of ten takes a third of a run's time.
const MEASURED: u64 = 10;
const MEASURED_OF_A_ROUND: u64 = 60;

/// From this number on the samples are the heavy ones, each as large as it gets.
const LARGEST: u64 = 1 << 48;

/// Plays it on a gateway of its own.
///
/// # Errors
///
/// When something did not hold; says what, with the seed and the bytes.
pub(crate) async fn run(others: &Farebox) -> Result<()> {
    let seed = number("FAREBOX_SEED").unwrap_or_else(|| fastrand::u64(..1 << 48));
    let requests = number("FAREBOX_FUZZ").unwrap_or(if thorough() { REQUESTS_IN_FULL } else { REQUESTS });
    let first = number("FAREBOX_FUZZ_FROM").unwrap_or_default();
    println!("fuzz: {requests} requests, FAREBOX_SEED={seed} replays them");
    let world = World::make(others).await?;
    let mut report = Report::new(world.farebox.runtime());
    let mut costs = Costs::of(&world)?;
    let all = first..first + requests;
    let mut from = first;
    while from < all.end {
        let round = from..all.end.min(from + ROUND);
        let sent = send(&world, seed, round.clone())?;
        settled(&world, seed, &mut report).await?;
        judge(&world, seed, &sent, &world.origin.take(), &mut report)?;
        let some = (round.end - round.start).div_ceil(MEASURED).min(MEASURED_OF_A_ROUND);
        let measured = costs.measure(&world, seed, round.start..round.start + some, &mut report)?;
        settled(&world, seed, &mut report).await?;
        judge(&world, seed, &measured, &world.origin.take(), &mut report)?;
        from = round.end;
        println!("fuzz: {} of {requests}, {}", from - first, report.progress());
    }
    report.bound();
    println!("{report}\n{costs}");
    if report.is_clean() {
        return Ok(());
    }
    bail!("FAREBOX_SEED={seed} did what must not be; the report is above")
}

/// Waits until everything has arrived at the upstream. What is under way there still is a fault: its caller is gone.
async fn settled(world: &World, seed: u64, report: &mut Report) -> Result<()> {
    let idle = async || Ok(world.origin.is_idle().then_some(()));
    if eventually("the upstream to be idle", PATIENCE, idle).await.is_ok() {
        return Ok(());
    }
    for line in world.origin.forget_open() {
        let marker = line.split(' ').nth(1).and_then(|target| marked(target).next());
        let sample = marker.map(|marker| sample(world, seed, marker.sample, marker.attempt)).transpose()?;
        let (shape, bytes) = sample.map_or(("?", Vec::new()), |sample| (sample.shape, sample.bytes));
        report.fault("held at the upstream though its caller is gone", shape, &line, &bytes);
    }
    Ok(())
}

fn number(name: &str) -> Option<u64> {
    env::var(name).ok()?.parse().ok()
}

/// A sample that was sent, and what came of it.
struct Sent {
    sample: Sample,
    outcome: Outcome,
}

/// Sends the samples of `round` on several connections at once.
fn send(world: &World, seed: u64, round: Range<u64>) -> Result<Vec<Sent>> {
    let next = AtomicU64::new(round.start);
    let one = || -> Result<Vec<Sent>> {
        let (mut client, mut sent) = (Client::new(&world.host), Vec::new());
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= round.end {
                return Ok(sent);
            }
            let sample = sample(world, seed, number, 0)?;
            let outcome = client.send(&sample).with_context(|| format!("request {number} ({})", sample.shape))?;
            sent.push(Sent { sample, outcome });
        }
    };
    thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(one)).collect();
        let mut all = Vec::new();
        for client in clients {
            all.extend(client.join().map_err(|_| anyhow!("a client panicked"))??);
        }
        Ok(all)
    })
}

/// The sample of this number. Each attempt at it is the same but for its marker, its nonces and its time.
fn sample(world: &World, seed: u64, number: u64, attempt: u32) -> Result<Sample> {
    // What a generator yields first is alike for seeds that are; a hash of them is not.
    let mut rng = Rng::with_seed(Rng::with_seed(seed).u64(..) ^ number.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let marker = Marker { sample: number, attempt, place: 0 };
    if let Some(which) = number.checked_sub(LARGEST) {
        return heavy::largest(world, &mut rng, marker, usize::try_from(which)?);
    }
    Ok(match rng.u8(..100) {
        0..25 => calls::valid(world, &mut rng, marker)?,
        25..40 => calls::spoilt(world, &mut rng, marker)?,
        40..48 => calls::flipped(world, &mut rng, marker)?,
        48..51 => calls::doubled(world, &mut rng, marker)?,
        51..53 => calls::replayed(world, &mut rng, marker)?,
        53..65 => odd::line(world, &mut rng, marker),
        65..74 => odd::fields(world, &mut rng, marker),
        74..82 => odd::framing(world, &mut rng, marker),
        82..86 => odd::pipelined(world, &mut rng, marker)?,
        86..93 => odd::admin(world, &mut rng, marker),
        93..95 => odd::noise(&mut rng, marker),
        _ => heavy::some(world, &mut rng, marker)?,
    })
}
