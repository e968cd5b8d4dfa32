//! Reading variables: where they come from, what a struct says of them, and every complaint at once.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// The variables that configuration is read from: those of the process, or a map in tests.
#[derive(Clone, Default)]
pub struct Env(BTreeMap<String, String>);

impl Env {
    /// The variables of this process. Those that are not UTF-8 are left out.
    pub fn process() -> Self {
        let readable = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self(std::env::vars_os().filter_map(readable).collect())
    }

    /// Just these variables.
    pub fn of<N: Into<String>, V: Into<String>>(variables: impl IntoIterator<Item = (N, V)>) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }

    /// A variable's value; an empty one counts as absent, as in an `.env` file with nothing filled in.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// The same variables with one more or another value.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.0.insert(name.into(), value.into());
        self
    }
}

impl fmt::Debug for Env {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// One variable: its name, its default and what it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Var {
    /// Its name.
    pub name: &'static str,
    /// What applies when it is absent.
    pub default: Option<&'static str>,
    /// What it is for, in one sentence.
    pub doc: &'static str,
}

impl Var {
    /// A variable without a default.
    pub const fn new(name: &'static str, doc: &'static str) -> Self {
        Self { name, default: None, doc }
    }

    /// A variable with a default.
    pub const fn or(name: &'static str, default: &'static str, doc: &'static str) -> Self {
        Self { name, default: Some(default), doc }
    }
}

/// A text that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for the one who has to use it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl FromStr for Secret {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// How the complaint about a variable begins that is not there.
const MISSING: &str = "is missing";

/// Everything that is wrong with the environment. Values are not repeated: they may be secrets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    /// Variable and complaint, in the order in which they were read.
    pub problems: Vec<(String, String)>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Seed 002 gives these words; they name everything that is missing, and the lines below say what each is for.
        let missing = self.problems.iter().filter(|(_, complaint)| complaint.starts_with(MISSING));
        let missing: Vec<&str> = missing.map(|(name, _)| name.as_str()).collect();
        if !missing.is_empty() {
            writeln!(f, "Missing required environment variables: {}", missing.join(", "))?;
        }
        f.write_str("configuration is not usable:")?;
        self.problems.iter().try_for_each(|(name, complaint)| write!(f, "\n  {name}: {complaint}"))
    }
}

/// A struct that is read from the environment.
pub trait FromEnv: Sized {
    /// Every variable it reads.
    fn vars() -> Vec<Var>;
    /// Reads it; `None` after a complaint. Reads every variable before it gives up, so that every complaint is made.
    fn read(reader: &mut Reader<'_>) -> Option<Self>;
}

/// Reads `T`, or says everything that is wrong.
///
/// # Errors
/// [`ConfigError`] names every missing or bad variable.
pub fn load<T: FromEnv>(env: &Env) -> Result<T, ConfigError> {
    let mut reader = Reader::new(env);
    let read = T::read(&mut reader);
    reader.finish(read)
}

/// Reads variables and gathers complaints.
#[derive(Debug)]
pub struct Reader<'e> {
    env: &'e Env,
    problems: Vec<(String, String)>,
}

impl<'e> Reader<'e> {
    /// Reads from `env`.
    pub fn new(env: &'e Env) -> Self {
        Self { env, problems: Vec::new() }
    }

    /// A variable that has to be there (or have a default).
    pub fn required<T: FromStr<Err: fmt::Display>>(&mut self, var: &Var) -> Option<T> {
        let value = self.optional(var);
        let complained = self.problems.last().is_some_and(|(name, _)| name == var.name);
        if value.is_none() && !complained {
            self.complain(var.name, format!("{MISSING} ({})", var.doc));
        }
        value
    }

    /// A variable that may be absent.
    pub fn optional<T: FromStr<Err: fmt::Display>>(&mut self, var: &Var) -> Option<T> {
        let text = self.env.get(var.name).or(var.default)?;
        match text.parse() {
            Ok(value) => Some(value),
            Err(error) => {
                self.complain(var.name, format!("is not usable: {error} ({})", var.doc));
                None
            }
        }
    }

    /// A list separated by commas; absent = empty.
    pub fn list(&mut self, var: &Var) -> Vec<String> {
        let text = self.env.get(var.name).or(var.default).unwrap_or_default();
        text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
    }

    /// Adds a complaint about a variable.
    pub fn complain(&mut self, name: &str, complaint: impl Into<String>) {
        // Structs share variables; one complaint about each is enough.
        if !self.problems.iter().any(|(seen, _)| seen == name) {
            self.problems.push((name.to_owned(), complaint.into()));
        }
    }

    /// Ends the reading of `read`.
    ///
    /// # Errors
    /// [`ConfigError`] with every complaint.
    pub fn finish<T>(self, read: Option<T>) -> Result<T, ConfigError> {
        match read {
            Some(value) if self.problems.is_empty() => Ok(value),
            _ => Err(ConfigError { problems: self.problems }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PORT: Var = Var::or("PORT", "80", "a port");
    const NAME: Var = Var::new("NAME", "a name");
    const COUNT: Var = Var::new("COUNT", "a count");

    #[derive(Debug, PartialEq)]
    struct Sample {
        port: u16,
        name: String,
        count: Option<u32>,
    }

    impl FromEnv for Sample {
        fn vars() -> Vec<Var> {
            vec![PORT, NAME, COUNT]
        }

        fn read(reader: &mut Reader<'_>) -> Option<Self> {
            let (port, name, count) = (reader.required(&PORT), reader.required(&NAME), reader.optional(&COUNT));
            Some(Self { port: port?, name: name?, count })
        }
    }

    #[test]
    fn defaults_apply_and_optional_ones_may_be_absent() {
        let sample = load::<Sample>(&Env::of([("NAME", "x"), ("COUNT", "")]));
        assert_eq!(sample, Ok(Sample { port: 80, name: "x".into(), count: None }));
    }

    #[test]
    fn every_complaint_is_made_at_once_and_no_value_is_repeated() {
        let error = load::<Sample>(&Env::of([("PORT", "hunter2"), ("COUNT", "-1")])).expect_err("three are bad");
        let names: Vec<_> = error.problems.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["PORT", "NAME", "COUNT"]);
        assert!(!error.to_string().contains("hunter2"), "{error}");
        assert!(error.to_string().starts_with("Missing required environment variables: NAME\n"), "{error}");
    }

    #[test]
    fn secrets_are_not_printed() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret:?} {secret}"), "*** ***");
        assert!(!format!("{:?}", Env::of([("A", "hunter2")])).contains("hunter2"));
    }
}
