//! The executor with a queue that is made up: what follows from what Slurm and jobs say, and from what they do not.

mod world;

use std::{path::Path, sync::atomic::Ordering};

use super::{ClientError, Site, SlurmId, SlurmJobs, SlurmState, executor::Command, scripts};
use crate::schedule::{Alive, JobMessage};
use world::{Test, down, id, launch, site};

const DONE: JobMessage = JobMessage::Done {};

#[test]
fn a_job_is_submitted_followed_and_done() {
    let mut test = Test::new(1);
    test.start(&[launch(1, 0, 1)]);
    assert_eq!(test.queue(), ["1 1-1 PENDING --time=10"]);
    assert_eq!(test.ends(), [""; 0]);
    test.set(0, SlurmState::Running, 0);
    test.publish(1);
    test.say(1, 1, 0, &DONE);
    assert_eq!(test.ends(), ["Succeeded"]);
}

#[test]
fn jobs_that_ask_for_the_same_are_one_array_and_jobs_of_a_device_share_an_allocation() {
    let mut test = Test::new(2);
    test.start(&[launch(1, 0, 1), launch(2, 1, 1), launch(3, 2, 1)]);
    assert_eq!(test.queue(), ["1_0 1-1 PENDING --time=10", "1_1 1-1 PENDING --time=10"]);
    let handed = |number| test.jobs.handed(id(number)).unwrap().unwrap();
    assert_eq!(
        [1, 2, 3].map(|number| (handed(number).task, handed(number).together)),
        [(Some(0), 2), (Some(0), 2), (Some(1), 1)]
    );
    // One of two leaves the allocation to the other.
    test.cluster.obey(Command::Kill(id(1)));
    assert_eq!(test.ends(), ["Interrupted"]);
    assert_eq!((test.fake.world().cancelled.len(), test.jobs.revoked.lock().unwrap().clone()), (0, vec![1]));
    test.cluster.obey(Command::Kill(id(3)));
    assert_eq!(test.ends(), ["Interrupted"]);
    assert_eq!(test.fake.world().cancelled, [SlurmId { job: 1, task: Some(1) }]);
}

#[test]
fn the_script_can_be_read() {
    let test = Test::new(2);
    let site = Site { store: "/data/a store".into(), folder: "/data/cluster".into(), ..site(Path::new(""), 2) };
    let launches = [launch(1, 0, 1), launch(2, 1, 1), launch(3, 2, 1)];
    insta::assert_snapshot!(scripts(&site, &test.jobs, &launches).unwrap().join("\n"), @r#"
    #!/bin/bash
    #SBATCH --job-name=ablate-abc-00000001-1
    #SBATCH '--comment=ablate store abc'
    #SBATCH --output=/data/cluster/%x-%a.out
    #SBATCH --open-mode=append
    #SBATCH --chdir=/work
    #SBATCH --requeue
    #SBATCH --signal=B:USR1@60
    #SBATCH --time=10
    #SBATCH --array=0,1
    #SBATCH --nodes=1
    #SBATCH --ntasks=1
    #SBATCH --cpus-per-task=4
    #SBATCH --partition=main

    store='/data/a store'
    jobs=() requeue=

    # Starts a job: its id, the number of its submission, further arguments.
    job() {
        local folder=$store/jobs/$1 threads=$((${SLURM_CPUS_PER_TASK:-1} / together))
        /opt/ablate job "$1" --store "$store" --submission "$2" --threads $((threads > 0 ? threads : 1)) "${@:3}" \
            >"$folder/messages-$2-${SLURM_RESTART_COUNT:-0}.jsonl" 2>>"$folder/log.txt" &
        jobs+=($!)
    }

    tell() {
        kill -s "$1" "${jobs[@]}" 2>/dev/null
    }

    # The time is nearly over, or, where that can be told apart, the allocation is wanted for others.
    warned() {
        requeue=1
        if ((${SLURM_JOB_END_TIME:-0} - $(date +%s) > 2 * 60 + 60)); then tell TERM; else tell USR1; fi
    }
    trap warned USR1
    trap 'tell TERM' TERM

    export MIMALLOC_PURGE_DELAY=${MIMALLOC_PURGE_DELAY:--1}
    case ${SLURM_ARRAY_TASK_ID:-0} in
    0)
        together=2
        job 00000001000000000000000000000000 1 --memory 7 'it'\''s'
        job 00000002000000000000000000000000 1 --memory 7 'it'\''s'
        ;;
    1)
        together=1
        job 00000003000000000000000000000000 1 --memory 7 'it'\''s'
        ;;
    esac

    # Waits for a job's process however often signals interrupt that.
    ended() {
        local code
        while wait "$1"; code=$?; ((code > 128)) && kill -0 "$1" 2>/dev/null; do :; done
        if ((code > 128)); then
            # Perhaps that was a signal to this script; the shell remembers how the process ended.
            wait "$1"
            local last=$?
            ((last == 127)) || code=$last
        fi
        return "$code"
    }

    status=0 stopped=
    for process in "${jobs[@]}"; do
        ended "$process"
        code=$?
        ((code == 75)) && stopped=1
        ((code == 0)) || status=$code
    done
    if [[ $stopped && $requeue ]]; then
        id=$SLURM_JOB_ID
        [[ $SLURM_ARRAY_JOB_ID ]] && id=${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID
        scontrol requeue "$id"
    fi
    [[ $stopped ]] && status=75
    exit "$status"
    "#);
}

