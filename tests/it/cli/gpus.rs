//! GPUs as the doctor shows them, with a made-up driver in the place of NVIDIA's.

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
    shown.lines().filter(|line| !is_other(line)).map(|line| format!("{line}\n")).collect()
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
    note     gpu        this build does not use them: it computes on the processor only
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
    note     gpu        this build does not use it: it computes on the processor only
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
