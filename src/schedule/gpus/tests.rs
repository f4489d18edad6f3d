//! What is concluded from made-up answers of a driver.

use nvml_wrapper::Nvml;

use super::*;

const OWN: u32 = 77;

fn raw(uuid: &str) -> RawGpu {
    RawGpu {
        uuid: uuid.to_owned(),
        name: "NVIDIA H100 80GB HBM3".to_owned(),
        memory: 85_000,
        free: 84_000,
        capability: (9, 0),
        split: false,
        processes: Ok(vec![]),
        throttling: Ok(ThrottleReasons::GPU_IDLE),
    }
}

fn reading(gpus: Vec<Result<RawGpu, NvmlError>>) -> Reading {
    Reading { driver: "570.86.15".to_owned(), cuda: 12080, gpus }
}

fn process(pid: u32, bytes: Option<u64>) -> ForeignProcess {
    ForeignProcess { pid, name: None, bytes }
}

#[test]
fn what_the_driver_says_is_passed_on() {
    let found = assemble(reading(vec![Ok(raw("GPU-a")), Ok(raw("GPU-b"))]), None, None, OWN).unwrap();
    assert_eq!((found.present, found.driver.as_str(), found.cuda), (2, "570.86.15", (12, 8)));
    assert_eq!(found.notes, [""; 0]);
    let gpu = |index, uuid: &str| Gpu {
        index,
        uuid: uuid.to_owned(),
        name: "NVIDIA H100 80GB HBM3".to_owned(),
        memory: 85_000,
        free: 84_000,
        capability: (9, 0),
        foreign: vec![],
        slowdowns: vec![],
    };
    assert_eq!(found.usable, [gpu(0, "GPU-a"), gpu(1, "GPU-b")]);
    let none = assemble(reading(vec![]), None, None, OWN).unwrap();
    assert_eq!((none.usable, none.present), (vec![], 0));
}

