//! The units that `docs/deploy-spin.md` shows are what systemd takes, and keep what the page says of them.
#![allow(clippy::unwrap_used, reason = "a test that meets what it does not expect must fail")]

use std::{fs, path::Path, process::Command};

#[test]
fn the_units_of_the_page_are_what_systemd_takes() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let page = fs::read_to_string(root.join("docs/deploy-spin.md")).unwrap();
    let units = page.split("```ini\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    for rule in ["KillMode=control-group", "UMask=0077", "StateDirectoryMode=0700", "XDG_CACHE_HOME=", "--log-dir \"\""]
    {
        assert!(units.contains(rule), "{rule} is gone");
    }
    // Where there is no systemd there is nothing to ask.
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        return;
    }
    let directory = root.join("target/tmp/units");
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).unwrap();
    let mut files = Vec::new();
    for unit in units.split("# /etc/systemd/system/").skip(1) {
        let (name, text) = unit.split_once('\n').unwrap();
        let file = directory.join(name);
        fs::write(&file, text.replace("/usr/local/bin/spin", "/bin/true")).unwrap();
        files.push(file);
    }
    assert_eq!(files.len(), 3);
    let asked = Command::new("systemd-analyze").args(["verify", "--man=no"]).args(&files).output().unwrap();
    let said = String::from_utf8_lossy(&asked.stderr).into_owned();
    let ours: Vec<&str> = said.lines().filter(|line| line.contains("farebox")).collect();
    assert!(asked.status.success() && ours.is_empty(), "{said}");
}
