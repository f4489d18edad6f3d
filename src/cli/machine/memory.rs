//! The main memory that this process may use, and how much of it is left.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Main memory in bytes that this process may use, if it can be told: what the machine has or, if that is less, what
/// its control group is allowed.
pub fn memory() -> Option<f64> {
    let limits = own_groups().into_iter().filter_map(|group| group.limit());
    limits.chain(main_memory("MemTotal:", &information())).min_by(f64::total_cmp)
}

/// What is left of [`memory`] now, in bytes: what the machine can give without swapping or, if that is less, what the
/// processes of the control group have left of its limit.
pub fn available_memory() -> Option<f64> {
    let left = own_groups().into_iter().filter_map(|group| group.left());
    left.chain(main_memory("MemAvailable:", &information())).min_by(f64::total_cmp)
}

/// The most main memory that this process has taken so far, in bytes and without files that it has only mapped, if the
/// system tells.
pub fn peak_memory() -> Option<u64> {
    peak(&fs::read_to_string("/proc/self/status").ok()?)
}

/// The same of the content of a `/proc/PID/status`.
fn peak(status: &str) -> Option<u64> {
    let bytes = |name: &str| main_memory(name, status);
    Some((bytes("VmHWM:")? - bytes("RssFile:").unwrap_or(0.0)).max(0.0) as u64)
}

/// The groups of this process.
fn own_groups() -> Vec<Group> {
    groups(&fs::read_to_string("/proc/self/cgroup").unwrap_or_default(), Path::new("/sys/fs/cgroup"))
}

fn information() -> String {
    fs::read_to_string("/proc/meminfo").unwrap_or_default()
}

/// A line of `/proc/meminfo` in bytes.
fn main_memory(name: &str, information: &str) -> Option<f64> {
    let line = information.lines().find_map(|line| line.strip_prefix(name))?;
    let kibibytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(1024.0 * kibibytes)
}

/// A control group that counts memory.
struct Group {
    folder: PathBuf,
    /// The names of its files, which are others in version 1 of control groups.
    names: &'static Names,
}

struct Names {
    limit: &'static str,
    used: &'static str,
    /// A line of `memory.stat`: what is held of files, and can be given up.
    files: &'static str,
}

const FIRST: Names =
    Names { limit: "memory.limit_in_bytes", used: "memory.usage_in_bytes", files: "total_inactive_file " };
const SECOND: Names = Names { limit: "memory.max", used: "memory.current", files: "inactive_file " };

impl Group {
    /// Bytes that it is allowed; none if it has no limit.
    fn limit(&self) -> Option<f64> {
        number(&self.folder.join(self.names.limit))
    }

    /// Bytes that it has left of its limit.
    fn left(&self) -> Option<f64> {
        let (limit, used) = (self.limit()?, number(&self.folder.join(self.names.used))?);
        let statistics = fs::read_to_string(self.folder.join("memory.stat")).unwrap_or_default();
        let files = statistics.lines().find_map(|line| line.strip_prefix(self.names.files)?.trim().parse().ok());
        Some((limit - used + files.unwrap_or(0.0)).clamp(0.0, limit))
    }
}

/// The groups in `/proc/self/cgroup` that may count memory, and those around them, whose limits hold, too.
fn groups(text: &str, root: &Path) -> Vec<Group> {
    let groups = text.lines().flat_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, group) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let (root, names) = match controllers {
            "" => (root.to_owned(), &SECOND),
            "memory" => (root.join("memory"), &FIRST),
            _ => return vec![],
        };
        let around = Path::new(group).ancestors().filter_map(|group| group.strip_prefix("/").ok());
        around.map(|group| Group { folder: root.join(group), names }).collect()
    });
    groups.collect()
}

/// The number in a file; none if it says `max`.
fn number(path: &Path) -> Option<f64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The limit and what is left in made-up control groups.
    fn of(text: &str, files: &[(&str, &str)]) -> (Option<f64>, Option<f64>) {
        let root = tempfile::tempdir().unwrap();
        for (path, content) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        let groups = groups(text, root.path());
        let least = |of: fn(&Group) -> Option<f64>| groups.iter().filter_map(of).min_by(f64::total_cmp);
        (least(Group::limit), least(Group::left))
    }

    #[test]
    fn mapped_files_do_not_count_as_taken() {
        assert_eq!(peak("Name:\tablate\nVmHWM:\t    5000 kB\nRssFile:\t    1000 kB\n"), Some(4000 * 1024));
        assert_eq!(peak("VmHWM:\t    5000 kB\n"), Some(5000 * 1024));
        assert_eq!(peak("VmRSS:\t    5000 kB\n"), None);
        let taken = std::hint::black_box(vec![1_u8; 64 << 20]);
        assert!(peak_memory().unwrap() >= taken.len() as u64);
    }

    #[test]
    fn what_files_hold_can_be_given_up() {
        let files = [
            ("job/memory.max", "1000\n"),
            ("job/memory.current", "900\n"),
            ("job/memory.stat", "anon 500\nfile 400\nactive_file 100\ninactive_file 300\n"),
        ];
        assert_eq!(of("0::/job\n", &files), (Some(1000.0), Some(400.0)));
    }

    #[test]
    fn the_group_around_may_have_less_left_although_its_limit_is_higher() {
        let files = [
            ("user/memory.max", "2000\n"),
            ("user/memory.current", "1950\n"),
            ("user/job/memory.max", "1000\n"),
            ("user/job/memory.current", "100\n"),
        ];
        assert_eq!(of("0::/user/job\n", &files), (Some(1000.0), Some(50.0)));
    }

    #[test]
    fn the_first_version_has_other_names() {
        let files = [
            ("memory/slurm/memory.limit_in_bytes", "1000\n"),
            ("memory/slurm/memory.usage_in_bytes", "1100\n"),
            ("memory/slurm/memory.stat", "inactive_file 7\ntotal_inactive_file 20\n"),
        ];
        assert_eq!(of("7:cpu,cpuacct:/slurm\n4:memory:/slurm\n", &files), (Some(1000.0), Some(0.0)));
    }

    #[test]
    fn without_a_limit_there_is_none() {
        let files = [("job/memory.max", "max\n"), ("job/memory.current", "100\n")];
        assert_eq!(of("0::/job\n", &files), (None, None));
        assert_eq!(of("", &[]), (None, None));
    }

    #[test]
    fn the_machine_has_more_than_is_left() {
        let text = "MemTotal:       2048 kB\nMemFree:  10 kB\nMemAvailable:    1024 kB\n";
        assert_eq!(main_memory("MemTotal:", text), Some(2_097_152.0));
        assert_eq!(main_memory("MemAvailable:", text), Some(1_048_576.0));
        assert_eq!(main_memory("MemAvailable:", "MemTotal: 1 kB"), None);
        if let (Some(all), Some(left)) = (memory(), available_memory()) {
            assert!(0.0 < left && left <= all, "{left} of {all}");
        }
    }
}
