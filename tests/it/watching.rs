//! Watchers of jobs for tests.

use std::ops::ControlFlow;

use ablate::train::{EpochReport, Watch, Wish};

/// Lets a job run to its end.
pub fn go_on(_: &EpochReport) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// Stops a job when it has asked so many times whether to, as it does after every step and before every batch of
/// features, and keeps the checkpoint.
pub struct StopAfter {
    questions: usize,
    /// The last checkpoint.
    pub checkpoint: Option<Vec<u8>>,
    /// The epochs that were reported.
    pub epochs: Vec<usize>,
}

impl StopAfter {
    /// Stops at the question with this number, from 1.
    pub fn new(questions: usize) -> Self {
        Self { questions, checkpoint: None, epochs: vec![] }
    }
}

impl Watch for StopAfter {
    fn epoch(&mut self, report: &EpochReport) -> ControlFlow<()> {
        self.epochs.push(report.epoch);
        ControlFlow::Continue(())
    }

    fn wish(&mut self) -> Wish {
        self.questions = self.questions.saturating_sub(1);
        if self.questions == 0 { Wish::Stop } else { Wish::GoOn }
    }

    fn checkpoint(&mut self, bytes: &[u8]) -> ControlFlow<()> {
        self.checkpoint = Some(bytes.to_vec());
        ControlFlow::Continue(())
    }
}
