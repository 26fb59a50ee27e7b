//! Reads a `spin.toml` (manifest version 2): what the application is made of.
//!
//! It reads the subset that Farebox uses and refuses everything else by name. *Every* key is obeyed, known to mean nothing at run
//! time, or an error. A key that is passed over in silence would be a promise that Spin keeps and this host does not.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail, ensure};
use serde::Deserialize;

/// An application: its variables, its components, and which routes lead to which.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    spin_manifest_version: u32,
    #[serde(rename = "application")]
    _application: Application,
    #[serde(default)]
    pub(crate) variables: BTreeMap<String, Variable>,
    #[serde(default)]
    pub(crate) trigger: Triggers,
    #[serde(default)]
    pub(crate) component: BTreeMap<String, Component>,
}

/// The application's name and what else only people read.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Application {
    #[serde(rename = "name")]
    _name: String,
    #[serde(rename = "version")]
    _version: Option<String>,
    #[serde(rename = "description")]
    _description: Option<String>,
    #[serde(rename = "authors", default)]
    _authors: Vec<String>,
}

/// A variable of the application: it has a default, or it must be given.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Variable {
    pub(crate) default: Option<String>,
    #[serde(default)]
    required: bool,
    #[serde(rename = "secret", default)]
    _secret: bool,
    #[serde(rename = "description")]
    _description: Option<String>,
}

/// The triggers by type. Only `http` exists here.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Triggers {
    #[serde(default)]
    pub(crate) http: Vec<HttpTrigger>,
}

/// One route and the component that answers it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HttpTrigger {
    #[serde(rename = "id")]
    _id: Option<String>,
    pub(crate) route: String,
    pub(crate) component: String,
}

/// A component and what it may reach.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Component {
    pub(crate) source: PathBuf,
    #[serde(rename = "description")]
    _description: Option<String>,
    #[serde(default)]
    pub(crate) allowed_outbound_hosts: Vec<String>,
    #[serde(default)]
    pub(crate) key_value_stores: Vec<String>,
    #[serde(default)]
    pub(crate) sqlite_databases: Vec<String>,
    #[serde(default)]
    pub(crate) variables: BTreeMap<String, String>,
    /// Directories that it may read. Of Spin's forms of a mount, the one with a source and a destination.
    #[serde(default)]
    pub(crate) files: Vec<Mount>,
    /// How `spin build` makes it: nothing to run with.
    #[serde(rename = "build")]
    _build: Option<toml::Table>,
    /// What other tools keep there: nothing to run with.
    #[serde(rename = "tool")]
    _tool: Option<toml::Table>,
}

/// A directory of this machine, and where a component finds it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mount {
    pub(crate) source: PathBuf,
    pub(crate) destination: String,
}

impl Manifest {
    /// Reads the manifest at `path`; the components' sources come out as paths that can be opened.
    ///
    /// # Errors
    /// One line that names what is wrong, and where.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        let mut manifest = Self::parse(&text).with_context(|| format!("cannot run {}", path.display()))?;
        let directory = path.parent().unwrap_or(Path::new(""));
        for component in manifest.component.values_mut() {
            component.source = directory.join(&component.source);
            for mount in &mut component.files {
                mount.source = directory.join(&mount.source);
            }
        }
        Ok(manifest)
    }

    pub(crate) fn parse(text: &str) -> anyhow::Result<Self> {
        let manifest: Self = toml::from_str(text)?;
        ensure!(
            manifest.spin_manifest_version == 2,
            "spin_manifest_version is {}, and only 2 is known",
            manifest.spin_manifest_version
        );
        ensure!(!manifest.trigger.http.is_empty(), "there is no [[trigger.http]]");
        for (name, variable) in &manifest.variables {
            check_name(name)?;
            ensure!(
                variable.required != variable.default.is_some(),
                "variable {name:?} must have either a default or required = true"
            );
        }
        for trigger in &manifest.trigger.http {
            let (route, component) = (&trigger.route, &trigger.component);
            ensure!(
                manifest.component.contains_key(component),
                "route {route:?} leads to component {component:?}, which is not there"
            );
        }
        Ok(manifest)
    }
}

/// Whether every Spin takes `name` as a variable's: words of lower-case letters and digits that begin with a letter, joined by single
/// underscores.
fn check_name(name: &str) -> anyhow::Result<()> {
    let well = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_lowercase())
            && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    };
    if !name.split('_').all(well) {
        bail!("variable {name:?} must be of words that begin with a lower-case letter, with underscores between them");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Manifest;

    const WHOLE: &str = r#"
        spin_manifest_version = 2
        application = { name = "farebox", version = "1.0.0", authors = ["someone"] }

        [variables]
        greeting = { default = "hello" }
        master_key = { required = true, secret = true }

        [[trigger.http]]
        route = "/..."
        component = "edge"

        [component.edge]
        source = "edge.wasm"
        allowed_outbound_hosts = ["{{ greeting }}://*:*"]
        key_value_stores = ["default"]
        sqlite_databases = ["default"]
        variables = { key = "{{ master_key }}" }
        files = [{ source = "pages", destination = "/pages" }]
        [component.edge.build]
        command = "cargo build"
        watch = ["src"]
    "#;

    fn refusal(from: &str, to: &str) -> String {
        let text = WHOLE.replace(from, to);
        assert_ne!(text, WHOLE, "{from} is in the manifest");
        format!("{:#}", Manifest::parse(&text).expect_err("the manifest is refused"))
    }

    #[test]
    fn the_subset_that_is_used_is_read() {
        let manifest = Manifest::parse(WHOLE).expect("the manifest is fine");
        assert_eq!(manifest.variables["greeting"].default.as_deref(), Some("hello"));
        assert_eq!(manifest.component["edge"].variables["key"], "{{ master_key }}");
        assert_eq!(manifest.component["edge"].files[0].destination, "/pages");
    }

    #[test]
    fn what_is_not_known_is_refused_by_name() {
        for (from, to, named) in [
            ("key_value_stores", "ai_models = []\nkey_value_stores", "ai_models"),
            ("[[trigger.http]]", "[[trigger.cron]]\nroute = \"\"\n[[trigger.http]]", "cron"),
            ("route = \"/...\"", "route = \"/...\"\nexecutor = { type = \"wagi\" }", "executor"),
            ("{ source = \"pages\", destination = \"/pages\" }", "\"pages/*\"", "files"),
            ("source = \"edge.wasm\"", "source = { url = \"http://x\", digest = \"y\" }", "source"),
            ("manifest_version = 2", "manifest_version = 1", "only 2"),
        ] {
            let refusal = refusal(from, to);
            assert!(refusal.contains(named), "{refusal}");
        }
    }

    #[test]
    fn what_cannot_work_is_refused() {
        assert!(refusal("component = \"edge\"", "component = \"elsewhere\"").contains("elsewhere"));
        assert!(refusal("required = true", "required = false").contains("master_key"));
        assert!(refusal("greeting = {", "greeting = { required = true,").contains("greeting"));
        assert!(refusal("greeting = {", "Greeting = {").contains("Greeting"));
        assert!(refusal("greeting = {", "a__b = {").contains("a__b"));
    }
}
