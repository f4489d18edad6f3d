//! The switch that turns this program's own operations off.

use std::fs;

use serde_json::Value;

use super::{Lab, SWEEP};

/// The records of a run with a value of the switch, by job.
fn records(switch: Option<&str>) -> Vec<Value> {
    let lab = Lab::new();
    lab.write(&SWEEP.replace("[0, 1]", "[0]"));
    let mut command = lab.command(&["run", "tiny.ron"]);
    command.env_remove("ABLATE_KERNELS").envs(switch.map(|value| ("ABLATE_KERNELS", value)));
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said.contains("networks are computed by burn's own operations"), switch.is_some(), "{said}");
    let mut jobs = lab.journal("Succeeded");
    jobs.sort();
    let record = |job: &String| fs::read(lab.path("results/jobs").join(job).join("record.json")).unwrap();
    jobs.iter().map(|job| serde_json::from_slice(&record(job)).unwrap()).collect()
}

#[test]
fn burns_own_operations_compute_the_same_numbers_and_are_named() {
    let (ours, burns) = (records(None), records(Some("burn")));
    assert_eq!((ours.len(), burns.len()), (4, 4));
    let mut losses = 0;
    for (ours, burns) in ours.iter().zip(&burns) {
        assert_eq!(ours["job"], burns["job"]);
        assert_eq!(ours["backend"], "burn-flex 0.21.0 with ablate's kernels, float32");
        assert_eq!(burns["backend"], "burn-flex 0.21.0, float32");
        assert!(burns["device"].as_str().unwrap().ends_with(", burn's own operations"), "{burns}");
        if let (Some(a), Some(b)) = (ours["metrics"]["Loss"].as_f64(), burns["metrics"]["Loss"].as_f64()) {
            // Sums are added up in another order, and a few steps multiply the difference.
            assert!((a - b).abs() < 1e-3 * a.abs(), "{ours} {burns}");
            assert_ne!(a, b, "the switch changed nothing");
            losses += 1;
        }
    }
    assert!(losses >= 2, "{ours:?}");
}

#[test]
fn what_the_switch_cannot_say_is_refused_before_anything_runs() {
    let lab = Lab::new();
    lab.write(SWEEP);
    let output = lab.command(&["run", "tiny.ron"]).env("ABLATE_KERNELS", "plain").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    insta::assert_snapshot!(String::from_utf8_lossy(&output.stderr), @r#"error: ABLATE_KERNELS is "plain": write burn, so that networks are computed by burn's own operations, or leave it out"#);
    assert!(lab.journal("Started").is_empty());
}

#[test]
fn burns_own_operations_have_no_bfloat16() {
    let lab = Lab::new();
    let change = "\"cold\": (objective: NtXent(temperature: 0.1), encoder: (precision: BFloat16))";
    lab.write(&SWEEP.replace("\"cold\": (objective: NtXent(temperature: 0.1))", change).replace("[0, 1]", "[0]"));
    let output = lab.command(&["run", "tiny.ron"]).env("ABLATE_KERNELS", "burn").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("the network is to compute in bfloat16, and ABLATE_KERNELS=burn has float32 only"), "{said}");
}

#[test]
fn burns_own_operations_are_for_the_processor() {
    let lab = Lab::new();
    lab.write(SWEEP);
    lab.run(&["--jobs", "1"]);
    let job = lab.journal("Succeeded").remove(0);
    let mut command = lab.command(&["job", &job, "--store", "results", "--gpu"]);
    let output = command.env("ABLATE_KERNELS", "burn").output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    insta::assert_snapshot!(String::from_utf8_lossy(&output.stdout), @r#"{"Failed":{"class":"BadInput","message":"ABLATE_KERNELS=burn is for the processor, since on GPUs burn's own matrix products are wrong for some shapes (cubek issue 434): add --devices cpu, or leave ABLATE_KERNELS out"}}"#);
}
