//! What the doctor says of made-up machines.

use std::path::PathBuf;

use nvml_wrapper::error::NvmlError;

use super::{super::lines, *};

fn h100() -> Gpu {
    Gpu {
        index: 0,
        uuid: "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6".to_owned(),
        name: "NVIDIA H100 80GB HBM3".to_owned(),
        memory: 85_520_000_000,
        free: 84_900_000_000,
        capability: (9, 0),
        foreign: vec![],
        slowdowns: vec![],
    }
}

fn of(usable: Vec<Gpu>) -> Gpus {
    Gpus { present: usable.len(), usable, driver: "570.86.15".to_owned(), cuda: (12, 8), notes: vec![] }
}

fn installed() -> Toolkit {
    Toolkit {
        driver: Ok("libcuda.so.1"),
        compiler: Ok(Compiler { name: "libnvrtc.so.12", version: Some((12, 8)) }),
        headers: Ok(PathBuf::from("/usr/local/cuda/include")),
    }
}

#[test]
fn a_machine_without_gpus_is_fine() {
    let text = |idle| lines(&[absent(&GpuError::NoDriver, idle, true)]);
    insta::assert_snapshot!(text(Idle::default()), @"ok       gpu        none (no NVIDIA driver)");
    insta::assert_snapshot!(text(Idle { amd: true, nvidia: false }), @"ok       gpu        none to use: of AMD's GPUs none is supported");
    insta::assert_snapshot!(text(Idle { amd: false, nvidia: true }), @"note     gpu        none to use: there is one by NVIDIA, but not its driver; install it, load it by `modprobe nvidia`, or start the container with GPUs");
    insta::assert_snapshot!(lines(&present(&of(vec![]), None, true)), @"
    ok       driver     570.86.15, for CUDA up to 12.8
    ok       gpu        none (the driver finds none)
    ");
}

#[test]
fn a_failing_driver_is_a_problem_for_builds_that_need_it() {
    let error = GpuError::Driver(NvmlError::LibRmVersionMismatch);
    insta::assert_snapshot!(lines(&[absent(&error, Idle::default(), true)]), @"PROBLEM  gpu        the NVIDIA driver fails: RM detects a driver/library version mismatch: the driver was updated while it ran; reboot, or end what uses the GPUs and reload the module: rmmod nvidia_uvm nvidia_drm nvidia_modeset nvidia, then modprobe nvidia");
    assert!(lines(&[absent(&error, Idle::default(), false)]).starts_with("note "));
}

#[test]
fn a_gpu_in_order_is_shown_with_all_that_it_needs() {
    insta::assert_snapshot!(lines(&present(&of(vec![h100()]), Some(&installed()), true)), @"
    ok       driver     570.86.15, for CUDA up to 12.8
    ok       cuda:0     NVIDIA H100 80GB HBM3, 85.52 GB, 84.90 GB free, compute capability 9.0, GPU-8932f937-d72c-4106-c12f-20bd9faed9f6
    ok       libcuda    libcuda.so.1
    ok       nvrtc      libnvrtc.so.12, of CUDA 12.8
    ok       headers    /usr/local/cuda/include
    ");
    let text = lines(&present(&of(vec![h100(), h100()]), Some(&installed()), false));
    insta::assert_snapshot!(text.lines().last().unwrap(), @"note     gpu        this build does not use them: it computes on the processor only; build it by `cargo build --release --features cuda`");
}

#[test]
fn others_and_slowness_are_noted_with_what_to_do() {
    let process = |pid, name: Option<&str>, bytes| ForeignProcess { pid, name: name.map(str::to_owned), bytes };
    let crowded = Gpu {
        free: 3_000_000_000,
        foreign: vec![
            process(4211, Some("/opt/conda/bin/python"), Some(80_000_000_000)),
            process(4300, None, Some(500_000_000)),
        ],
        slowdowns: vec![Slowdown::Heat, Slowdown::PowerBrake, Slowdown::Hardware],
        ..h100()
    };
    let haunted = Gpu { free: 60_000_000_000, ..h100() };
    let shared = Gpu { foreign: vec![process(900, Some("Xorg"), None)], ..h100() };
    let gpus = Gpus { notes: vec!["GPU 3 is left out: it is lost".to_owned()], ..of(vec![crowded, haunted, shared]) };
    insta::assert_snapshot!(lines(&present(&gpus, None, false)), @"
    ok       driver     570.86.15, for CUDA up to 12.8
    note     gpu        GPU 3 is left out: it is lost
    ok       cuda:0     NVIDIA H100 80GB HBM3, 85.52 GB, 3.00 GB free, compute capability 9.0, GPU-8932f937-d72c-4106-c12f-20bd9faed9f6
    note     cuda:0     82.52 GB is taken, by python (4211) with 80.00 GB, process (4300) with 500.00 MB: wait for their end, or choose other GPUs by CUDA_VISIBLE_DEVICES
    note     cuda:0     slowed down by heat: see to its fans, the air around it and what else it computes
    note     cuda:0     slowed down by its power supply: see to it and its cables
    note     cuda:0     slowed down by its hardware just now: if that stays, `nvidia-smi -q -d PERFORMANCE` says more
    ok       cuda:1     NVIDIA H100 80GB HBM3, 85.52 GB, 60.00 GB free, compute capability 9.0, GPU-8932f937-d72c-4106-c12f-20bd9faed9f6
    note     cuda:1     25.52 GB is taken, by processes that this one cannot see: wait for their end, or choose other GPUs by CUDA_VISIBLE_DEVICES
    ok       cuda:2     NVIDIA H100 80GB HBM3, 85.52 GB, 84.90 GB free, compute capability 9.0, GPU-8932f937-d72c-4106-c12f-20bd9faed9f6, also used by Xorg (900)
    note     gpu        this build does not use them: it computes on the processor only; build it by `cargo build --release --features cuda`
    ");
}

#[test]
fn hidden_gpus_are_counted() {
    let hidden = Gpus { present: 2, ..of(vec![]) };
    insta::assert_snapshot!(lines(&present(&hidden, None, true)), @"
    ok       driver     570.86.15, for CUDA up to 12.8
    ok       gpu        none to use of 2: CUDA_VISIBLE_DEVICES hides them
    ");
    let closed =
        Gpus { notes: vec!["GPUs of this machine that are closed to this process: 2 of 2".to_owned()], ..hidden };
    insta::assert_snapshot!(lines(&present(&closed, None, true)), @"
    ok       driver     570.86.15, for CUDA up to 12.8
    note     gpu        none to use of 2
    note     gpu        GPUs of this machine that are closed to this process: 2 of 2
    ");
}

#[test]
fn what_kernels_need_is_named_with_its_remedy() {
    let said = |name: &str| format!("{name}: cannot open shared object file: No such file or directory");
    let nothing = Toolkit {
        driver: Err(said("libcuda.so.1")),
        compiler: Err(said("libnvrtc.so.12")),
        headers: Err(PathBuf::from("/usr/local/cuda/include")),
    };
    insta::assert_snapshot!(lines(&compiling(&nothing, (12, 8), true)), @"
    PROBLEM  libcuda    cannot be opened (libcuda.so.1: cannot open shared object file: No such file or directory): it comes with the driver, in a container with NVIDIA_DRIVER_CAPABILITIES=compute,utility
    PROBLEM  nvrtc      cannot be opened (libnvrtc.so.12: cannot open shared object file: No such file or directory): install that of the CUDA toolkit, in Debian's packages by NVIDIA cuda-nvrtc-12-8 for instance, or put its folder into LD_LIBRARY_PATH
    PROBLEM  headers    no cuda_runtime.h in /usr/local/cuda/include: install the headers of the CUDA toolkit, cuda-cudart-dev-12-8 for instance, or set CUDA_PATH to the toolkit's folder
    ");
    assert!(lines(&compiling(&nothing, (12, 8), false)).lines().all(|line| line.starts_with("note ")));
    let compiler = |name, version| {
        let toolkit = Toolkit { compiler: Ok(Compiler { name, version }), ..installed() };
        lines(&compiling(&toolkit, (12, 8), true)[1..2])
    };
    insta::assert_snapshot!(compiler("libnvrtc.so.13", Some((13, 0))), @"PROBLEM  nvrtc      libnvrtc.so.13 is of CUDA 13.0, the driver takes no kernels newer than 12.8: update the driver, or put an older NVRTC first in LD_LIBRARY_PATH");
    insta::assert_snapshot!(compiler("libnvrtc.so", None), @"note     nvrtc      libnvrtc.so does not tell its version");
    assert!(compiler("libnvrtc.so.12", Some((12, 0))).starts_with("ok "));
}
