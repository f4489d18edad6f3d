//! The precision of networks, from the sweep file to the record.

use std::fs;

use super::{Lab, SWEEP};

#[test]
fn what_the_processor_makes_of_bfloat16_is_in_the_record() {
    let lab = Lab::new();
    let change = "\"cold\": (objective: NtXent(temperature: 0.1), encoder: (precision: BFloat16))";
    lab.write(&SWEEP.replace("\"cold\": (objective: NtXent(temperature: 0.1))", change).replace("[0, 1]", "[0]"));
    lab.run(&[]);
    let records: Vec<serde_json::Value> = lab
        .journal("Succeeded")
        .iter()
        .map(|job| fs::read(lab.path("results/jobs").join(job).join("record.json")).unwrap())
        .map(|bytes| serde_json::from_slice(&bytes).unwrap())
        .collect();
    let rounded = |record: &&serde_json::Value| record["backend"].as_str().unwrap().contains("rounded to bfloat16");
    // Pretraining and its evaluation; the other two are as ever.
    let (bfloat16, float32): (Vec<_>, Vec<_>) = records.iter().partition(rounded);
    assert_eq!((bfloat16.len(), float32.len()), (2, 2));
    let remark = "operands and results of convolutions and matrix products were rounded to bfloat16, and multiplied in \
                  float32, as the tensor cores of a GPU do it";
    assert!(bfloat16.iter().all(|record| record["remarks"][0] == remark), "{bfloat16:?}");
    let backend = "burn-flex 0.21.0 with ablate's kernels, float32";
    assert!(float32.iter().all(|record| record["remarks"] == serde_json::json!([]) && record["backend"] == backend));
}
