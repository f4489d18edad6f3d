//! A whole run of shell scripts that hang, take too long, need too much memory, and talk nonsense.

use std::{
    convert::Infallible,
    fs,
    sync::Arc,
    time::{Duration, Instant},
};

use ablate::schedule::{
    Demand, Device, FailureClass, JobState, LocalExecutor, Node, Notice, Policy, Remedy, Scheduler, Shape, Sharing,
    Summary, drive,
};

use super::{Script, job, say_done, say_phase};

/// A job, and what is done about its faults.
struct Case {
    script: String,
    node: Node,
    shape: Shape,
    policy: Policy,
}

impl Case {
    fn new(script: &str) -> Self {
        let policy = Policy { attempts: 2, backoff: Duration::ZERO, grace: Duration::ZERO, ..Policy::default() };
        Self { script: script.to_owned(), node: Node::new(job(), vec![]), shape: Shape::UNKNOWN, policy }
    }

    /// Runs the job to its end; returns how the run ended, and what was done about each failure that may pass.
    fn run(self) -> (Summary, Vec<(FailureClass, Remedy)>) {
        let folder = tempfile::tempdir().unwrap();
        let (sender, receiver) = std::sync::mpsc::channel();
        let script = Script { program: "sh".to_owned(), script: self.script, folder: folder.path().to_owned() };
        let mut executor = LocalExecutor::new(Arc::new(script), sender);
        let device = Device { slots: 1, jobs: 1, memory: 1000, sharing: Sharing::Contended };
        let scheduler = Scheduler::new(vec![self.node], &[self.shape], &[device], self.policy).unwrap();
        let (begin, mut remedies) = (Instant::now(), vec![]);
        let Ok(summary) = drive(scheduler, &mut executor, &receiver, &|| begin.elapsed(), &mut |notice| {
            if let Notice::Changes(changes) = notice {
                remedies.extend(changes.iter().filter_map(|change| match &change.to {
                    JobState::Delayed { failure, remedy, .. } => Some((failure.class, *remedy)),
                    _ => None,
                }));
            }
            Ok::<_, Infallible>(())
        });
        // Whatever became of the job, none of its processes is left.
        let left =
            fs::read_dir("/proc").unwrap().filter_map(|entry| fs::read_link(entry.ok()?.path().join("cwd")).ok());
        assert_eq!(left.filter(|cwd| cwd == folder.path()).count(), 0);
        (summary, remedies)
    }
}

fn finish() -> String {
    format!("touch record; {}", say_done())
}

fn class(summary: &Summary) -> FailureClass {
    let [(_, failure)] = &summary.failed[..] else { panic!("{summary:?}") };
    failure.class
}

#[test]
fn a_job_without_a_sign_of_life_is_ended_and_tried_again() {
    // It hangs at its start the first time, and after some work the second.
    let script =
        format!("[ $ATTEMPT = 1 ] && sleep 1000; {}; [ $ATTEMPT = 2 ] && sleep 1000; {}", say_phase("x"), finish());
    let policy = |attempts| Policy { silence: Some(Duration::from_secs(3)), attempts, ..Case::new("").policy };
    let (summary, remedies) = Case { policy: policy(3), ..Case::new(&script) }.run();
    assert_eq!(summary.done, 1);
    assert_eq!(remedies, [(FailureClass::Hung, Remedy::Wait); 2]);
    let (summary, remedies) = Case { policy: policy(2), ..Case::new(&script) }.run();
    assert_eq!((class(&summary), remedies.len()), (FailureClass::Hung, 1));
}

#[test]
fn a_job_that_takes_too_long_is_asked_to_end_and_not_tried_again() {
    for script in ["sleep 1000", "trap '' TERM; while :; do :; done"] {
        let node = Node { time_limit: Some(Duration::from_millis(300)), ..Case::new("").node };
        let (summary, remedies) = Case { node, ..Case::new(script) }.run();
        assert_eq!((class(&summary), remedies.len()), (FailureClass::TimeOut, 0));
    }
}

#[test]
fn a_job_without_memory_gets_more_then_all_then_smaller_parts() {
    let abort = "echo 'memory allocation of 64 bytes failed' >&2; kill -ABRT $$";
    let script = format!("[ $MEMORY -lt 1000 ] || [ $CUTS -lt 1 ] && {{ {abort}; }}; {}", finish());
    let shape = Shape { demand: Demand::Shared { memory: 300 }, most_cuts: 3, ..Shape::UNKNOWN };
    let (summary, remedies) = Case { shape, ..Case::new(&script) }.run();
    assert_eq!(summary.done, 1);
    let remedies: Vec<Remedy> = remedies.into_iter().map(|(_, remedy)| remedy).collect();
    let more = |memory| Remedy::MoreMemory { memory };
    assert_eq!(remedies, [more(600), more(1000), Remedy::SmallerParts]);
}

#[test]
fn what_fails_by_its_own_fault_fails_once() {
    let nonsense = "head -c 200000 /dev/urandom; head -c 200000 /dev/urandom >&2";
    for script in ["exit 1", "exit 101", "exit 255", nonsense, "echo '{\"Failed\":{\"class\":\"Unheard\"}}'"] {
        let (summary, remedies) = Case::new(script).run();
        assert_eq!((class(&summary), remedies.len()), (FailureClass::Bug, 0), "{script}");
    }
}

#[test]
fn what_others_did_to_a_job_is_tried_again() {
    for signal in ["KILL", "TERM", "HUP", "SEGV"] {
        let (summary, remedies) = Case::new(&format!("kill -{signal} $$; sleep 1")).run();
        assert_eq!(class(&summary), FailureClass::Killed, "{signal}");
        assert_eq!(remedies, [(FailureClass::Killed, Remedy::Wait)], "{signal}");
    }
}
