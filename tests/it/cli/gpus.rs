//! GPUs as the doctor shows them and as runs take them, with a made-up driver in the place of NVIDIA's. Kernels cannot
//! be started on it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::Lab;

/// A folder in the lab with the libraries of a made-up driver with two GPUs; see `fixtures/nvml.c`.
fn driver(lab: &Lab) -> PathBuf {
    let folder = lab.path("driver");
    fs::create_dir(&folder).unwrap();
    let library = folder.join("libnvidia-ml.so.1");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/nvml.c");
    // Who builds Rust has a C compiler, since it links.
    let made = Command::new("cc").args(["-shared", "-fPIC", "-o"]).args([&library, &source]).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    // The names that are tried first, so that none of the machine is found.
    for name in ["libcuda.so", "libnvrtc.so"] {
        fs::copy(&library, folder.join(name)).unwrap();
    }
    fs::create_dir(folder.join("include")).unwrap();
    fs::write(folder.join("include/cuda_runtime.h"), "").unwrap();
    folder
}

/// What the doctor says of GPUs, with some variables set.
fn doctor(lab: &Lab, driver: &Path, variables: &[(&str, &str)]) -> String {
    let mut command = lab.command(&["doctor"]);
    for name in ["CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "FAKE_NVML"] {
        command.env_remove(name);
    }
    let output = command
        .env("LD_LIBRARY_PATH", driver)
        .env("CUDA_PATH", driver)
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let shown = String::from_utf8(output.stdout).unwrap().replace(driver.to_str().unwrap(), "DRIVER");
    let others = ["program", "processor", "memory", "store", "disk"];
    let is_other = |line: &&str| others.iter().any(|what| line[9..].starts_with(what));
    // What keeps a build for GPUs from its work is a problem, a note for others, which say that they do without.
    let shown = shown.replace("PROBLEM ", "note    ");
    let shown = shown.lines().filter(|line| !is_other(line) && !line.contains("computes on the processor only"));
    shown.map(|line| format!("{line}\n")).collect()
}

