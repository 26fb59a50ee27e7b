//! What every directory must do.

use farebox_core::time::{MINUTE, SECOND};
use farebox_ports::{Directory, Host};
use futures_util::future::join_all;

/// How many change one record at once.
const CROWD: usize = 40;

/// Lets `instances` of a directory change the same records. Keys begin with `scope`, which must be new.
///
/// # Panics
/// When the directory does not keep a rule.
pub async fn check_directory<D: Directory + Host>(instances: &[D], scope: &str) {
    a_record_is_what_was_last_put_there(instances, &format!("{scope}/one")).await;
    a_record_ends_with_its_time(instances, &format!("{scope}/ends")).await;
    no_change_of_a_crowd_is_lost(instances, &format!("{scope}/crowd")).await;
    one_of_a_crowd_takes_what_is_there_once(instances, &format!("{scope}/once")).await;
}

async fn look(instance: &impl Directory, key: &str) -> Option<String> {
    instance.lookup(key).await.expect("the directory answers")
}

async fn a_record_is_what_was_last_put_there<D: Directory>(instances: &[D], key: &str) {
    let (one, other) = (&instances[0], &instances[instances.len() - 1]);
    let swap = async |before, after| one.swap(key, before, after, None).await.expect("the directory answers");
    assert_eq!(look(one, key).await, None, "a key that nobody used has no record");
    assert!(swap(None, None).await, "nothing in place of nothing is done");
    assert!(!swap(Some("a"), Some("b")).await, "what is not there is not replaced");
    assert!(swap(None, Some("a \u{e9}\n\"")).await, "a record is made");
    assert_eq!(look(other, key).await.as_deref(), Some("a \u{e9}\n\""), "the others see it at once, byte for byte");
    assert!(!swap(None, Some("b")).await, "a record is not made twice");
    assert!(!swap(None, None).await, "something is not nothing");
    assert!(swap(Some("a \u{e9}\n\""), Some("")).await, "a record is replaced by whoever knows it");
    assert_eq!(look(other, key).await.as_deref(), Some(""), "an empty record is one");
    assert!(!swap(Some("a"), None).await, "a record is not removed by who does not know it");
    assert!(swap(Some(""), None).await, "a record is removed by whoever knows it");
    assert_eq!(look(other, key).await, None, "what was removed is gone");
    assert!(swap(None, Some("again")).await, "what was removed can be made again");
}

async fn a_record_ends_with_its_time<D: Directory + Host>(instances: &[D], key: &str) {
    let directory = &instances[0];
    let now = directory.now();
    let (over, later) = (Some(now), Some(now.plus(10 * MINUTE)));
    let swap =
        async |before, after, until| directory.swap(key, before, after, until).await.expect("the directory answers");
    assert!(swap(None, Some("over"), over).await, "a record may be over as soon as it is made");
    assert_eq!(look(directory, key).await, None, "what is over is not there");
    assert!(!swap(Some("over"), Some("back"), later).await, "what is over is not replaced");
    assert!(swap(None, Some("new"), later).await, "what is over does not keep another from being made");
    assert_eq!(look(directory, key).await.as_deref(), Some("new"), "what is not over is there");
    assert!(swap(Some("new"), Some("longer"), None).await, "how long it is kept is said anew");
    assert!(swap(Some("longer"), Some("shorter"), Some(now.plus(-SECOND))).await, "and may be less");
    assert_eq!(look(directory, key).await, None, "then it is over");
}

async fn no_change_of_a_crowd_is_lost<D: Directory>(instances: &[D], key: &str) {
    let add = |number: usize| async move {
        let directory = &instances[number % instances.len()];
        loop {
            let before = look(directory, key).await;
            let after = format!("{},{number}", before.as_deref().unwrap_or_default());
            if directory.swap(key, before.as_deref(), Some(&after), None).await.expect("the directory answers") {
                break;
            }
        }
    };
    join_all((0..CROWD).map(add)).await;
    let mut found: Vec<usize> = look(&instances[0], key)
        .await
        .expect("there is one")
        .split(',')
        .filter_map(|number| number.parse().ok())
        .collect();
    found.sort_unstable();
    assert_eq!(found, (0..CROWD).collect::<Vec<_>>(), "each change is there, once");
}

async fn one_of_a_crowd_takes_what_is_there_once<D: Directory>(instances: &[D], key: &str) {
    let made = join_all((0..CROWD).map(|number| async move {
        let directory = &instances[number % instances.len()];
        directory.swap(key, None, Some("code"), None).await.expect("the directory answers")
    }));
    assert_eq!(made.await.into_iter().filter(|is_done| *is_done).count(), 1, "one of a crowd makes it");
    let taken = join_all((0..CROWD).map(|number| async move {
        let directory = &instances[number % instances.len()];
        directory.swap(key, Some("code"), None, None).await.expect("the directory answers")
    }));
    assert_eq!(taken.await.into_iter().filter(|is_done| *is_done).count(), 1, "one of a crowd takes it");
}
