//! Streams are paid for while they flow: no byte goes that no lease has set aside, and one that nobody pays for ends.

use farebox_core::{meter::Meter, money::Micros, time::HOUR};
use farebox_gateway::{CallKey, Flow, Flowed, Outcome};

use super::*;

const MIB: u64 = 1 << 20;

/// A response that streams, as a shell pumps it.
pub(super) struct Stream<'a> {
    instance: &'a Rc<Gateway<Memory>>,
    call: CallKey,
    bytes: u64,
    room: u64,
}

impl<'a> Stream<'a> {
    pub(super) fn open(deployment: &Deployment, instance: &'a Rc<Gateway<Memory>>, path: &str) -> Result<Self, String> {
        let forward = send(instance, &deployment.signed(path, "hush"))?;
        let room = forward.room.map_or(u64::MAX, |room| room.egress_bytes);
        Ok(Self { instance, call: forward.call, bytes: 0, room })
    }

    pub(super) fn ask(&mut self) -> Result<(), String> {
        let flowed = Flowed { ingress_bytes: 0, egress_bytes: self.bytes, outcome: Outcome::Answered(200) };
        match now(self.instance.fund(self.call, flowed, Meter::EgressBytes)) {
            Flow::Go(room) => {
                self.room = room;
                Ok(())
            }
            Flow::End(rejection) => Err(rejection.code().to_owned()),
            Flow::Need(need) => panic!("{need:?}"),
        }
    }

    /// Lets `bytes` through, or as many as may go and the code of why no more.
    fn pump(&mut self, bytes: u64) -> Result<(), String> {
        let until = self.bytes + bytes;
        while self.bytes < until {
            if self.room == 0 {
                self.ask()?;
            }
            let goes = self.room.min(until - self.bytes);
            (self.bytes, self.room) = (self.bytes + goes, self.room - goes);
        }
        Ok(())
    }

    fn end(self) {
        let now = self.instance.ports().now();
        self.instance.finish(self.call, Outcome::Answered(200), 0, self.bytes, now);
    }
}

#[test]
fn two_hundred_streams_at_once_get_no_byte_more_than_was_bought() {
    let deployment = Deployment::new("0.01");
    deployment.buy("mib", "one");
    let instances = [1, 2].map(|seed| deployment.instance(seed));
    let opened = (0..200).map(|at| Stream::open(&deployment, &instances[at % 2], "/mib"));
    let mut streams: Vec<Stream<'_>> = opened.filter_map(Result::ok).collect();
    assert!(streams.len() > 20, "some begin at once: {}", streams.len());
    let (mut sent, mut turn) = (0, 0);
    while !streams.is_empty() {
        let all: u64 = streams.iter().map(|stream| stream.bytes).sum();
        assert!(sent + all <= MIB, "{} bytes went through a package of {MIB}", sent + all);
        let at = turn % streams.len();
        match streams[at].pump(10_000) {
            Ok(()) => turn += 1,
            Err(code) => {
                // The latter while the other instance holds what is left.
                assert!(["quota.exhausted", "temporarily.unavailable"].contains(&code.as_str()), "{code}");
                let ended = streams.swap_remove(at);
                sent += ended.bytes;
                ended.end();
            }
        }
    }
    // What the last ones had set aside came back when they ended, and is sold to whoever comes.
    let given_back = || {
        instances.iter().for_each(|instance| now(instance.flush()));
        deployment.settle();
        deployment.memory.set_now(deployment.memory.now().plus(30 * SECOND));
    };
    given_back();
    while let Ok(mut stream) = Stream::open(&deployment, &instances[0], "/mib") {
        assert!(stream.pump(MIB).is_err(), "there is no MiB left");
        sent += stream.bytes;
        stream.end();
        given_back();
    }
    assert_eq!((sent, deployment.usage().2), (MIB, MIB), "the whole package, and nothing beyond");
}

#[test]
fn a_stream_of_three_days_is_charged_as_it_goes() {
    let deployment = Deployment::new("1.00");
    let instance = deployment.instance(1);
    let mut stream = Stream::open(&deployment, &instance, "/bytes").unwrap();
    for hour in 0..72 {
        stream.pump(MIB).unwrap();
        deployment.memory.set_now(deployment.memory.now().plus(HOUR));
        stream.ask().unwrap();
        now(instance.flush());
        let report = deployment.settle();
        assert_eq!((report.refused, deployment.usage()), (0, (1, 0, (hour + 1) * MIB)), "after hour {hour}");
    }
    stream.end();
    now(instance.flush());
    deployment.settle();
    // 72 MiB at 1.00 USD the GiB.
    assert_eq!(deployment.balance().0, "0.929688");
}

#[test]
fn a_slow_reader_gets_what_the_balance_pays_for_and_no_more() {
    // 10.24 MiB at 1.00 USD the GiB.
    let deployment = Deployment::new("0.01");
    let instance = deployment.instance(1);
    let mut stream = Stream::open(&deployment, &instance, "/bytes").unwrap();
    let code = loop {
        deployment.memory.set_now(deployment.memory.now().plus(30 * SECOND));
        if let Err(code) = stream.pump(100_000) {
            break code;
        }
        now(instance.flush());
        deployment.settle();
    };
    assert_eq!(code, "balance.exhausted");
    let sent = stream.bytes;
    stream.end();
    now(instance.flush());
    deployment.settle();
    assert_eq!(deployment.usage().2, sent);
    assert!((10_000_000..10_740_000).contains(&sent), "{sent}");
    let left: Micros = deployment.balance().0.parse().unwrap();
    // A byte costs less than the smallest amount.
    assert!((-1..100).contains(&left.get()), "{left}");
}

