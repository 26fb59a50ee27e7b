//! What the guides make in the checkout stays out of git: secrets, credentials, catalogs and copies.
//!
//! Broken on purpose, each seen to fail here: `.gitignore` without its line for tokens; a page that writes a file of a new
//! name.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

/// The top of the checkout.
const TOP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// The options that are followed by a file or directory which the command makes.
const MAKING: [&str; 3] = ["--credential-file", "--file", "--state-dir"];

/// What the commands of a page make: what they redirect to, what their options name, and what `init` writes.
fn made_by(page: &str) -> BTreeSet<String> {
    let mut made = BTreeSet::new();
    let blocks = page
        .split("```")
        .skip(1)
        .step_by(2)
        .filter(|block| block.starts_with("sh\n") || block.starts_with("console\n"));
    // In a transcript, what is not a command is what one prints.
    let commands = blocks.flat_map(|block| {
        let is_transcript = block.starts_with("console\n");
        block.lines().filter(move |line| !is_transcript || line.trim_start().starts_with("$ "))
    });
    for line in commands {
        let spaced = line.replace('>', " > ").replace(['(', ')', ';'], " ");
        let words: Vec<&str> = spaced.split_whitespace().collect();
        for pair in words.windows(2) {
            let name = pair[1].trim_matches(['"', '\'']);
            let is_outside = name.starts_with(['/', '~', '&', '$']) || name.starts_with("deploy/");
            if (pair[0] == ">" || MAKING.contains(&pair[0])) && !is_outside {
                // Of a name that differs each time, what is the same.
                made.insert(name.split('$').next().unwrap_or(name).to_owned());
            }
        }
        if let Some((_, copy)) = line.split_once(".backup '") {
            made.extend(copy.split('\'').next().map(str::to_owned));
        }
        if line.contains("farebox init") {
            made.insert("catalog.toml".to_owned());
        }
    }
    made
}

#[test]
fn git_ignores_all_that_the_guides_make() {
    let mut made = BTreeSet::new();
    for file in fs::read_dir(Path::new(TOP).join("docs")).expect("the pages").flatten() {
        if file.path().extension().is_some_and(|extension| extension == "md") {
            made.extend(made_by(&fs::read_to_string(file.path()).expect("a page")));
        }
    }
    made.extend(made_by(&fs::read_to_string(Path::new(TOP).join("README.md")).expect("the page")));
    for known in ["master.key", "admin.token", "bob.json", "catalog.toml", "accounts.json", "state"] {
        assert!(made.contains(known), "the pages make {known}, which was not found: {made:?}");
    }
    for name in made {
        let ignored =
            Command::new("git").args(["check-ignore", "--no-index", "--quiet", &name]).current_dir(TOP).status();
        assert!(ignored.expect("git").success(), "{name} is made by a guide, and git would take it in");
    }
}