#[test]
fn the_variable_chooses_among_the_gpus_that_are_open() {
    let gpus = || vec![Err(NvmlError::NoPermission), Ok(raw("GPU-a")), Err(NvmlError::GpuLost), Ok(raw("GPU-b"))];
    let found = assemble(reading(gpus()), Some("1"), None, OWN).unwrap();
    assert_eq!(found.present, 4);
    assert_eq!((found.usable.len(), found.usable[0].index, found.usable[0].uuid.as_str()), (1, 3, "GPU-b"));
    insta::assert_snapshot!(found.notes.join("\n"), @"
    GPU 2 is left out: device fell off the bus or has otherwise become inacessible: `dmesg | grep -i xid` says more; reset it by nvidia-smi --gpu-reset -i, or reboot
    GPUs of this machine that are closed to this process: 1 of 4
    ");
    assert!(matches!(assemble(reading(gpus()), Some("1,1"), None, OWN), Err(GpuError::Repeated { .. })));
}

#[test]
fn gpus_that_are_split_are_left_out_without_moving_the_others() {
    let gpus = || vec![Ok(RawGpu { split: true, ..raw("GPU-a") }), Ok(raw("GPU-b"))];
    let found = assemble(reading(gpus()), Some("1,0"), None, OWN).unwrap();
    assert_eq!(found.usable.iter().map(|gpu| gpu.index).collect::<Vec<_>>(), [1]);
    insta::assert_snapshot!(found.notes.join("\n"), @"GPU 0 (NVIDIA H100 80GB HBM3) is left out: it is split by MIG, which is not supported; nvidia-smi -i 0 -mig 0 makes it whole");
    // Who hides it needs no note.
    assert!(assemble(reading(gpus()), Some("1"), None, OWN).unwrap().notes.is_empty());
}

#[test]
fn other_processes_are_told_once_each_and_this_one_is_none_of_them() {
    let computing = [process(9, Some(100)), process(OWN, Some(5)), process(4, None)];
    let drawing = [process(4, Some(30)), process(9, Some(80))];
    let processes = Ok([&computing[..], &drawing].concat());
    let found = assemble(reading(vec![Ok(RawGpu { processes, ..raw("GPU-a") })]), None, None, OWN).unwrap();
    assert_eq!(found.usable[0].foreign, [process(4, Some(30)), process(9, Some(100))]);
}

#[test]
fn what_this_process_holds_is_counted_on_each_gpu_once() {
    let with = |processes: Vec<ForeignProcess>| Ok(RawGpu { processes: Ok(processes), ..raw("GPU-a") });
    let both = vec![process(7, Some(100)), process(1, Some(5)), process(7, Some(90))];
    let all = || vec![with(both.clone()), with(vec![process(7, Some(3))]), Err(NvmlError::GpuLost)];
    assert_eq!(own_of(reading(all()), 7), Some(103));
    assert_eq!(own_of(reading(all()), 8), None);
    assert_eq!(own_of(reading(vec![with(vec![process(7, None)])]), 7), None);
}

#[test]
fn what_the_driver_does_not_tell_is_said() {
    let silent = RawGpu {
        processes: Err(NvmlError::FailedToLoadSymbol("nvmlDeviceGetComputeRunningProcesses_v3".to_owned())),
        throttling: Err(NvmlError::Unknown),
        ..raw("GPU-a")
    };
    let vague = RawGpu { throttling: Err(NvmlError::NotSupported), ..raw("GPU-b") };
    let found = assemble(reading(vec![Ok(silent), Ok(vague)]), None, None, OWN).unwrap();
    assert_eq!(found.usable.len(), 2);
    insta::assert_snapshot!(found.notes.join("\n"), @"
    who else is on GPU 0 cannot be told: function symbol failed to load: nvmlDeviceGetComputeRunningProcesses_v3
    whether GPU 0 is slowed down cannot be told: an internal driver error occurred
    ");
}

#[test]
fn slowdowns_leave_out_what_is_usual() {
    use ThrottleReasons as Reasons;
    let usual = Reasons::GPU_IDLE | Reasons::SW_POWER_CAP | Reasons::APPLICATIONS_CLOCKS_SETTING | Reasons::SYNC_BOOST;
    assert_eq!(slowdowns(usual), []);
    assert_eq!(slowdowns(Reasons::SW_THERMAL_SLOWDOWN), [Slowdown::Heat]);
    assert_eq!(slowdowns(Reasons::HW_SLOWDOWN | Reasons::HW_THERMAL_SLOWDOWN), [Slowdown::Heat]);
    assert_eq!(slowdowns(Reasons::HW_SLOWDOWN), [Slowdown::Hardware]);
    let both = Reasons::HW_SLOWDOWN | Reasons::HW_POWER_BRAKE_SLOWDOWN | Reasons::SW_THERMAL_SLOWDOWN;
    assert_eq!(slowdowns(both), [Slowdown::Heat, Slowdown::PowerBrake]);
}

/// What the system says of a library that cannot be loaded.
fn loading(path: &std::path::Path) -> GpuError {
    Nvml::builder().lib_path(path.as_os_str()).init().unwrap_err().into()
}

#[test]
fn a_driver_that_is_absent_is_told_from_one_that_fails() {
    assert!(matches!(GpuError::from(NvmlError::DriverNotLoaded), GpuError::NoDriver));
    assert!(matches!(loading("nowhere/libnvidia-ml.so.1".as_ref()), GpuError::NoDriver));
    let folder = tempfile::tempdir().unwrap();
    let damaged = folder.path().join("libnvidia-ml.so.1");
    std::fs::write(&damaged, "no library").unwrap();
    let error = loading(&damaged);
    assert!(matches!(error, GpuError::Driver(_)), "{error}");
    assert!(error.to_string().ends_with(": install the driver again"), "{error}");
}

#[test]
fn failures_of_the_driver_say_what_to_do() {
    let failures = [
        NvmlError::LibRmVersionMismatch,
        NvmlError::OperatingSystem,
        NvmlError::FailedToLoadSymbol("nvmlInitWithFlags".to_owned()),
        NvmlError::Unknown,
    ];
    let texts = failures.map(|error| GpuError::from(error).to_string()).join("\n");
    insta::assert_snapshot!(texts, @"
    the NVIDIA driver fails: RM detects a driver/library version mismatch: the driver was updated while it ran; reboot, or end what uses the GPUs and reload the module: rmmod nvidia_uvm nvidia_drm nvidia_modeset nvidia, then modprobe nvidia
    the NVIDIA driver fails: device control has been blocked by the operating system/cgroups: this process may not talk to it; see to the permissions of /dev/nvidia*, or to the GPUs of the container
    the NVIDIA driver fails: function symbol failed to load: nvmlInitWithFlags: the driver is too old; CUDA 12 needs 525 or later
    the NVIDIA driver fails: an internal driver error occurred: see whether `nvidia-smi` works; if it does not, restart the container or reboot
    ");
}
