//! What `cargo xtask guard` promises: nothing that its program started outlives it, however the program ends.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that meets what it does not expect must fail")]

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};

/// A program that starts another, says which that is, and waits.
const PROGRAM: &str = "sleep 1000 & echo $!; wait";

fn guarded() -> (Child, String) {
    let mut guard = Command::new(env!("CARGO_BIN_EXE_xtask"));
    guard.args(["guard", "sh", "-c", PROGRAM]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut guard = guard.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(guard.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (guard, format!("/proc/{}", line.trim()))
}

/// The process whose child is at `child`.
fn parent_of(child: &str) -> String {
    let status = std::fs::read_to_string(format!("{child}/status")).unwrap();
    status.lines().find_map(|line| line.strip_prefix("PPid:")).unwrap().trim().to_owned()
}

#[test]
fn what_a_killed_program_leaves_behind_ends_with_it() {
    let (mut guard, left_behind) = guarded();
    let killed = Command::new("kill").args(["-KILL", &parent_of(&left_behind)]).status().unwrap();
    assert!(killed.success());
    assert_eq!(guard.wait().unwrap().code(), Some(128 + 9), "it says how the program ended");
    assert!(!Path::new(&left_behind).exists(), "{left_behind} goes on");
}

#[test]
fn what_a_program_started_ends_when_the_input_does() {
    let (mut guard, left_behind) = guarded();
    drop(guard.stdin.take());
    guard.wait().unwrap();
    assert!(!Path::new(&left_behind).exists(), "{left_behind} goes on");
}
