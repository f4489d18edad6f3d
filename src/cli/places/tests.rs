//! Devices as they are asked for, and what jobs on them get.

use super::*;

const EIGHT: [usize; 8] = [0, 1, 2, 3, 8, 9, 10, 11];

fn wanted(devices: &[DeviceName], jobs: Option<usize>, most: usize) -> Wanted<'_> {
    Wanted { devices, jobs, memory: 1e9, most }
}

fn places(devices: &str, jobs: Option<usize>, most: usize, gpus: u32) -> Result<Places, String> {
    let names: Vec<DeviceName> =
        devices.split(',').filter(|name| !name.is_empty()).map(|name| name.parse().unwrap()).collect();
    let gpu = |index: u32| Gpu {
        index,
        uuid: format!("GPU-{index}"),
        name: "a model".to_owned(),
        memory: 16 << 30,
        free: 8 << 30,
        capability: (9, 0),
        foreign: vec![],
        slowdowns: vec![],
    };
    let gpus: Vec<Gpu> = (0..gpus).map(gpu).collect();
    Places::of(wanted(&names, jobs, most), 8, &EIGHT, &gpus).map_err(|error| error.to_string())
}

/// Arguments and environment of a job in these slots.
fn equipped(places: &Places, slots: &[usize]) -> String {
    let mut command = Command::new("ablate");
    let job = "00000000000000000000000000000001".parse().unwrap();
    places.equip(&mut command, &Launch { job, slots: slots.to_vec(), attempt: 1, memory: 0, cuts: 0, together: 1 });
    format!("{command:?}").replace("\"ablate\"", "")
}

#[test]
fn names_of_devices_are_read() {
    assert_eq!("cpu".parse(), Ok(DeviceName::Cpu(None)));
    assert_eq!("cpu:4".parse(), Ok(DeviceName::Cpu(Some(4))));
    assert_eq!("cuda:12".parse(), Ok(DeviceName::Cuda(12)));
    for wrong in ["", "gpu", "cpu:0", "cpu:x", "cuda", "cuda:", "cuda:-1", "cpu:2000"] {
        assert!(wrong.parse::<DeviceName>().is_err(), "{wrong}");
    }
}

#[test]
fn the_cores_of_a_processor_are_the_slots_that_jobs_share() {
    let all = places("", None, 100, 0).unwrap();
    assert_eq!((all.devices[0].slots, all.devices[0].jobs, all.usual_threads()), (8, 8, 1));
    insta::assert_snapshot!(equipped(&all, &[4]), @r#"CUDA_VISIBLE_DEVICES=""  "--threads" "1" "--cores" "8""#);
    insta::assert_snapshot!(equipped(&all, &[1, 2, 3, 4]), @r#"CUDA_VISIBLE_DEVICES=""  "--threads" "4" "--cores" "1,2,3,8""#);
    assert_eq!([&[4][..], &[1, 2], &[3, 4]].map(|slots| all.place(slots)), ["cpu 8", "cpu 1-2", "cpu 3,8"]);
    let few = places("cpu", Some(5), 3, 0).unwrap();
    assert_eq!((few.devices[0].slots, few.devices[0].jobs, few.usual_threads()), (8, 3, 2));
}

#[test]
fn cores_are_a_jobs_own_only_if_nobody_else_is_meant_to_use_them() {
    let part = places("cpu:4", None, 100, 0).unwrap();
    insta::assert_snapshot!(equipped(&part, &[2, 3]), @r#"CUDA_VISIBLE_DEVICES=""  "--threads" "2""#);
    assert_eq!(part.place(&[2, 3]), "cpu");
    let many = places("", Some(16), 100, 0).unwrap();
    assert_eq!((many.devices[0].slots, many.devices[0].jobs), (16, 16));
    insta::assert_snapshot!(equipped(&many, &[15]), @r#"CUDA_VISIBLE_DEVICES=""  "--threads" "1""#);
}

#[test]
fn gpus_are_used_if_there_are_any_and_each_process_sees_its_own() {
    let all = places("", None, 100, 2).unwrap();
    assert_eq!(all.devices, [Device { slots: 8, jobs: 8, memory: 8 << 30, sharing: Sharing::Contended }; 2]);
    insta::assert_snapshot!(equipped(&all, &[9]), @r#"CUDA_VISIBLE_DEVICES="GPU-1"  "--threads" "1" "--gpu""#);
    assert_eq!((all.place(&[9]), all.model()), ("cuda:1".to_owned(), "cuda (a model)".to_owned()));
    assert_eq!((all.gpu_memory, places("cpu", None, 100, 2).unwrap().gpu_memory), (Some(16 << 30), None));
    let one = places("cuda:1", Some(1), 100, 2).unwrap();
    insta::assert_snapshot!(equipped(&one, &[0]), @r#"CUDA_VISIBLE_DEVICES="GPU-1"  "--threads" "8" "--gpu""#);
    let pair = places("cuda:0,cuda:1", Some(1), 100, 2).unwrap();
    insta::assert_snapshot!(equipped(&pair, &[0, 1]), @r#"CUDA_VISIBLE_DEVICES="GPU-0,GPU-1"  "--threads" "8" "--gpu""#);
    assert_eq!(pair.place(&[0, 1]), "cuda:0+cuda:1");
    let cpu = places("cpu", None, 100, 2).unwrap();
    assert_eq!((cpu.name(0), cpu.model()), ("cpu".to_owned(), machine::processor()));
}

#[test]
fn what_is_not_there_is_named() {
    insta::assert_snapshot!(places("cuda:2", None, 1, 2).unwrap_err(), @"cuda:2 is not there: this process may use cuda:0, cuda:1 (see `ablate doctor`)");
    let refused = |devices: &[DeviceName]| check(devices, 8).unwrap_err().to_string();
    insta::assert_snapshot!(refused(&[DeviceName::Cpu(Some(9))]), @"--devices asks for 9 cores, and this process may use 8 cores");
    insta::assert_snapshot!(refused(&[DeviceName::Cuda(1), DeviceName::Cuda(1)]), @"--devices names cuda:1 twice");
    insta::assert_snapshot!(places("cuda:0,cpu", None, 1, 2).unwrap_err(), @"--devices names the processor beside others: jobs of one run must not differ in the kind of device, since their numbers could not be compared");
}