#[test]
fn a_stream_ends_once_its_account_is_suspended_or_its_credential_has_ended() {
    for path in ["/bytes", "/leased"] {
        let deployment = Deployment::new("1.00");
        let instance = deployment.instance(1);
        let mut stream = Stream::open(&deployment, &instance, path).unwrap();
        deployment.suspend();
        deployment.memory.set_now(START.plus(20 * SECOND));
        assert_eq!(stream.ask(), Err("account.suspended".to_owned()), "{path}");

        let deployment = Deployment::new("1.00");
        let instance = deployment.instance(1);
        let mut stream = Stream::open(&deployment, &instance, path).unwrap();
        let entry = credential_entry(&"ak_1".parse().unwrap());
        let stored = now(deployment.memory.get(&entry)).unwrap().unwrap();
        let mut credential: Credential = serde_json::from_slice(&stored).unwrap();
        credential.expires = Some(START.plus(SECOND));
        now(deployment.memory.put(&entry, &serde_json::to_vec(&credential).unwrap())).unwrap();
        deployment.memory.set_now(START.plus(10 * SECOND));
        assert_eq!(stream.ask(), Err("credential.revoked".to_owned()), "{path}");
    }
}

#[test]
fn a_stream_of_a_product_that_does_not_sell_bytes_outlasts_what_paid_for_its_call() {
    let deployment = Deployment::with_one_call();
    let instance = deployment.instance(1);
    let mut stream = Stream::open(&deployment, &instance, "/leased").unwrap();
    for _ in 0..10 {
        deployment.memory.set_now(deployment.memory.now().plus(30 * SECOND));
        stream.pump(MIB).unwrap();
        assert_eq!(stream.ask(), Ok(()), "the call is paid for, however long it takes");
    }
}

#[test]
fn an_upload_that_the_upstream_does_not_answer_is_not_charged() {
    let deployment = Deployment::new("1.00");
    let instance = deployment.instance(1);
    let call = send(&instance, &deployment.signed("/bytes", "hush")).unwrap().call;
    for ingress_bytes in [0, 1_000_000, 3_000_000] {
        let flowed = Flowed { ingress_bytes, egress_bytes: 0, outcome: Outcome::Unanswered };
        assert!(matches!(now(instance.fund(call, flowed, Meter::IngressBytes)), Flow::Go(_)));
    }
    instance.finish(call, Outcome::Unanswered, 3_000_000, 0, START);
    deployment.memory.set_now(START.plus(30 * SECOND));
    now(instance.flush());
    deployment.settle();
    assert_eq!(deployment.usage(), (0, 0, 0));
    assert_eq!(deployment.balance(), ("1.00".to_owned(), "0.00".to_owned()));
}

#[test]
fn an_upload_that_is_larger_than_any_lease_goes_on_and_is_charged_once_it_is_answered() {
    // 10.24 MiB at 1.00 USD the GiB, of which a lease is a quarter at most.
    let deployment = Deployment::new("0.01");
    let instance = deployment.instance(1);
    let call = send(&instance, &deployment.signed("/bytes", "hush")).unwrap().call;
    let mut ingress_bytes = 0;
    while ingress_bytes < 8_000_000 {
        let flowed = Flowed { ingress_bytes, egress_bytes: 0, outcome: Outcome::Unanswered };
        match now(instance.fund(call, flowed, Meter::IngressBytes)) {
            Flow::Go(room) => ingress_bytes += room.min(200_000),
            flow => panic!("{flow:?} after {ingress_bytes} bytes"),
        }
        deployment.memory.set_now(deployment.memory.now().plus(3 * SECOND));
        now(instance.flush());
    }
    instance.finish(call, Outcome::Answered(200), ingress_bytes, 0, deployment.memory.now());
    now(instance.flush());
    deployment.settle();
    assert_eq!(deployment.usage(), (1, ingress_bytes, 0));
}

#[test]
fn a_call_that_outlasts_its_lease_goes_over_to_the_one_in_use() {
    let deployment = Deployment::new("1.00");
    let instance = deployment.instance(1);
    let long = send(&instance, &deployment.signed("/leased", "hush")).unwrap();
    deployment.memory.set_now(START.plus(25 * SECOND));
    let other = send(&instance, &deployment.signed("/leased", "hush")).unwrap();
    for forward in [long, other] {
        instance.finish(forward.call, Outcome::Answered(200), 0, 0, deployment.memory.now());
    }
    now(instance.flush());
    deployment.settle();
    let open = now(deployment.memory.report(&deployment.account, &Query::Leases)).unwrap().unwrap();
    let Report::Leases(open) = open else { panic!("{open:?}") };
    assert_eq!((open.len(), open[0].used.calls), (1, 2), "the first lease is over: {open:?}");
}
