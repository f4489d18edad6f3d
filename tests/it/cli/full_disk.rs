//! A disk that fills up during a run: a small file system of its own, where the machine lets tests mount one.

use std::{fs, process::Command};

use super::Lab;

/// Runs the sweep on a disk of so many bytes, gives the disk room, and runs it again.
///
/// The disk lives in a namespace of its own and goes with it, so the results are copied out at the end.
const SCRIPT: &str = r#"
    mkdir disk && mount -t tmpfs -o size="$2" tmpfs disk || exit 77
    "$1" run tiny.ron --store disk/results --jobs 1 > first.out 2> first.err
    echo $? > first.code
    "$1" status tiny.ron --store disk/results > between.out 2>> first.err
    mount -o remount,size=50m disk || exit 77
    "$1" run tiny.ron --store disk/results --jobs 1 > second.out 2> second.err
    echo $? > second.code
    cp -r disk/results results
"#;

#[test]
fn a_full_disk_costs_what_was_running_and_nothing_else() {
    let calm = Lab::new();
    calm.run(&[]);
    let sizes = [30_000_u32, 60_000, 90_000, 120_000];
    let (mut stopped, mut kept) = (0, 0);
    for size in sizes {
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
        if read("first.code").trim() != "0" {
            stopped += 1;
            assert!(told.contains("No space left on device"), "{told}");
        }
        assert_eq!(read("second.code").trim(), "0", "{}", read("second.err"));
        assert_eq!(lab.table(), calm.table(), "on a disk of {size} bytes");
        let mut finished = lab.journal("Succeeded");
        kept += finished.len();
        finished.sort();
        finished.dedup();
        assert_eq!(finished.len(), 8, "no job that was finished runs again");
    }
    assert_eq!(kept, 8 * sizes.len());
    assert!(stopped > 0, "no disk was small enough");
}
