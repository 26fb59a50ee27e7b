//! What `--help` says of each command: who changes one sees what its users will read.

use crate::{Server, farebox, stdout};

/// The help of a command and of those below it.
fn add_help(server: &Server, command: &[String], all: &mut String) {
    let words = command.iter().map(String::as_str).chain(["--help"]).collect::<Vec<_>>();
    let help = stdout(&farebox(server, &words));
    all.push_str(&format!("$ farebox {}\n{help}\n", words.join(" ")));
    let below = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    // A command begins at the second column, and what is said of it goes on further in.
    let names = below.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    for name in names.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help") {
        add_help(server, &[command, &[name.to_owned()]].concat(), all);
    }
}

#[test]
fn each_command_is_explained_as_before() {
    let server = Server::start(|_| panic!("nothing is sent"));
    let mut all = String::new();
    add_help(&server, &[], &mut all);
    assert!(all.matches("$ farebox").count() > 50, "all commands are found");
    insta::assert_snapshot!("help", all);
}