#[test]
fn a_run_that_was_killed_is_gone_on_with() {
    let mut test = Test::new(1);
    test.start(&[launch(1, 0, 1), launch(2, 1, 1), launch(3, 2, 1)]);
    test.set(0, SlurmState::Running, 0);
    test.publish(2);
    test.say(2, 1, 0, &DONE);
    test.set(2, SlurmState::Cancelled, 0);
    test.again();
    test.start(&[launch(1, 0, 1), launch(2, 1, 1), launch(3, 2, 1)]);
    assert_eq!(test.ends(), ["Succeeded"], "the first is alive, the third was cancelled and is submitted again");
    assert_eq!(test.queue().last().unwrap(), "2 3-2 PENDING --time=60");
    assert_eq!(test.queue().len(), 4);
}

#[test]
fn what_slurm_lost_is_submitted_again_and_what_turns_up_is_cancelled() {
    let mut test = Test::new(1);
    test.start(&[launch(1, 0, 1)]);
    let lost = test.fake.world().entries.remove(0);
    assert_eq!(test.ends(), [""; 0]);
    let queue = test.queue();
    assert!(queue.last().unwrap().contains("1-2 PENDING"), "{queue:?}");
    test.fake.world().entries.push(lost.clone());
    assert_eq!(test.ends(), [""; 0]);
    assert_eq!(test.fake.world().cancelled, [lost.listed.id]);
    // Of a job that had begun, nobody knows what became of it.
    test.say(1, 2, 0, &JobMessage::Alive(Alive { memory: None }));
    test.fake.world().entries.clear();
    assert_eq!(test.ends(), ["killed"]);
}

#[test]
fn accounting_knows_what_became_of_an_earlier_runs_job_that_the_queue_has_forgotten() {
    // That of a job of another store, or of another name, under the same number tells nothing.
    for (name, comment, expected) in [
        ("", "", vec![]),
        ("", "ablate store abc", vec![]),
        ("", "ablate store xyz", vec!["killed"]),
        ("of-another", "", vec!["killed"]),
    ] {
        let mut test = Test::new(1);
        test.start(&[launch(1, 0, 1)]);
        test.set(0, SlurmState::Running, 0);
        test.say(1, 1, 0, &JobMessage::Alive(Alive { memory: None }));
        assert_eq!(test.ends(), [""; 0]);
        let mut record = test.fake.world().entries.remove(0).listed;
        record.name += name;
        (record.comment, record.state) = (comment.to_owned(), SlurmState::Cancelled);
        test.fake.world().records = vec![record];
        test.again();
        test.start(&[launch(1, 0, 1)]);
        assert_eq!(test.ends(), expected, "{name} {comment}");
        // It was cancelled before this run began.
        assert_eq!(test.queue().len(), usize::from(expected.is_empty()), "{name} {comment}");
    }
}

#[test]
fn a_submission_without_an_answer_is_looked_for_before_it_is_made_again() {
    for takes in [false, true] {
        let mut test = Test::new(1);
        (test.fake.world().refusals, test.fake.world().takes) = (vec![down()], takes);
        test.start(&[launch(1, 0, 1)]);
        assert_eq!(test.ends(), [""; 0]);
        let expected = if takes { "1 1-1 PENDING --time=10" } else { "1 1-2 PENDING --time=10" };
        assert_eq!(test.queue(), [expected]);
    }
}

#[test]
fn while_slurm_does_not_answer_jobs_are_heard() {
    let mut test = Test::new(1);
    test.start(&[launch(1, 0, 1), launch(2, 1, 1)]);
    test.fake.world().down = true;
    test.publish(1);
    test.say(1, 1, 0, &DONE);
    assert_eq!(test.ends(), ["Succeeded"]);
    test.cluster.obey(Command::Kill(id(2)));
    assert_eq!(test.ends(), [""; 0], "it cannot be cancelled now");
    test.fake.world().down = false;
    assert_eq!(test.ends(), ["Interrupted"]);
}

