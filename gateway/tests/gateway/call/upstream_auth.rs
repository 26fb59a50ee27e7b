//! What an upstream demands of whoever calls it: no call goes without it, and none with another product's.

use farebox_core::{
    id::UpstreamCredentialName,
    upstream_credential::{UpstreamCredential, upstream_credential_entry},
};

use super::*;

/// Sets the secret `name`, sealed under the name `sealed_as`.
fn set(deployment: &Deployment, name: &str, sealed_as: &str, secret: &str) {
    let [name, sealed_as]: [UpstreamCredentialName; 2] = [name, sealed_as].map(|name| name.parse().unwrap());
    let kept = UpstreamCredential::seal(&master_key(), sealed_as, &Secret::new(secret), [3; 12], START).unwrap();
    let entry = upstream_credential_entry(&name);
    now(deployment.memory.put(&entry, &serde_json::to_vec(&kept).unwrap())).unwrap();
}

/// What the upstream is shown in `x-origin-key` by a call to `path`, or why it does not go.
fn shown(gateway: &Rc<Gateway<Memory>>, deployment: &Deployment, path: &str) -> Result<Vec<String>, String> {
    let packed = format!("{}\nx-origin-key: forged\nx_origin.key: forged", deployment.signed(path, "hush"));
    let forward = send(gateway, &packed)?;
    let facts = Facts::unpack(&packed).unwrap();
    let callers =
        facts.headers.iter().zip(&forward.goes).filter(|(_, goes)| **goes).map(|((name, value), _)| (*name, *value));
    let ours = forward.set.iter().map(|(name, value)| (&**name, value.whole.as_str()));
    let all = callers.chain(ours).filter(|(name, _)| name.replace(['_', '.'], "-") == "x-origin-key");
    Ok(all.map(|(_, value)| value.to_owned()).collect())
}

#[test]
fn a_call_carries_the_secret_and_no_callers_field_of_its_name() {
    let deployment = Deployment::new("10.00");
    set(&deployment, "origin", "origin", "s-1");
    let instance = deployment.instance(1);
    assert_eq!(shown(&instance, &deployment, "/secured"), Ok(vec!["Key s-1".to_owned()]));
    assert_eq!(
        shown(&instance, &deployment, "/leased"),
        Ok(vec!["forged".to_owned()]),
        "which is nobody's business elsewhere"
    );
}

#[test]
fn without_its_secret_a_call_takes_nothing_and_the_operator_hears_of_it() {
    let deployment = Deployment::new("10.00");
    let instance = deployment.instance(1);
    assert_eq!(shown(&instance, &deployment, "/secured"), Err("upstream.unconfigured".to_owned()));
    let told = deployment.memory.log_lines().join("\n");
    assert!(told.contains("upstream_credential.missing") && told.contains("farebox secret put origin"), "{told}");
    assert_eq!(deployment.leases_given(), 0);
    // Another's secret under this name is none.
    set(&deployment, "origin", "elsewhere", "s-1");
    deployment.memory.set_now(START.plus(6 * SECOND));
    assert_eq!(shown(&instance, &deployment, "/secured"), Err("temporarily.unavailable".to_owned()));
    set(&deployment, "origin", "origin", "s-1");
    deployment.memory.set_now(START.plus(12 * SECOND));
    assert_eq!(shown(&instance, &deployment, "/secured"), Ok(vec!["Key s-1".to_owned()]));
    assert!(!deployment.memory.log_lines().join("\n").contains("s-1"));
}

#[test]
fn a_secret_that_is_changed_goes_along_within_a_minute_and_one_that_is_removed_no_more() {
    let deployment = Deployment::new("10.00");
    set(&deployment, "origin", "origin", "s-1");
    let instance = deployment.instance(1);
    assert!(shown(&instance, &deployment, "/secured").is_ok());
    set(&deployment, "origin", "origin", "s-2");
    deployment.memory.set_now(START.plus(59 * SECOND));
    assert_eq!(shown(&instance, &deployment, "/secured"), Ok(vec!["Key s-1".to_owned()]));
    deployment.memory.set_now(START.plus(60 * SECOND));
    assert_eq!(shown(&instance, &deployment, "/secured"), Ok(vec!["Key s-2".to_owned()]));
    now(deployment.memory.delete("upstream-credential/origin")).unwrap();
    deployment.memory.set_now(START.plus(120 * SECOND));
    assert_eq!(shown(&instance, &deployment, "/secured"), Err("upstream.unconfigured".to_owned()));
}

#[test]
fn a_secret_in_use_is_read_again_beside_the_calls() {
    let deployment = Deployment::new("10.00");
    set(&deployment, "origin", "origin", "s-1");
    let instance = deployment.instance(1);
    assert!(shown(&instance, &deployment, "/secured").is_ok());
    set(&deployment, "origin", "origin", "s-2");
    deployment.memory.set_now(START.plus(30 * SECOND));
    now(Rc::clone(&instance).background());
    assert_eq!(shown(&instance, &deployment, "/secured"), Ok(vec!["Key s-2".to_owned()]));
}

#[test]
fn a_test_call_shows_the_products_own_secret_to_nobody() {
    let deployment = Deployment::new("10.00");
    set(&deployment, "origin", "origin", "s-1");
    let packed = format!("{}\nx-ca-stage: TEST", deployment.signed("/secured", "hush"));
    let forward = send(&deployment.instance(1), &packed).unwrap();
    assert_eq!(forward.url.whole, "http://sandbox.test/secured");
    assert!(!format!("{:?}", forward.set).contains("s-1"));
}
