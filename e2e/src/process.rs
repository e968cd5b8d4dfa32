//! A service as a process of its own, to be killed and frozen.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};

use crate::wait::until;

/// How long a process may take to start: the machine may be busy.
const START: Duration = Duration::from_secs(60);

/// How to start a process.
#[derive(Debug, Clone)]
pub struct Program {
    /// For its log file.
    pub name: String,
    /// The binary.
    pub binary: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Its environment; of ours it gets only what a process needs to run at all.
    pub environment: Vec<(String, String)>,
    /// Where its log goes.
    pub logs: PathBuf,
    /// How it shows that it serves.
    pub ready: Ready,
}

/// How a process shows that it serves.
#[derive(Debug, Clone)]
pub enum Ready {
    /// Its log says so.
    Says(&'static str),
    /// It answers 200 here.
    Answers(String),
}

/// A running process. Dropped, it is killed.
#[derive(Debug)]
pub struct Process {
    child: Child,
    log: PathBuf,
    name: String,
}

impl Program {
    /// Starts it with `extra` variables, without waiting for it to serve.
    ///
    /// # Errors
    /// When the binary cannot be run.
    pub fn spawn(&self, extra: &[(&str, String)]) -> anyhow::Result<Process> {
        let log = self.logs.join(format!("{}-{}.log", self.name, uuid::Uuid::now_v7()));
        let output = OpenOptions::new().create(true).append(true).open(&log)?;
        let keep =
            |(name, _): &(String, String)| ["PATH", "HOME", "TMPDIR", "RECOUP_TEST_DIR"].contains(&name.as_str());
        let child = Command::new(&self.binary)
            .args(&self.arguments)
            .env_clear()
            .envs(std::env::vars().filter(keep))
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .envs(extra.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("running {}", self.binary.display()))?;
        Ok(Process { child, log, name: self.name.clone() })
    }

    /// Starts it and waits until it serves.
    ///
    /// # Errors
    /// When it ends instead, or takes too long.
    pub async fn start(&self, extra: &[(&str, String)]) -> anyhow::Result<Process> {
        let mut process = self.spawn(extra)?;
        let what = format!("{} serves (its log: {})", self.name, process.log.display());
        let serves = until(&what, START, async || {
            if let Some(status) = process.exited()? {
                return Ok(Some(Err(status)));
            }
            let ready = match &self.ready {
                Ready::Says(text) => process.said(text)?,
                Ready::Answers(url) => {
                    let http = service_kit::http_client::client(Duration::from_secs(5));
                    http.get(url).send().await.is_ok_and(|answer| answer.status().is_success())
                }
            };
            Ok(ready.then_some(Ok(())))
        });
        if let Err(status) = serves.await? {
            // A planned fault may strike before the process says that it serves.
            ensure!(killed(status), "{} ended with {status} instead of serving: {}", self.name, process.tail());
        }
        Ok(process)
    }
}

/// Whether it ended by a signal, as by `kill -9`.
pub fn killed(status: ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt;
    status.signal().is_some()
}

impl Process {
    /// How it ended, if it did.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn exited(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// Waits until it has ended.
    ///
    /// # Errors
    /// When it does not within `deadline`.
    pub async fn ended(&mut self, deadline: Duration) -> anyhow::Result<ExitStatus> {
        let what = format!("{} ends (its log: {})", self.name, self.log.display());
        until(&what, deadline, async || self.exited()).await
    }

    /// Whether its log holds `text`.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn said(&self, text: &str) -> anyhow::Result<bool> {
        Ok(contains(&self.log, text)?)
    }

    /// Where its log is.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// The end of its log, for messages.
    pub fn tail(&self) -> String {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(15)..].join("\n")
    }

    /// Kills it (SIGKILL) and waits for its end.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// Asks it to end (SIGTERM).
    ///
    /// # Errors
    /// When the system refuses.
    pub fn ask_to_end(&self) -> anyhow::Result<()> {
        self.signal("-TERM")
    }

    /// Stops it where it stands (SIGSTOP).
    ///
    /// # Errors
    /// When the system refuses.
    pub fn freeze(&self) -> anyhow::Result<()> {
        self.signal("-STOP")
    }

    /// Lets it go on (SIGCONT).
    ///
    /// # Errors
    /// When the system refuses.
    pub fn go_on(&self) -> anyhow::Result<()> {
        self.signal("-CONT")
    }

    /// Whether it stands still, by SIGSTOP.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn is_frozen(&self) -> anyhow::Result<bool> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        Ok(stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('T')))
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    fn signal(&self, signal: &str) -> anyhow::Result<()> {
        let status = Command::new("kill").args([signal, &self.child.id().to_string()]).status()?;
        ensure!(status.success(), "kill {signal} {} failed", self.name);
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn contains(file: &Path, text: &str) -> std::io::Result<bool> {
    let mut content = Vec::new();
    std::io::Read::read_to_end(&mut File::open(file)?, &mut content)?;
    Ok(content.windows(text.len()).any(|part| part == text.as_bytes()))
}
