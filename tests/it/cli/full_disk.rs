//! A disk that fills up during a run: a small file system of its own, where the machine lets tests mount one.

use std::{fs, process::Command};

use super::Lab;

/// Runs the sweep on a disk of so many bytes, makes room as soon as the run asks for it, or after it has ended, and
/// runs it again.
///
/// The disk lives in a namespace of its own and goes with it, so the results are copied out at the end.
const SCRIPT: &str = r#"
    mkdir disk && mount -t tmpfs -o size="$2" tmpfs disk || exit 77
    "$1" run tiny.ron --store disk/results --jobs 2 > first.out 2> first.err & run=$!
    until grep -q "waiting for room" first.err || ! kill -0 $run 2> gone.err; do sleep 0.02; done
    kill -0 $run 2> gone.err && echo waits > waited
    "$1" status tiny.ron --store disk/results > between.out 2> between.err
    mount -o remount,size=50m disk || exit 77
    wait $run; echo $? > first.code
    "$1" run tiny.ron --store disk/results --jobs 1 > second.out 2> second.err
    echo $? > second.code
    cp -r disk/results results
"#;

#[test]
fn a_run_waits_for_room_on_a_full_disk_and_goes_on() {
    let calm = Lab::new();
    calm.run(&[]);
    let (mut waited, mut refused) = (0, 0);
    for size in [30_000_u32, 100_000, 150_000, 200_000, 250_000, 300_000, 350_000] {
        let lab = Lab::new();
        let output = Command::new("unshare")
            .args(["--user", "--map-root-user", "--mount", "sh", "-c", SCRIPT, "sh"])
            .args([env!("CARGO_BIN_EXE_ablate"), &size.to_string()])
            .current_dir(lab.folder.path())
            .env("NO_COLOR", "1")
            .output();
        let output = match output {
            Ok(output) if output.status.success() => output,
            _ => return println!("skipped: this machine does not let the test mount a small file system"),
        };
        assert!(output.stdout.is_empty(), "{output:?}");
        let read = |name: &str| fs::read_to_string(lab.path(name)).unwrap();
        let told = read("first.err");
        assert!(!told.contains("panicked"), "{told}");
        let first = read("first.code");
        if lab.path("waited").exists() {
            waited += 1;
            assert!(told.contains("No space left on device"), "{told}");
            assert_eq!(first.trim(), "0", "on a disk of {size} bytes: {told}");
        } else if first.trim() != "0" {
            // It was full before the first job: nothing is lost by saying so at once.
            refused += 1;
            assert!(told.contains("No space left on device"), "{told}");
        }
        assert_eq!(read("second.code").trim(), "0", "{}", read("second.err"));
        assert_eq!(lab.table(), calm.table(), "on a disk of {size} bytes");
        let mut finished = lab.journal("Succeeded");
        assert_eq!(finished.len(), 8, "{told}");
        finished.sort();
        finished.dedup();
        assert_eq!(finished.len(), 8, "no job that was finished runs again");
    }
    assert!(waited > 1 && refused > 0, "{waited} runs waited, {refused} were refused");
}
