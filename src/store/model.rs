//! Random events, reopenings and torn writes, compared with a list in memory.

use proptest::prelude::*;

use super::{Entry, JobEvent, Record, Snapshot, fixture};
use crate::recipe::Metric;

#[derive(Clone, Debug)]
enum Step {
    /// These events are appended at once.
    Append(Vec<Entry>),
    /// The run ends and another begins.
    Reopen,
    /// The run is cut off while it writes; this is what reaches the file.
    CutOff(Vec<u8>),
}

fn number() -> impl Strategy<Value = f64> {
    any::<f64>().prop_filter("JSON holds finite numbers", |value| value.is_finite())
}

fn event() -> impl Strategy<Value = JobEvent> {
    prop_oneof![
        (any::<u32>(), any::<Option<u32>>(), any::<usize>(), any::<u64>(), any::<u64>(), any::<u64>()).prop_map(
            |(attempt, pid, slot, memory, cuts, together)| JobEvent::Started {
                attempt,
                pid,
                slot,
                memory,
                cuts,
                together
            },
        ),
        (number(), number(), any::<String>()).prop_map(|(loss, wall_seconds, host)| {
            let metrics = [(Metric::Loss, loss)].into();
            JobEvent::Succeeded { record: Record { metrics, wall_seconds, host, ..fixture::record(0) }.into() }
        }),
        (any::<String>(), any::<String>(), any::<bool>()).prop_map(|(class, message, again)| JobEvent::Failed {
            class,
            message,
            again
        }),
        Just(JobEvent::Interrupted),
        Just(JobEvent::Queued),
        any::<String>().prop_map(|message| JobEvent::WithoutData { message }),
        (0..4_u64).prop_map(|seed| JobEvent::Skipped { because: fixture::id(seed) }),
    ]
}

fn entry() -> impl Strategy<Value = Entry> {
    (any::<u64>(), 0..4_u64, event()).prop_map(|(time_unix_ms, seed, event)| Entry {
        time_unix_ms,
        job: fixture::id(seed),
        event,
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => prop::collection::vec(entry(), 0..4).prop_map(Step::Append),
        1 => Just(Step::Reopen),
        1 => "[^\n]{1,40}".prop_map(|text| Step::CutOff(text.into_bytes())),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn the_journal_is_the_list_of_its_events(steps in prop::collection::vec(step(), 0..12)) {
        let (_folder, store) = fixture::store();
        let open = || store.journal(store.lock(&fixture::holder(0)).unwrap()).unwrap();
        let mut model = Snapshot::default();
        let mut journal = open().1;
        for step in steps {
            match step {
                Step::Append(entries) => {
                    journal.append(&entries).unwrap();
                    entries.iter().for_each(|entry| model.apply(entry));
                }
                Step::Reopen => {
                    drop(journal);
                    let (snapshot, reopened) = open();
                    prop_assert_eq!(&snapshot, &model);
                    journal = reopened;
                }
                Step::CutOff(bytes) => {
                    drop(journal);
                    let path = store.root().join("journal.jsonl");
                    let mut content = std::fs::read(&path).unwrap();
                    content.extend(bytes);
                    std::fs::write(&path, content).unwrap();
                    let (snapshot, reopened) = open();
                    prop_assert_eq!(&snapshot.jobs, &model.jobs);
                    prop_assert_eq!(snapshot.problems.len(), 1);
                    journal = reopened;
                }
            }
            prop_assert_eq!(&store.load().unwrap(), &model);
        }
    }
}
