//! Recorded answers of Slurm, and answers put together at random.

use proptest::prelude::*;

use super::*;

/// The lines of a file that was written by hand, with bars for the separator; those that begin with `#` explain it.
fn by_hand(text: &str) -> String {
    text.lines().filter(|line| !line.starts_with('#')).map(|line| line.replace('|', "\u{1f}") + "\n").collect()
}

fn shown(jobs: &[Listed]) -> String {
    let line = |job: &Listed| {
        let Listed { id, name, comment, state, reason, restarts, nodes, exit } = job;
        let exit = exit.map(|Exit { code, signal }| format!("{code}:{signal}")).unwrap_or_default();
        let restarts = restarts.map(|count| count.to_string()).unwrap_or_default();
        let held = if job.is_held() { " HELD" } else { "" };
        format!("{id} {name} [{comment}] {state} [{reason}] [{restarts}] [{nodes}] [{exit}]{held}\n")
    };
    jobs.iter().map(line).collect()
}

#[test]
fn what_squeue_said_in_22_05_is_read() {
    let text = include_str!("../../../../tests/fixtures/slurm/squeue-22.05.txt");
    insta::assert_snapshot!(shown(&queue(text, "ablate-").unwrap()), @"
    27 ablate-high [] COMPLETED [] [0] [n1] [0:0]
    6 ablate-cancelled [] CANCELLED [] [0] [n2] [0:15]
    9_8 ablate-arr [] CANCELLED [JobArrayTaskLimit] [0] [] [0:0]
    9_10 ablate-arr [] CANCELLED [JobArrayTaskLimit] [0] [] [0:0]
    9_12 ablate-arr [] CANCELLED [JobArrayTaskLimit] [0] [] [0:0]
    9_14 ablate-arr [] CANCELLED [JobArrayTaskLimit] [0] [] [0:0]
    9_4 ablate-arr [] CANCELLED [] [0] [n1] [0:15]
    9_6 ablate-arr [] CANCELLED [] [0] [n1] [0:15]
    12 ablate-requeue [] CANCELLED [] [1] [n1] [0:15]
    2 ablate-ok [quickstart pretrain] COMPLETED [] [0] [n1] [0:0]
    1 ablate-timeout [t] FAILED [JobLaunchFailure] [0] [n1] [0:9]
    3 ablate-fail [] FAILED [NonZeroExitCode] [0] [n1] [3:0]
    4 ablate-killed [] FAILED [JobLaunchFailure] [0] [n1] [0:9]
    5 ablate-core [] FAILED [JobLaunchFailure] [0] [n2] [0:11]
    9_2 ablate-arr [] FAILED [JobLaunchFailure] [0] [n2] [0:9]
    9_0 ablate-arr [] FAILED [JobLaunchFailure] [0] [n2] [0:9]
    11 ablate-node [] FAILED [JobLaunchFailure] [0] [n2] [0:9]
    19 ablate-crash1 [] FAILED [JobLaunchFailure] [0] [n2] [0:9]
    20 ablate-crash2 [] FAILED [JobLaunchFailure] [0] [n2] [0:9]
    21 ablate-crash1 [] FAILED [JobLaunchFailure] [0] [n2] [0:9]
    22 ablate-crash2 [] FAILED [JobLaunchFailure] [0] [n2] [0:9]
    25 ablate-crash2 [] NODE_FAIL [NodeDown] [0] [n2] [0:0]
    10 ablate-dep [] PENDING [DependencyNeverSatisfied] [0] [] []
    24 ablate-crash1 [] PENDING [ReqNodeNotAvail, UnavailableNodes:n2] [1] [] []
    28_1 ablate-arr2 [] PENDING [JobHeldUser] [0] [] [] HELD
    28_2 ablate-arr2 [] PENDING [JobHeldUser] [0] [] [] HELD
    28_3 ablate-arr2 [] PENDING [JobHeldUser] [0] [] [] HELD
    28_4 ablate-arr2 [] PENDING [JobHeldUser] [0] [] [] HELD
    28_5 ablate-arr2 [] PENDING [JobHeldUser] [0] [] [] HELD
    28_9 ablate-arr2 [] PENDING [JobHeldUser] [0] [] [] HELD
    28_11 ablate-arr2 [] PENDING [JobHeldUser] [0] [] [] HELD
    28_15 ablate-arr2 [] PENDING [JobHeldUser] [0] [] [] HELD
    28_19 ablate-arr2 [] PENDING [JobHeldUser] [0] [] [] HELD
    14 ablate-deadline [] PENDING [JobHeldUser] [0] [] [] HELD
    8 ablate-gres [] PENDING [job requeued in held state] [1] [n2] [] HELD
    7 ablate-held [] PENDING [JobHeldUser] [0] [] [] HELD
    26 ablate-preempted [] PREEMPTED [] [0] [n1] [0:15]
    23 ablate-time2 [] TIMEOUT [TimeLimit] [1] [n1] [0:15]
    29 ablate-deadline2 [] TIMEOUT [TimeLimit] [0] [n1] [0:15]
    30 ablate-timeout3 [] TIMEOUT [TimeLimit] [0] [n1] [0:15]
    ");
}

#[test]
fn what_sacct_said_in_22_05_is_read() {
    let text = include_str!("../../../../tests/fixtures/slurm/sacct-22.05.txt");
    insta::assert_snapshot!(shown(&accounting(text).unwrap()), @"
    1 ablate-timeout [] FAILED [] [] [n1] [0:9]
    2 ablate-ok [] COMPLETED [] [] [n1] [0:0]
    3 ablate-fail [] FAILED [] [] [n1] [3:0]
    4 ablate-killed [] FAILED [] [] [n1] [0:9]
    5 ablate-core [] FAILED [] [] [n2] [0:11]
    6 ablate-cancelled [] CANCELLED [] [] [n2] [0:0]
    7 ablate-held [] PENDING [] [] [] []
    8 ablate-gres [] REQUEUED [] [] [n2] []
    10 ablate-dep [] PENDING [] [] [] []
    11 ablate-node [] FAILED [] [] [n2] [0:9]
    13 other [] COMPLETED [] [] [n1] [0:0]
    14 ablate-deadline [] PENDING [] [] [] []
    9_0 ablate-arr [] FAILED [] [] [n2] [0:9]
    9_2 ablate-arr [] FAILED [] [] [n2] [0:9]
    9_4 ablate-arr [] CANCELLED [] [] [n1] [0:0]
    9_6 ablate-arr [] CANCELLED [] [] [n1] [0:0]
    9_8 ablate-arr [] CANCELLED [] [] [] [0:0]
    9_10 ablate-arr [] CANCELLED [] [] [] [0:0]
    9_12 ablate-arr [] CANCELLED [] [] [] [0:0]
    9_14 ablate-arr [] CANCELLED [] [] [] [0:0]
    12 ablate-requeue [] CANCELLED [] [] [n1] [0:0]
    19 ablate-crash1 [] FAILED [] [] [n2] [0:9]
    20 ablate-crash2 [] FAILED [] [] [n2] [0:9]
    21 ablate-crash1 [] FAILED [] [] [n2] [0:9]
    22 ablate-crash2 [] FAILED [] [] [n2] [0:9]
    25 ablate-crash2 [] NODE_FAIL [] [] [n2] [0:0]
    24 ablate-crash1 [] PENDING [] [] [] []
    26 ablate-preempted [] PREEMPTED [] [] [n1] [0:0]
    27 ablate-high [] COMPLETED [] [] [n1] [0:0]
    23 ablate-time2 [] TIMEOUT [] [] [n1] [0:0]
    29 ablate-deadline2 [] TIMEOUT [] [] [n1] [0:0]
    30 ablate-timeout3 [] TIMEOUT [] [] [n1] [0:0]
    ");
}

#[test]
fn what_is_new_in_later_versions_is_read() {
    let text = by_hand(include_str!("../../../../tests/fixtures/slurm/squeue-later.txt"));
    insta::assert_snapshot!(shown(&queue(&text, "ablate-").unwrap()), @"
    12_0 ablate-arr [] PENDING [JobArrayTaskLimit] [0] [] []
    12_4 ablate-arr [] PENDING [JobArrayTaskLimit] [0] [] []
    12_8 ablate-arr [] PENDING [JobArrayTaskLimit] [0] [] []
    12_10 ablate-arr [] PENDING [JobArrayTaskLimit] [0] [] []
    12_11 ablate-arr [] PENDING [JobArrayTaskLimit] [0] [] []
    13 ablate-held [] PENDING [launch_failed_requeued_held] [2] [] [] HELD
    14 ablate-held [] PENDING [job_requeued_in_held_state] [1] [] [] HELD
    15 ablate-held [] PENDING [JobHoldMaxRequeue] [6] [] [] HELD
    16 ablate-power [] POWER_UP_NODE [] [0] [gpu[01-02,07]] []
    17 ablate-launch [] LAUNCH_FAILED [] [0] [gpu01] []
    18 ablate-exp [] EXPEDITING [Resources] [1] [] []
    19 ablate-oom [] OUT_OF_MEMORY [OutOfMemory] [0] [gpu01] [0:125]
    20 ablate-hold [] REQUEUE_HOLD [] [1] [gpu01] [] HELD
    21 ablate-special [] SPECIAL_EXIT [] [1] [gpu01] [] HELD
    22 ablate-deadline [] DEADLINE [DeadLine] [0] [] [0:0]
    24 ablate-partition [] PENDING [ReqNodeNotAvail, UnavailableNodes:gpu[01-02]] [0] [] []
    ");
    let text = by_hand(include_str!("../../../../tests/fixtures/slurm/sacct-later.txt"));
    insta::assert_snapshot!(shown(&accounting(&text).unwrap()), @"
    12_3 ablate-arr [quickstart] CANCELLED [] [] [] [0:0]
    12_4 ablate-arr [quickstart] CANCELLED [] [] [] [0:0]
    12_5 ablate-arr [quickstart] CANCELLED [] [] [] [0:0]
    12_6 ablate-arr [quickstart] CANCELLED [] [] [] [0:0]
    12_7 ablate-arr [quickstart] CANCELLED [] [] [] [0:0]
    13 ablate-oom [quickstart] OUT_OF_MEMORY [] [] [gpu01] [0:125]
    14 ablate-timeout [quickstart] TIMEOUT [] [] [gpu[01-02]] [0:0]
    15 ablate-boot [quickstart] BOOT_FAIL [] [] [gpu01] [0:0]
    16 ablate-revoked [quickstart] REVOKED [] [] [] [0:0]
    17 ablate-cut [quickstart] CANCELLED [] [] [gpu01] [0:15]
    ");
}

#[test]
fn what_is_not_understood_is_no_job() {
    let line = |fields: [&str; 8]| fields.map(|field| format!("{field}\u{1f}")).concat();
    assert!(queue(&line(["1", "a", "", "RUNNING", "None", "0", "0", "n1"]), "").is_ok());
    for wrong in [
        line(["1+0", "a", "", "RUNNING", "None", "0", "0", "n1"]),
        line(["1", "a", "", "RUNNING", "None", "many", "0", "n1"]),
        line(["1", "a", "", "RUNNING", "None", "0", "0:0", "n1"]),
        "slurm_load_jobs error".to_owned(),
    ] {
        let error = queue(&wrong, "").unwrap_err();
        assert!(matches!(error, ClientError::Unreadable { program: "squeue", .. }), "{wrong}");
    }
    // Another job of the same user, of a kind that is not understood, is none of ours.
    assert_eq!(queue(&line(["1+0", "other", "", "RUNNING", "None", "0", "0", "n1"]), "ablate-").unwrap(), []);
    assert!(accounting("1\u{1f}a\u{1f}\u{1f}FAILED\u{1f}3\u{1f}n1").is_err());
}

/// Any job, with texts of which Slurm would take any.
fn job() -> impl Strategy<Value = Listed> {
    let state = prop::sample::select(vec![
        SlurmState::Pending,
        SlurmState::Running,
        SlurmState::Completing,
        SlurmState::Completed,
        SlurmState::Failed,
        SlurmState::OutOfMemory,
        SlurmState::Other("POWER_UP_NODE".to_owned()),
    ]);
    let text = "[ -{}|~A-Za-zé]{0,12}";
    let id = (any::<u64>(), prop::option::of(0..1000u32)).prop_map(|(job, task)| SlurmId { job, task });
    (id, text, text, state, any::<u32>(), (0..256u32, 0..128u32), "[a-z0-9,\\[\\]-]{0,9}").prop_map(
        |(id, name, comment, state, restarts, (code, signal), nodes)| Listed {
            id,
            name,
            comment: told(&comment),
            exit: state.is_over().then_some(Exit { code, signal }),
            state,
            reason: String::new(),
            restarts: Some(restarts),
            nodes,
        },
    )
}

proptest! {
    #[test]
    fn any_queue_reads_back(jobs in prop::collection::vec(job(), 0..8)) {
        let line = |job: &Listed| {
            let exit = job.exit.unwrap_or(Exit { code: 0, signal: 0 });
            let status = (exit.code << 8 | exit.signal).to_string();
            let (id, state, restarts) = (job.id.to_string(), job.state.to_string(), job.restarts.unwrap().to_string());
            let comment = if job.comment.is_empty() { "(null)" } else { &job.comment };
            [&*id, &job.name, comment, &state, "None", &restarts, &status, &job.nodes]
                .map(|field| format!("{field}\u{1f}"))
                .concat() + "\n"
        };
        prop_assert_eq!(queue(&jobs.iter().map(line).collect::<String>(), "").unwrap(), jobs);
    }

    #[test]
    fn any_accounting_reads_back(jobs in prop::collection::vec(job(), 0..8)) {
        let jobs: Vec<_> = jobs.into_iter().map(|job| Listed { restarts: None, ..job }).collect();
        let line = |job: &Listed| {
            let Exit { code, signal } = job.exit.unwrap_or(Exit { code: 0, signal: 0 });
            let (id, state, exit) = (job.id.to_string(), job.state.to_string(), format!("{code}:{signal}"));
            [&*id, &job.name, &job.comment, &state, &exit, &job.nodes].join("\u{1f}") + "\n"
        };
        prop_assert_eq!(accounting(&jobs.iter().map(line).collect::<String>()).unwrap(), jobs);
    }

    #[test]
    fn any_answer_is_read_or_refused(text in "([0-9_\\[\\]a-zA-Z:%,-]{0,6}\u{1f}?){0,20}\n?") {
        let _ = (queue(&text, ""), accounting(&text));
    }
}