#[test]
fn the_doctor_shows_the_gpus_of_a_driver() {
    let lab = Lab::new();
    let driver = driver(&lab);
    insta::assert_snapshot!(doctor(&lab, &driver, &[]), @"
    ok       driver     570.86.15, for CUDA up to 12.8
    ok       cuda:0     NVIDIA GeForce RTX 3090, 25.00 GB, 24.30 GB free, compute capability 8.6, GPU-aaaa0000-1111
    ok       cuda:1     NVIDIA H100 80GB HBM3, 85.00 GB, 44.00 GB free, compute capability 9.0, GPU-bbbb0000-2222
    note     cuda:1     41.00 GB is taken, by python (4211) with 40.00 GB: wait for their end, or choose other GPUs by CUDA_VISIBLE_DEVICES
    note     cuda:1     slowed down by heat: see to its fans, the air around it and what else it computes
    ok       libcuda    libcuda.so
    ok       nvrtc      libnvrtc.so, of CUDA 12.6
    ok       headers    DRIVER/include
    ");
    insta::assert_snapshot!(doctor(&lab, &driver, &[("CUDA_VISIBLE_DEVICES", "1,7")]), @"
    ok       driver     570.86.15, for CUDA up to 12.8
    note     gpu        7 in CUDA_VISIBLE_DEVICES=1,7 names none of the GPUs, or several, and ends the list: `nvidia-smi -L` shows their names
    note     gpu        the numbers in CUDA_VISIBLE_DEVICES=1,7 are taken as those of nvidia-smi, but other CUDA programs count the fastest GPU first, and the GPUs differ (NVIDIA GeForce RTX 3090, NVIDIA H100 80GB HBM3): set CUDA_DEVICE_ORDER=PCI_BUS_ID, or name GPUs by UUID
    ok       cuda:0     NVIDIA H100 80GB HBM3, 85.00 GB, 44.00 GB free, compute capability 9.0, GPU-bbbb0000-2222
    note     cuda:0     41.00 GB is taken, by python (4211) with 40.00 GB: wait for their end, or choose other GPUs by CUDA_VISIBLE_DEVICES
    note     cuda:0     slowed down by heat: see to its fans, the air around it and what else it computes
    ok       libcuda    libcuda.so
    ok       nvrtc      libnvrtc.so, of CUDA 12.6
    ok       headers    DRIVER/include
    ");
    insta::assert_snapshot!(doctor(&lab, &driver, &[("CUDA_VISIBLE_DEVICES", "GPU-a"), ("FAKE_NVML", "split")]), @"
    ok       driver     570.86.15, for CUDA up to 12.8
    note     gpu        none to use of 2
    note     gpu        GPU 0 (NVIDIA GeForce RTX 3090) is left out: it is split by MIG, which is not supported; nvidia-smi -i 0 -mig 0 makes it whole
    ");
    insta::assert_snapshot!(doctor(&lab, &driver, &[("CUDA_VISIBLE_DEVICES", "")]), @"
    ok       driver     570.86.15, for CUDA up to 12.8
    ok       gpu        none to use of 2: CUDA_VISIBLE_DEVICES hides them
    ");
    // What is not open to the process does not count.
    let second = [("CUDA_VISIBLE_DEVICES", "0"), ("FAKE_NVML", "closed")];
    let shown = doctor(&lab, &driver, &second);
    assert!(shown.contains("cuda:0     NVIDIA H100 80GB HBM3") && shown.contains("to this process: 1 of 2"), "{shown}");
}

#[test]
fn the_doctor_knows_a_failing_driver_from_none() {
    let lab = Lab::new();
    let driver = driver(&lab);
    let fails = |result| doctor(&lab, &driver, &[("FAKE_NVML", result)]);
    insta::assert_snapshot!(fails("18"), @"note     gpu        the NVIDIA driver fails: RM detects a driver/library version mismatch: the driver was updated while it ran; reboot, or end what uses the GPUs and reload the module: rmmod nvidia_uvm nvidia_drm nvidia_modeset nvidia, then modprobe nvidia");
    // Not loaded; what else it says depends on the machine.
    assert!(fails("9").contains("gpu        none"), "{}", fails("9"));
    insta::assert_snapshot!(doctor(&lab, &driver, &[("CUDA_VISIBLE_DEVICES", "0,0")]), @"note     gpu        CUDA_VISIBLE_DEVICES names a GPU for the second time by 0, and CUDA then shows no GPU at all: name each once");
}

/// Runs the sweep on devices of the made-up driver: exit code and what was told.
fn run(lab: &Lab, driver: &Path, more: &[&str]) -> (i32, String) {
    let arguments = [&["run", "tiny.ron", "--backoff", "0.01"], more].concat();
    let mut command = lab.command(&arguments);
    command.env_remove("CUDA_VISIBLE_DEVICES").env_remove("CUDA_DEVICE_ORDER").env_remove("FAKE_NVML");
    let output = command.env("LD_LIBRARY_PATH", driver).env("CUDA_PATH", driver).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[test]
#[cfg(not(feature = "cuda"))]
fn a_build_for_the_processor_says_how_to_make_one_for_gpus() {
    let lab = Lab::new();
    let driver = driver(&lab);
    let (code, told) = run(&lab, &driver, &["--devices", "cuda:0"]);
    assert_eq!(code, 2);
    insta::assert_snapshot!(told.lines().next().unwrap(), @"error: cuda:0 cannot be used: this build of ablate computes on the processor only; build it by `cargo build --release --features cuda`, or leave --devices out");
    // Whoever starts a job on a GPU all the same gets an error, not a job on the processor.
    lab.run(&["--jobs", "1"]);
    let job = lab.journal("Succeeded").remove(0);
    let (code, shown, _) = lab.ablate(&["job", &job, "--store", "results", "--gpu"]);
    assert_eq!(code, 1);
    insta::assert_snapshot!(shown, @r#"{"Failed":{"class":"BadInput","message":"the job is to compute on a GPU, and this build computes on the processor only: build it by `cargo build --release --features cuda`"}}"#);
}

#[test]
#[cfg(feature = "cuda")]
fn jobs_on_a_gpu_that_does_not_work_fail_by_it_and_go_nowhere_else() {
    let lab = Lab::new();
    let driver = driver(&lab);
    let (code, told) = run(&lab, &driver, &["--devices", "cuda:0"]);
    assert_eq!(code, 1, "{told}");
    assert!(told.contains("device: the GPU failed: Missing symbol cuInit"), "{told}");
    assert!(told.contains("cuda:0 is left out from now on"), "{told}");
    assert!(lab.journal("Succeeded").is_empty());
}

#[test]
#[cfg(feature = "cuda")]
fn what_gpus_lack_is_said_before_anything_runs() {
    let lab = Lab::new();
    let driver = driver(&lab);
    fs::remove_file(driver.join("include/cuda_runtime.h")).unwrap();
    // Without --devices, too: nothing computes on the processor in their place unless that is asked for.
    for more in [&["--devices", "cuda:1"][..], &[]] {
        let (code, told) = run(&lab, &driver, more);
        assert_eq!(code, 1, "{told}");
        let missing = told.contains("GPUs cannot be computed on: headers no cuda_runtime.h in");
        assert!(missing && told.contains("--devices cpu does without GPUs"), "{told}");
    }
    assert_eq!(run(&lab, &driver, &["--devices", "cpu"]).0, 0);
}
