//! Reading in a process that may die: this program again, with the document on its standard input and limits on its memory and
//! time. Whatever a hostile file does to a parser, it does it there.

use std::ffi::OsStr;
use std::io::{BufWriter, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process_group, setrlimit};
use serde::de::DeserializeOwned;

use super::invoice::Invoice;
use super::mail::Mail;
use super::refusal::Refusal;
use super::{document, mail};

/// The subcommand of the program that calls [`serve`].
pub const SUBCOMMAND: &str = "read-document";

/// The files of the largest mail in base64, and some words.
const MOST_ANSWER: u64 = 40 * 1024 * 1024;
const MOST_DOCUMENT: u64 = 25 * 1024 * 1024;

/// What a reader may use.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// From beginning to end, waiting for the processor included.
    pub wall: Duration,
    /// Bytes of memory of the reader and of each program that it runs.
    pub memory: u64,
    /// Seconds of the processor, of the reader and of each program that it runs.
    pub cpu_seconds: u64,
}

impl Default for Limits {
    /// Those of the service.
    fn default() -> Self {
        Self { wall: Duration::from_secs(300), memory: 1536 * 1024 * 1024, cpu_seconds: 60 }
    }
}

/// Reads a document by running `program read-document`.
///
/// # Errors
/// Why it was not read; a reader that died or used too much of the processor makes the document a suspect, one that only had to wait does not.
pub fn read(program: &Path, document: &[u8], limits: Limits) -> Result<Invoice, Refusal> {
    ask(program, &[], document, limits)
}

/// Takes the files out of a mail by running `program read-document --mail`.
///
/// # Errors
/// As [`read`].
pub fn open_mail(program: &Path, mail: &[u8], limits: Limits) -> Result<Mail, Refusal> {
    ask(program, &["--mail"], mail, limits)
}

fn ask<T: DeserializeOwned>(program: &Path, more: &[&str], document: &[u8], limits: Limits) -> Result<T, Refusal> {
    let mut command = Command::new(program);
    command.args([
        SUBCOMMAND,
        "--memory",
        &limits.memory.to_string(),
        "--cpu-seconds",
        &limits.cpu_seconds.to_string(),
    ]);
    command.args(more);
    // A group of its own, so that the programs it runs end with it; nothing of our environment but where programs are.
    let kept = |name: &OsStr| name == "PATH" || name == "TESSDATA_PREFIX";
    command.process_group(0).env_clear().envs(std::env::vars_os().filter(|(name, _)| kept(name)));
    // Allocators reserve much more than a document needs, which the limits would count.
    command.envs([
        ("MALLOC_ARENA_MAX", "1"),
        ("MIMALLOC_ARENA_EAGER_COMMIT", "0"),
        ("MIMALLOC_ARENA_RESERVE", "16384"),
    ]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child =
        command.spawn().map_err(|error| Refusal::later("reader", format!("cannot start the reader: {error}")))?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    let answer = std::thread::scope(|scope| {
        scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(document)));
        let (send, answer) = mpsc::channel();
        scope.spawn(move || {
            let mut bytes = vec![];
            if let Some(stdout) = stdout {
                // A broken answer is found out when it is parsed.
                let _ = stdout.take(MOST_ANSWER).read_to_end(&mut bytes);
            }
            send.send(bytes)
        });
        let answer = answer.recv_timeout(limits.wall);
        kill_group(&child);
        answer
    });
    let status =
        child.wait().map_err(|error| Refusal::later("reader", format!("cannot wait for the reader: {error}")))?;
    let Ok(answer) = answer else {
        // The processor's time is what a hostile file runs into; this one may have waited for others.
        return Err(Refusal::later("busy", format!("reading took more than {} s", limits.wall.as_secs())));
    };
    serde_json::from_slice(&answer).unwrap_or_else(|_| Err(died(status)))
}

/// Ends it and all that it started; that they are gone already is fine.
fn kill_group(child: &Child) {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        let _ = kill_process_group(group, Signal::KILL);
    }
}

fn died(status: ExitStatus) -> Refusal {
    match status.signal() {
        Some(24) => Refusal::hostile("time-limit", "the reader needed more time than it may have"),
        Some(signal) => Refusal::hostile("reader-died", format!("the reader was ended by signal {signal}")),
        None => Refusal::hostile("reader-died", format!("the reader ended without an answer ({status})")),
    }
}

/// The other side: limits this process, reads the document from standard input and writes the answer. `mail`: its files are wanted.
///
/// # Errors
/// When the limits cannot be set or the answer cannot be written; then there is no answer, which says enough.
pub fn serve(memory: u64, cpu_seconds: u64, mail: bool) -> std::io::Result<()> {
    let at_most = |limit: u64| Rlimit { current: Some(limit), maximum: Some(limit) };
    // What is written to; the address space may be larger, as threads and allocators reserve much that they never use.
    setrlimit(Resource::Data, at_most(memory))?;
    setrlimit(Resource::As, at_most(memory.saturating_mul(4)))?;
    setrlimit(Resource::Cpu, Rlimit { current: Some(cpu_seconds), maximum: Some(cpu_seconds + 1) })?;
    setrlimit(Resource::Core, at_most(0))?;
    let mut document = vec![];
    std::io::stdin().lock().take(MOST_DOCUMENT + 1).read_to_end(&mut document)?;
    let fits = if document.len() as u64 > MOST_DOCUMENT {
        Err(Refusal::hostile("too-large", format!("the document has more than {MOST_DOCUMENT} bytes")))
    } else {
        Ok(document)
    };
    let mut out = BufWriter::new(std::io::stdout().lock());
    if mail {
        serde_json::to_writer(&mut out, &fits.and_then(|document| mail::open(&document)))?;
    } else {
        serde_json::to_writer(&mut out, &fits.and_then(|document| document::read(&document)))?;
    }
    out.flush()
}
