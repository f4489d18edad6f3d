//! Slurm's number of a job or of one task of a job array, and the short form of many tasks.

use std::{fmt, str::FromStr};

/// Slurm's largest `MaxArraySize`; more tasks than that are no array.
const MOST_TASKS: usize = 4_000_001;

/// A job, or one task of a job array. Only a hint: a controller that was restarted may give a number again, so the
/// name of the job has to be right, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SlurmId {
    /// The job's number, or the array's.
    pub job: u64,
    /// The task's number within its array.
    pub task: Option<u32>,
}

impl SlurmId {
    /// A job that is no task of an array.
    pub fn job(job: u64) -> Self {
        Self { job, task: None }
    }

    /// Reads what Slurm writes for tasks that it keeps together, such as `12_[3-7,9-15:2%4]`, and also a single id.
    pub(super) fn expand(text: &str) -> Result<Vec<Self>, ParseSlurmIdError> {
        let wrong = || ParseSlurmIdError { text: text.to_owned() };
        let Some((job, tasks)) = text.split_once("_[") else { return Ok(vec![text.parse()?]) };
        let job = number(job).ok_or_else(wrong)?;
        let tasks = tasks.strip_suffix(']').ok_or_else(wrong)?;
        let tasks = match tasks.split_once('%') {
            Some((tasks, limit)) => number::<u32>(limit).map(|_| tasks).ok_or_else(wrong)?,
            None => tasks,
        };
        let mut ids = Vec::new();
        for part in tasks.split(',') {
            let (first, last, step) = range(part).ok_or_else(wrong)?;
            let count = ((last - first) / step) as usize + 1;
            if ids.len() + count > MOST_TASKS {
                return Err(wrong());
            }
            ids.extend((first..=last).step_by(step as usize).map(|task| Self { job, task: Some(task) }));
        }
        Ok(ids)
    }
}

/// `7`, `3-7` or `3-7:2` as first, last and step.
fn range(text: &str) -> Option<(u32, u32, u32)> {
    let (ends, step) = match text.split_once(':') {
        Some((ends, step)) => (ends, number(step)?),
        None => (text, 1),
    };
    let (first, last) = ends.split_once('-').unwrap_or((ends, ends));
    let (first, last) = (number(first)?, number(last)?);
    (first <= last && step > 0).then_some((first, last, step))
}

/// Digits and nothing else; `parse` also takes a sign.
fn number<T: FromStr>(text: &str) -> Option<T> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

impl fmt::Display for SlurmId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.task {
            Some(task) => write!(f, "{}_{task}", self.job),
            None => write!(f, "{}", self.job),
        }
    }
}

impl FromStr for SlurmId {
    type Err = ParseSlurmIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (job, task) = match text.split_once('_') {
            Some((job, task)) => (number(job), number(task).map(Some)),
            None => (number(text), Some(None)),
        };
        let id = job.zip(task).map(|(job, task)| Self { job, task });
        id.ok_or_else(|| ParseSlurmIdError { text: text.to_owned() })
    }
}

/// The text is no job of Slurm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseSlurmIdError {
    text: String,
}

impl fmt::Display for ParseSlurmIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" is no job of Slurm, such as 12 or 12_3", self.text)
    }
}

impl std::error::Error for ParseSlurmIdError {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tasks(text: &str) -> Option<Vec<u32>> {
        let ids = SlurmId::expand(text).ok()?;
        ids.into_iter().map(|id| id.task.filter(|_| id.job == 12)).collect()
    }

    #[test]
    fn tasks_that_slurm_keeps_together_are_taken_apart() {
        assert_eq!(tasks("12_3"), Some(vec![3]));
        assert_eq!(tasks("12_[3]"), Some(vec![3]));
        assert_eq!(tasks("12_[3-5%2]"), Some(vec![3, 4, 5]));
        assert_eq!(tasks("12_[1,3-4,10-15:2%7]"), Some(vec![1, 3, 4, 10, 12, 14]));
        assert_eq!(SlurmId::expand("12"), Ok(vec![SlurmId::job(12)]));
    }

    #[test]
    fn what_is_cut_off_or_absurd_is_refused() {
        // The first is what squeue writes unless SLURM_BITSTR_LEN is 0.
        let wrong =
            ["12_[1,3,5-9,...", "12_[1,3,...]", "12_[5-3]", "12_[0-9:0]", "12_[]", "12_[1%]", "_3", "12_", "12+0"];
        for text in wrong.into_iter().chain(["", "+12", "-1", "12_[0-4294967295]", "12_3_4", "18446744073709551616"]) {
            assert!(SlurmId::expand(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn an_id_reads_back(job: u64, task: Option<u32>) {
            let id = SlurmId { job, task };
            prop_assert_eq!(id.to_string().parse(), Ok(id));
            prop_assert_eq!(SlurmId::expand(&id.to_string()), Ok(vec![id]));
        }

        /// Written as Slurm writes a set of tasks: runs of neighbours as ranges.
        #[test]
        fn any_set_of_tasks_reads_back(
            set in prop::collection::btree_set(0..500u32, 1..100),
            limit in prop::option::of(1..99u32),
        ) {
            let numbers: Vec<u32> = set.into_iter().collect();
            let parts = numbers.chunk_by(|a, b| a + 1 == *b).map(|run| match run {
                [first, .., last] => format!("{first}-{last}"),
                run => run[0].to_string(),
            });
            let parts = parts.collect::<Vec<_>>().join(",");
            let limit = limit.map(|limit| format!("%{limit}")).unwrap_or_default();
            prop_assert_eq!(tasks(&format!("12_[{parts}{limit}]")), Some(numbers));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "[0-9_\\[\\],%:.+-]{0,20}") {
            let _ = SlurmId::expand(&text);
        }
    }
}
