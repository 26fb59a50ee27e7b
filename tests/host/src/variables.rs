//! Variables: what each has for a value, and templates such as `http://{{ host }}`.
//!
//! A value comes, in this order, from `--variable`, from `SPIN_VARIABLE_NAME` in the environment, from the manifest's
//! default. Values are fixed when the application starts; a required one that nobody gave stops it from starting.

use std::collections::BTreeMap;

use anyhow::{Context, bail, ensure};

use crate::{
    bindings::spin::variables::variables::{Error, Host, HostWithStore},
    instance::State,
    manifest,
};
use wasmtime::component::{Accessor, HasSelf};

/// The application's variables, each with its value.
#[derive(Debug)]
pub(crate) struct Variables(BTreeMap<String, String>);

impl Variables {
    /// Finds a value for every variable that is `declared`.
    ///
    /// # Errors
    /// A given one that is not declared, or a required one that is not given.
    pub(crate) fn resolve(
        declared: &BTreeMap<String, manifest::Variable>,
        given: &[(String, String)],
        environment: impl Fn(&str) -> Option<String>,
    ) -> anyhow::Result<Self> {
        if let Some((name, _)) = given.iter().find(|(name, _)| !declared.contains_key(name)) {
            bail!("variable {name:?} is given, but the manifest has none of that name");
        }
        let value = |name: &str, variable: &manifest::Variable| {
            let given = given.iter().rev().find(|(other, _)| other == name).map(|(_, value)| value.clone());
            given
                .or_else(|| environment(&format!("SPIN_VARIABLE_{}", name.to_ascii_uppercase())))
                .or_else(|| variable.default.clone())
                .with_context(|| format!("no provider resolved required variable {name:?}"))
        };
        declared
            .iter()
            .map(|(name, variable)| Ok((name.clone(), value(name, variable)?)))
            .collect::<anyhow::Result<_>>()
            .map(Self)
    }

    /// Puts values in place of each `{{ name }}` in `template`.
    ///
    /// # Errors
    /// An opened brace that is not closed, or a variable that is not declared.
    pub(crate) fn fill(&self, template: &str) -> anyhow::Result<String> {
        let mut filled = String::with_capacity(template.len());
        let mut rest = template;
        while let Some((literal, after)) = rest.split_once("{{") {
            let (name, after) = after.split_once("}}").with_context(|| format!("unmatched {{{{ in {template:?}"))?;
            let name = name.trim();
            filled.push_str(literal);
            filled.push_str(self.0.get(name).with_context(|| format!("unknown variable {name:?} in {template:?}"))?);
            rest = after;
        }
        filled.push_str(rest);
        Ok(filled)
    }
}

/// Splits `name=value`, the argument of `--variable`.
///
/// # Errors
/// There is no `=`, or no name before it.
pub(crate) fn parse_argument(argument: &str) -> anyhow::Result<(String, String)> {
    let (name, value) = argument.split_once('=').context("a variable is given as name=value")?;
    ensure!(!name.is_empty(), "a variable is given as name=value");
    Ok((name.to_owned(), value.to_owned()))
}

impl Host for State {}

impl<T: Send> HostWithStore<T> for HasSelf<State> {
    async fn get(accessor: &Accessor<T, Self>, name: String) -> wasmtime::Result<Result<String, Error>> {
        Ok(accessor.with(|mut access| {
            let component = &access.get().component;
            component
                .variables
                .get(&name)
                .cloned()
                .ok_or_else(|| Error::Undefined(format!("no variable for {:?}.{name:?}", component.id)))
        }))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Variables, parse_argument};
    use crate::manifest::Variable;

    fn declared(names: &[(&str, Option<&str>)]) -> BTreeMap<String, Variable> {
        let variable = |default: &Option<&str>| {
            let mut variable = Variable::default();
            variable.default = default.map(str::to_owned);
            variable
        };
        names.iter().map(|(name, default)| ((*name).to_owned(), variable(default))).collect()
    }

    #[test]
    fn the_command_line_goes_before_the_environment_and_that_before_the_default() {
        let declared = declared(&[("a", Some("default")), ("b", Some("default")), ("c_d", None)]);
        let environment = |name: &str| (name != "SPIN_VARIABLE_A").then(|| format!("from {name}"));
        let given = [("b".to_owned(), "given".to_owned())];
        let variables = Variables::resolve(&declared, &given, environment).expect("all have a value");
        assert_eq!(variables.fill("{{a}} {{ b }}, {{c_d }}").expect("filled"), "default given, from SPIN_VARIABLE_C_D");
    }

    #[test]
    fn a_required_variable_that_nobody_gave_stops_the_start() {
        let error = Variables::resolve(&declared(&[("key", None)]), &[], |_| None).expect_err("nobody gave it");
        assert!(error.to_string().contains("\"key\""), "{error}");
        let given = [("kee".to_owned(), String::new())];
        assert!(Variables::resolve(&declared(&[]), &given, |_| None).is_err(), "it is not declared");
    }

    #[test]
    fn a_template_that_cannot_be_filled_is_an_error() {
        let variables = Variables::resolve(&declared(&[("a", Some("{{ a }}"))]), &[], |_| None).expect("resolved");
        assert_eq!(variables.fill("no braces }} here").expect("nothing to fill"), "no braces }} here");
        assert_eq!(variables.fill("{{ a }}").expect("filled once"), "{{ a }}", "values are not templates");
        assert!(variables.fill("{{ a").is_err());
        assert!(variables.fill("{{ b }}").is_err());
        assert!(parse_argument("nothing").is_err());
        assert_eq!(parse_argument("a=b=c").expect("split"), ("a".to_owned(), "b=c".to_owned()));
    }
}
