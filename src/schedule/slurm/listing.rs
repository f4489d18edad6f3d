//! What squeue and sacct say about jobs.

use super::{ClientError, ParseSlurmIdError, SlurmId, SlurmState};

/// Stands between two fields: no name, comment or reason contains it.
pub(super) const SEPARATOR: char = '\u{1f}';

/// The fields asked of squeue, in the order in which [`queue`] reads them.
const QUEUE_FIELDS: [&str; 8] =
    ["JobArrayID", "Name", "Comment", "State", "Reason", "RestartCnt", "exit_code", "NodeList"];

/// The fields asked of sacct, in the order in which [`accounting`] reads them. All there are in Slurm 20.11 and later;
/// the number of restarts is not.
const ACCOUNTING_FIELDS: [&str; 6] = ["JobID", "JobName", "Comment", "State", "ExitCode", "NodeList"];

/// A job, or one task of a job array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its number. A job array of which tasks were cancelled before they started may be listed once for these tasks
    /// together, without a task.
    pub id: SlurmId,
    /// The name that it was submitted with.
    pub name: String,
    /// The comment that it was submitted with; empty where accounting does not keep comments.
    pub comment: String,
    /// Where it stands.
    pub state: SlurmState,
    /// Why it waits or failed, in Slurm's words, as `Resources` or `NonZeroExitCode`; empty if there is no reason.
    pub reason: String,
    /// How often it was put back into the queue, if that is told.
    pub restarts: Option<u32>,
    /// The nodes that it has or had, in Slurm's short form; empty if there are none.
    pub nodes: String,
    /// How its script ended, once it is over.
    pub exit: Option<Exit>,
}

/// How a script ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit {
    /// Its exit code.
    pub code: u32,
    /// The signal that ended it; 0 if none did.
    pub signal: u32,
}

impl Listed {
    /// Whether it stays in the queue until somebody releases it.
    pub fn is_held(&self) -> bool {
        match self.state {
            SlurmState::RequeueHold | SlurmState::SpecialExit => true,
            // JobHeldUser, JobHeldAdmin, JobHoldMaxRequeue, launch_failed_requeued_held …
            SlurmState::Pending => {
                let reason = self.reason.to_ascii_lowercase();
                reason.contains("held") || reason.contains("hold")
            }
            _ => false,
        }
    }
}

/// What is written of a job, or of several tasks of an array together.
struct Row<'a> {
    id: &'a str,
    name: &'a str,
    comment: &'a str,
    state: &'a str,
    reason: &'a str,
    restarts: Option<u32>,
    nodes: &'a str,
    /// Means something only once it is over.
    exit: Exit,
}

impl Row<'_> {
    /// Each job or task for itself.
    fn listed(self) -> Result<impl Iterator<Item = Listed>, ParseSlurmIdError> {
        let Self { id, name, comment, state, reason, restarts, nodes, exit } = self;
        let state = SlurmState::read(state);
        let job = Listed {
            id: SlurmId::job(0),
            name: name.to_owned(),
            comment: told(comment),
            exit: state.is_over().then_some(exit),
            state,
            reason: told(reason),
            restarts,
            nodes: told(nodes),
        };
        Ok(SlurmId::expand(id)?.into_iter().map(move |id| Listed { id, ..job.clone() }))
    }
}

/// The argument of squeue's `--Format`: every field as wide as it is, and the separator after it.
pub(super) fn queue_format() -> String {
    QUEUE_FIELDS.map(|field| format!("{field}:{SEPARATOR}")).join(",")
}

/// The argument of sacct's `--format`.
pub(super) fn accounting_format() -> String {
    ACCOUNTING_FIELDS.join(",")
}

/// Reads the jobs whose names begin with `prefix` from squeue's output. Others may be of a kind that is not understood
/// here, such as heterogeneous jobs.
pub(super) fn queue(out: &str, prefix: &str) -> Result<Vec<Listed>, ClientError> {
    let mut found = Vec::new();
    for line in lines(out) {
        let unreadable = || ClientError::unreadable("squeue", line);
        // The separator also stands after the last field.
        let fields: Vec<&str> = line.split(SEPARATOR).collect();
        let [id, name, ..] = fields[..] else { return Err(unreadable()) };
        if !name.starts_with(prefix) {
            continue;
        }
        let [_, _, comment, state, reason, restarts, exit, nodes, ""] = fields[..] else { return Err(unreadable()) };
        let status: u32 = exit.parse().map_err(|_| unreadable())?;
        // As from waitpid; bit 7 says whether a core was dumped.
        let exit = Exit { code: status >> 8 & 0xff, signal: status & 0x7f };
        let restarts = Some(restarts.parse().map_err(|_| unreadable())?);
        let row = Row { id, name, comment, state, reason, restarts, nodes, exit };
        found.extend(row.listed().map_err(|_| unreadable())?);
    }
    Ok(found)
}

/// Reads sacct's output.
pub(super) fn accounting(out: &str) -> Result<Vec<Listed>, ClientError> {
    let mut found = Vec::new();
    for line in lines(out) {
        let unreadable = || ClientError::unreadable("sacct", line);
        let fields: Vec<&str> = line.split(SEPARATOR).collect();
        let [id, name, comment, state, exit, nodes] = fields[..] else { return Err(unreadable()) };
        let (code, signal) = exit.split_once(':').ok_or_else(unreadable)?;
        let number = |text: &str| text.parse().map_err(|_| unreadable());
        let exit = Exit { code: number(code)?, signal: number(signal)? };
        let row = Row { id, name, comment, state, reason: "", restarts: None, nodes, exit };
        found.extend(row.listed().map_err(|_| unreadable())?);
    }
    Ok(found)
}

fn lines(out: &str) -> impl Iterator<Item = &str> {
    out.lines().filter(|line| !line.trim().is_empty())
}

/// What a field says; Slurm has several ways to say nothing.
fn told(field: &str) -> String {
    match field {
        "(null)" | "None" | "N/A" | "None assigned" => String::new(),
        field => field.to_owned(),
    }
}

#[cfg(test)]
mod tests;
