//! Keys: those that nobody has cost no look-up where a tag tells, and few where none does; those in use hold as far as they say.

use farebox_core::{credential::plain_key_entry, plain_key};

use super::*;

/// A request signed with `key`, and one by app code.
fn with_key(key: &str) -> String {
    format!("GET\nhttp://gateway.test/leased\nx-ca-key: {key}\nx-ca-signature: AAAA")
}

fn with_code(code: &str) -> String {
    format!("GET\nhttp://gateway.test/slow\nauthorization: APPCODE {code}")
}

#[test]
fn a_made_up_key_is_known_without_a_look_up() {
    let deployment = Deployment::new("10.00");
    let instance = deployment.instance(1);
    assert!(send(&instance, &deployment.signed("/leased", "hush")).is_ok());
    deployment.memory.set_down(true);
    let stranger = MasterKey::from_base64("CAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg=").unwrap();
    let made = |by: &MasterKey| (by.tagged_key("0123456789abcdef"), by.tagged_app_code("0123456789abcdefghjkmnpqrs"));
    let ((key, code), (old_key, old_code)) =
        (made(&stranger), ("ak_0123456789abcdef", "00112233445566778899aabbccddeeff"));
    assert_eq!(send(&instance, &with_key(&key)).unwrap_err(), "credential.unknown");
    assert_eq!(send(&instance, &with_code(&code)).unwrap_err(), "credential.unknown");
    let (key, code) = made(&master_key());
    // What could be somebody's cannot be told without the store.
    for packed in [with_key(&key), with_key(old_key), with_code(&code), with_code(old_code)] {
        assert_eq!(send(&instance, &packed).unwrap_err(), "temporarily.unavailable");
    }
}

#[test]
fn keys_without_a_tag_are_looked_up_so_often_and_never_at_the_cost_of_those_in_use() {
    let deployment = Deployment::new("10.00");
    let instance = deployment.instance(1);
    assert!(send(&instance, &deployment.signed("/leased", "hush")).is_ok());
    let answers = (0..20_000).map(|at| send(&instance, &with_key(&format!("ak_{at:016x}"))).unwrap_err());
    let looked_up = answers.filter(|code| code == "credential.unknown").count();
    assert_eq!(looked_up, 255, "with the one in use 256; the others are told to come again");
    deployment.memory.set_now(START.plus(SECOND));
    assert_eq!(send(&instance, &with_key("ak_ffffffffffffffff")).unwrap_err(), "credential.unknown");
    now(deployment.memory.delete(&credential_entry(&"ak_1".parse().unwrap()))).unwrap();
    assert!(send(&instance, &deployment.signed("/leased", "hush")).is_ok(), "it is still in memory");
}

#[test]
fn the_key_of_an_app_code_is_read_once_and_its_credential_ends_it() {
    let deployment = Deployment::new("1000.00");
    let (instance, code) = (deployment.instance(1), "00112233445566778899aabbccddeeff");
    let entry = plain_key_entry(&plain_key::hash(code));
    now(deployment.memory.put(&entry, b"ak_1")).unwrap();
    let call = || send(&instance, &with_code(code)).map(drop);
    assert_eq!(call(), Ok(()));
    now(deployment.memory.delete(&entry)).unwrap();
    deployment.memory.set_now(START.plus(11 * SECOND));
    assert_eq!(call(), Ok(()), "it is not looked up again");
    now(deployment.memory.delete(&credential_entry(&"ak_1".parse().unwrap()))).unwrap();
    deployment.memory.set_now(START.plus(22 * SECOND));
    assert_eq!(call(), Err("credential.unknown".to_owned()));
}

/// An instance that has called at the start, of a deployment whose credential was revoked since behind everybody's back. Others keep
/// it reading what changed lately.
struct Revoked {
    deployment: Deployment,
    instance: Rc<Gateway<Memory>>,
}

