//! The system's programs for PDF and OCR, each as a process with bounded output. They inherit the limits of this process.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Stdio};

use super::refusal::Refusal;

const MOST_OUTPUT: u64 = 25 * 1024 * 1024;
const MOST_COMPLAINT: u64 = 16 * 1024;

/// A document in memory that programs can open by a path: nothing of it is ever written to a disk.
pub struct Held(OwnedFd);

impl Held {
    /// Holds these bytes.
    ///
    /// # Errors
    /// When memory is short.
    pub fn new(bytes: &[u8]) -> Result<Self, Refusal> {
        let failed = |error: std::io::Error| Refusal::later("reader", format!("cannot hold the document: {error}"));
        // Without CLOEXEC: the programs inherit it.
        let held = rustix::fs::memfd_create(c"document", rustix::fs::MemfdFlags::empty())
            .map_err(|error| failed(error.into()))?;
        let mut file = std::fs::File::from(held);
        file.write_all(bytes).map_err(failed)?;
        Ok(Self(file.into()))
    }

    /// Its path, for this process and its children.
    pub fn path(&self) -> String {
        format!("/dev/fd/{}", self.0.as_raw_fd())
    }
}

/// What a program wrote, and how it ended.
pub struct Output {
    /// Its standard output.
    pub bytes: Vec<u8>,
    /// The beginning of its complaints.
    pub complaint: String,
    /// Whether it was content.
    pub success: bool,
}

/// Runs a program of a Debian package, with `input` if it reads any.
///
/// # Errors
/// When it is not installed, writes too much, or was ended by a limit.
pub fn run<S: AsRef<OsStr>>(
    program: &str,
    package: &str,
    arguments: &[S],
    input: Option<&[u8]>,
) -> Result<Output, Refusal> {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    // One thread: the limits are for all of it.
    command.env("OMP_THREAD_LIMIT", "1");
    let mut child = command.spawn().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            Refusal::later("tool-missing", format!("{program} is not installed (Debian package {package})"))
        }
        _ => Refusal::later("reader", format!("cannot start {program}: {error}")),
    })?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (bytes, complaint) = std::thread::scope(|scope| {
        // It may stop reading when it has seen enough.
        scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(input.unwrap_or_default())));
        let complaint = scope.spawn(move || read_up_to(stderr, MOST_COMPLAINT));
        let bytes = read_up_to(stdout, MOST_OUTPUT + 1);
        if bytes.len() as u64 > MOST_OUTPUT {
            // Its pipes are closed by now; this spares waiting for it to notice.
            let _ = child.kill();
        }
        (bytes, complaint.join().unwrap_or_default())
    });
    let status = child.wait().map_err(|error| Refusal::later("reader", format!("{program}: {error}")))?;
    if bytes.len() as u64 > MOST_OUTPUT {
        return Err(Refusal::hostile("output-limit", format!("{program} made more than {MOST_OUTPUT} bytes of it")));
    }
    ended_by_limit(program, status)?;
    let complaint = String::from_utf8_lossy(&complaint).into_owned();
    if complaint.contains("Memory") && complaint.contains("alloc")
        || complaint.contains("Out of memory")
        || complaint.contains("bad_alloc")
    {
        return Err(Refusal::hostile("memory-limit", format!("{program} needed more memory than it may have")));
    }
    Ok(Output { bytes, complaint, success: status.success() })
}

/// Reads at most so much; the rest of a complaint is of no interest, so it is dropped as it comes.
fn read_up_to(from: Option<impl Read>, most: u64) -> Vec<u8> {
    let mut bytes = vec![];
    if let Some(mut from) = from {
        // What was read before an error counts.
        let _ = from.by_ref().take(most).read_to_end(&mut bytes);
        if most == MOST_COMPLAINT {
            let _ = std::io::copy(&mut from, &mut std::io::sink());
        }
    }
    bytes
}

fn ended_by_limit(program: &str, status: ExitStatus) -> Result<(), Refusal> {
    match status.signal() {
        None => Ok(()),
        // SIGXCPU, and SIGKILL when that is not heeded.
        Some(24 | 9) => Err(Refusal::hostile("time-limit", format!("{program} needed more time than it may have"))),
        Some(6 | 11) => Err(Refusal::hostile("reader-died", format!("{program} died of it (out of memory, or worse)"))),
        Some(signal) => Err(Refusal::hostile("reader-died", format!("{program} was ended by signal {signal}"))),
    }
}