#[test]
fn what_is_refused_fails_unless_it_is_for_now() {
    let refused = |said: &str| ClientError::Refused { program: "sbatch", said: said.to_owned() };
    let mut test = Test::new(1);
    test.fake.world().refusals = vec![refused("invalid partition specified: x")];
    test.start(&[launch(1, 0, 1)]);
    assert_eq!(test.ends(), ["bad input"]);
    test.fake.world().refusals = vec![refused("Job violates accounting/QOS policy (job submit limit, …)")];
    test.start(&[launch(2, 0, 1)]);
    assert_eq!((test.ends(), test.queue().len()), (vec![], 0));
    // Without arrays, every job is submitted by itself.
    test.fake.world().refusals = vec![refused("Invalid job array specification")];
    test.start(&[launch(3, 0, 1), launch(4, 1, 1)]);
    assert_eq!(test.ends(), [""; 0]);
    assert_eq!(test.queue().len(), 3, "{:?}", test.queue());
}

#[test]
fn time_that_was_learned_is_given_up_when_it_is_too_short() {
    let mut test = Test::new(1);
    test.start(&[launch(1, 0, 1)]);
    test.set(0, SlurmState::Timeout, 0);
    assert_eq!(test.ends(), [""; 0]);
    assert_eq!(test.queue().last().unwrap(), "2 1-2 PENDING --time=60");
    test.set(1, SlurmState::Timeout, 0);
    assert_eq!(test.ends(), ["time-out"]);
    // Nothing was learned: it had all the time there is.
    test.jobs.learned.store(60, Ordering::Relaxed);
    test.start(&[launch(2, 0, 1)]);
    test.set(2, SlurmState::Timeout, 0);
    assert_eq!(test.ends(), ["time-out"]);
}

#[test]
fn a_node_where_jobs_fail_for_no_fault_of_their_own_is_left_out() {
    let mut test = Test::new(1);
    for number in 1..=2 {
        test.start(&[launch(number, 0, 1)]);
        test.set(number as usize - 1, SlurmState::NodeFail, 0);
        assert_eq!(test.ends(), ["killed"]);
    }
    test.start(&[launch(3, 0, 1)]);
    let options = test.fake.world().entries.last().unwrap().options.clone();
    assert!(options.contains(&"--exclude=n1".to_owned()), "{options:?}");
}

#[test]
fn a_requeued_job_goes_on_under_its_number_and_one_that_is_held_is_given_up() {
    let mut test = Test::new(1);
    test.start(&[launch(1, 0, 1)]);
    test.set(0, SlurmState::Requeued, 75);
    assert_eq!(test.ends(), [""; 0]);
    test.fake.world().entries[0].listed.restarts = Some(1);
    test.set(0, SlurmState::RequeueHold, 0);
    assert_eq!(test.ends(), ["killed"]);
    assert_eq!(test.fake.world().cancelled.len(), 1);
}

#[test]
fn a_run_that_leaves_leaves_its_jobs() {
    let mut test = Test::new(1);
    test.start(&[launch(1, 0, 1)]);
    test.leaving.store(true, Ordering::Relaxed);
    test.cluster.obey(Command::Cancel(id(1)));
    assert_eq!(test.ends(), ["Interrupted"]);
    assert!(test.fake.world().cancelled.is_empty() && !test.jobs.handed(id(1)).unwrap().unwrap().ended);
    test.again();
    test.start(&[launch(1, 0, 1)]);
    assert_eq!((test.ends(), test.queue().len()), (vec![], 1));
}

#[test]
fn a_job_that_runs_too_long_is_asked_to_stop() {
    let mut test = Test::new(1);
    test.start(&[launch(1, 0, 1)]);
    test.set(0, SlurmState::Running, 0);
    assert_eq!(test.ends(), [""; 0]);
    test.cluster.obey(Command::Cancel(id(1)));
    assert_eq!((test.ends(), test.fake.world().signalled.len()), (vec![], 1));
    // It would be submitted again if nobody had asked it.
    test.set(0, SlurmState::Failed, 75);
    assert_eq!((test.ends(), test.queue().len()), (vec!["Interrupted".to_owned()], 1));
}

#[test]
fn jobs_of_others_are_left_alone() {
    let mut test = Test::new(1);
    test.start(&[launch(1, 0, 1)]);
    let mut other = test.fake.world().entries[0].clone();
    (other.listed.name, other.listed.id) = ("ablate-abc-00000001-1".to_owned(), SlurmId::job(9));
    (other.listed.comment, other.listed.state) = ("ablate store xyz".to_owned(), SlurmState::Running);
    let own = test.fake.world().entries.remove(0);
    test.fake.world().entries = vec![other];
    assert_eq!(test.ends(), [""; 0]);
    assert_eq!(test.queue().len(), 2, "the own one is lost, and submitted again");
    test.fake.world().entries.push(own);
    assert_eq!(test.ends(), [""; 0]);
    assert_eq!(test.fake.world().cancelled, [SlurmId::job(1)]);
}