impl Revoked {
    fn new() -> Self {
        let deployment = Deployment::new("1000.00");
        deployment.announce("acc_2");
        let instance = deployment.instance(1);
        let revoked = Self { deployment, instance };
        assert_eq!(revoked.call(0), Ok(()));
        let memory = &revoked.deployment.memory;
        let entry = credential_entry(&"ak_1".parse().unwrap());
        let stored = now(memory.get(&entry)).unwrap().unwrap();
        let mut credential: Credential = serde_json::from_slice(&stored).unwrap();
        credential.revoked = Some(START);
        now(memory.put(&entry, &serde_json::to_vec(&credential).unwrap())).unwrap();
        revoked
    }

    fn call(&self, seconds: i64) -> Result<(), String> {
        self.deployment.memory.set_now(START.plus(seconds * SECOND));
        send(&self.instance, &self.deployment.signed("/slow", "hush")).map(drop)
    }

    /// Somebody else calls, whose key is looked up: what changed lately is read with it.
    fn hear(&self, seconds: i64) {
        self.deployment.memory.set_now(START.plus(seconds * SECOND));
        assert_eq!(send(&self.instance, &with_key("ak_2")).unwrap_err(), "credential.unknown");
    }
}

#[test]
fn a_credential_is_read_again_within_seconds_once_it_is_heard_that_it_changed() {
    let revoked = Revoked::new();
    revoked.hear(6);
    assert_eq!(revoked.call(14), Ok(()), "nothing was heard");
    revoked.deployment.announce("ak_1");
    revoked.hear(15);
    assert_eq!(revoked.call(15), Err("credential.revoked".to_owned()));
}

#[test]
fn a_credential_is_read_again_in_time_where_nothing_is_heard_of_changes() {
    let revoked = Revoked::new();
    assert_eq!(revoked.call(9), Ok(()));
    assert_eq!(revoked.call(10), Err("credential.revoked".to_owned()));
}

#[test]
fn a_credential_is_read_again_in_time_where_the_admin_api_does_not_tell_of_changes() {
    let revoked = Revoked::new();
    now(revoked.deployment.memory.delete("recent-changes")).unwrap();
    (6..12).for_each(|seconds| revoked.hear(seconds));
    assert_eq!(revoked.call(12), Err("credential.revoked".to_owned()));
}

#[test]
fn no_credential_is_believed_for_longer_than_its_changes_are_named() {
    let revoked = Revoked::new();
    (0..1_800).step_by(9).for_each(|seconds| revoked.hear(seconds));
    assert_eq!(revoked.call(1_799), Ok(()));
    assert_eq!(revoked.call(1_800), Err("credential.revoked".to_owned()));
}

#[test]
fn a_credential_is_refused_from_elsewhere_and_after_its_time() {
    let deployment = Deployment::new("1.00");
    let entry = credential_entry(&"ak_1".parse().unwrap());
    let stored = now(deployment.memory.get(&entry)).unwrap().unwrap();
    let mut credential: Credential = serde_json::from_slice(&stored).unwrap();
    credential.addresses = Some(vec!["192.0.2.0/24".parse().unwrap(), "2001:db8::/32".parse().unwrap()]);
    credential.expires = Some(START.plus(SECOND));
    now(deployment.memory.put(&entry, &serde_json::to_vec(&credential).unwrap())).unwrap();
    let instance = deployment.instance(1);
    let call = |from: &str| send(&instance, &format!("{}{from}", deployment.signed("/leased", "hush"))).map(drop);
    for inside in ["192.0.2.9", "192.0.2.9:4711", "::ffff:192.0.2.9", "2001:db8::9", "[2001:db8::9]:4711"] {
        assert_eq!(call(&format!("\nx-from: {inside}")), Ok(()), "{inside}");
    }
    for elsewhere in ["", "\nx-from: 192.0.3.9", "\nx-from: nowhere", "\nx-forwarded-for: 192.0.2.9"] {
        assert_eq!(call(elsewhere), Err("address.forbidden".to_owned()), "{elsewhere}");
    }
    deployment.memory.set_now(START.plus(SECOND));
    assert_eq!(call("\nx-from: 192.0.2.9"), Err("credential.revoked".to_owned()));
}
