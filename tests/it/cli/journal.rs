//! The journal of a lab as it stands, also while a run writes it or after one has died, and what must be true in the end.

use std::{collections::BTreeMap, fs};

use serde_json::Value;

use super::Lab;

/// A whole line of the journal.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Line {
    pub(crate) job: String,
    /// The name of the event.
    pub(crate) event: String,
    /// What the job measured, if it succeeded.
    metrics: Option<Value>,
}

impl Lab {
    pub(super) fn journal_bytes(&self) -> Vec<u8> {
        fs::read(self.path("results/journal.jsonl")).unwrap_or_default()
    }

    /// The whole lines, without an end that is torn.
    pub(crate) fn lines(&self) -> Vec<Line> {
        let bytes = self.journal_bytes();
        let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |last| last + 1);
        let text = str::from_utf8(&bytes[..whole]).unwrap();
        text.lines().map(|line| parse(&line[17..])).collect()
    }

    /// How often something happened.
    pub(crate) fn count(&self, event: &str) -> usize {
        self.lines().iter().filter(|line| line.event == event).count()
    }

    /// What each job measured last, to the last digit.
    pub(crate) fn numbers(&self) -> BTreeMap<String, Value> {
        self.lines().into_iter().filter_map(|line| Some((line.job, line.metrics?))).collect()
    }

    /// Every job is done once, none was started after that, and numbers and table are those of an undisturbed run.
    pub(crate) fn assert_done_once_as(&self, calm: &Lab, when: &str) {
        let lines = self.lines();
        for job in calm.numbers().keys() {
            let events = lines.iter().filter(|line| line.job == *job).map(|line| &*line.event).collect::<Vec<_>>();
            assert_eq!(events.iter().filter(|&&event| event == "Succeeded").count(), 1, "{when}: {job} {events:?}");
            assert_eq!(events.last(), Some(&"Succeeded"), "{when}: {job} {events:?}");
        }
        assert_eq!(self.numbers(), calm.numbers(), "{when}");
        assert_eq!(self.table(), calm.table(), "{when}");
    }
}

fn parse(json: &str) -> Line {
    let entry: Value = serde_json::from_str(json).unwrap();
    let event = &entry["event"];
    let name = event.as_str().or_else(|| event.as_object()?.keys().next().map(String::as_str));
    Line {
        job: entry["job"].as_str().unwrap().to_owned(),
        event: name.unwrap().to_owned(),
        metrics: event.pointer("/Succeeded/record/metrics").cloned(),
    }
}

/// The checksum of a line, and of the object in a sealed file.
pub(super) fn checksum(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex()[..16].to_owned()
}
