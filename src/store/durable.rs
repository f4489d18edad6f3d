//! The steps that change files, and the two sequences of them that survive a power cut.
//!
//! Every change goes through [`Disk`], so that tests can stop at each step.

use std::{
    fmt,
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

use super::{Error, error::At};

/// Marks files that are not in place yet.
pub(super) const BESIDE: &str = ".tmp-";

/// How often a file is written whose first copies others remove.
const TRIES: usize = 5;

/// The changing steps; each defaults to what the operating system does.
pub(super) trait Disk: fmt::Debug + Send + Sync {
    fn create_folder(&self, path: &Path) -> io::Result<()> {
        fs::create_dir(path)
    }

    fn create_file(&self, path: &Path) -> io::Result<File> {
        File::create_new(path)
    }

    fn write(&self, mut file: &File, _path: &Path, bytes: &[u8]) -> io::Result<()> {
        file.write_all(bytes)
    }

    fn truncate(&self, file: &File, _path: &Path, length: u64) -> io::Result<()> {
        file.set_len(length)
    }

    fn sync(&self, file: &File, _path: &Path) -> io::Result<()> {
        file.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir(path)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        match File::open(path)?.sync_all() {
            // Some network file systems cannot sync a folder; they do not delay its changes either.
            Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => Ok(()),
            result => result,
        }
    }
}

/// The operating system's files.
#[derive(Debug)]
pub(super) struct RealDisk;

impl Disk for RealDisk {}

/// Makes a folder and those above it.
pub(super) fn create_folders(disk: &dyn Disk, path: &Path) -> Result<(), Error> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = parent(path);
    create_folders(disk, parent)?;
    match disk.create_folder(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {}
        result => result.at("create", path)?,
    }
    disk.sync_folder(parent).at("sync", parent)
}

/// Replaces the content of a file: readers see the old content or the new one.
pub(super) fn write_atomic(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let mut tries = TRIES;
    while !put_in_place(disk, path, bytes, tries == 1)? {
        tries -= 1;
    }
    let folder = parent(path);
    disk.sync_folder(folder).at("sync", folder)
}

/// Writes a file beside `path` and puts it in its place. `false` if the file beside is gone when it should be put there: a
/// process that takes it for one that was left behind, as on another machine, may have removed it. That is an error if it
/// is the `last` try.
fn put_in_place(disk: &dyn Disk, path: &Path, bytes: &[u8], last: bool) -> Result<bool, Error> {
    let (file, beside) = create_beside(disk, path)?;
    let written = disk.write(&file, &beside, bytes).and_then(|()| disk.sync(&file, &beside)).at("write", path);
    drop(file);
    let renamed = match written {
        Ok(()) => match disk.rename(&beside, path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && !last => return Ok(false),
            result => result.at("replace", path),
        },
        Err(error) => Err(error),
    };
    if renamed.is_err() {
        // The first error counts. A file that stays behind is removed when the job starts again.
        let _ = disk.remove(&beside);
    }
    renamed.map(|()| true)
}

/// Creates a file of a new name in the folder of `path`.
fn create_beside(disk: &dyn Disk, path: &Path) -> Result<(File, PathBuf), Error> {
    let process = std::process::id();
    let mut number = 0_u32;
    loop {
        let mut name = path.as_os_str().to_owned();
        name.push(format!("{BESIDE}{process}-{number}"));
        let beside = PathBuf::from(name);
        match disk.create_file(&beside) {
            // Left by a killed process, or by one with the same number on another host.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            result => return Ok((result.at("create", &beside)?, beside)),
        }
    }
}

/// The folder that holds `path`; `.` for a bare name.
pub(super) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::fixture;

    #[test]
    fn writing_replaces_and_leaves_nothing_beside() {
        let folder = fixture::folder();
        let path = folder.path().join("a");
        for content in [&b"old"[..], b"new", b""] {
            write_atomic(&RealDisk, &path, content).unwrap();
            assert_eq!(fs::read(&path).unwrap(), content);
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        }
    }

    #[test]
    fn names_beside_that_are_taken_are_passed_over() {
        let folder = fixture::folder();
        let path = folder.path().join("a");
        let taken = folder.path().join(format!("a{BESIDE}{}-0", std::process::id()));
        fs::write(&taken, "taken").unwrap();
        write_atomic(&RealDisk, &path, b"new").unwrap();
        assert_eq!((fs::read(&path).unwrap(), fs::read(&taken).unwrap()), (b"new".to_vec(), b"taken".to_vec()));
    }

    /// Removes the first so many files before they can be put in place.
    #[derive(Debug)]
    struct Thief(std::sync::atomic::AtomicUsize);

    impl Disk for Thief {
        fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
            use std::sync::atomic::Ordering::Relaxed;
            if self.0.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok() {
                fs::remove_file(from)?;
            }
            fs::rename(from, to)
        }
    }

    #[test]
    fn what_another_process_takes_for_a_leftover_is_written_again() {
        let folder = fixture::folder();
        let path = folder.path().join("a");
        write_atomic(&Thief(4.into()), &path, b"new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        let error = write_atomic(&Thief(5.into()), &path, b"newer").unwrap_err();
        assert!(error.to_string().starts_with("cannot replace "), "{error}");
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_missing_folder_is_an_error_that_names_the_file() {
        let folder = fixture::folder();
        let error = write_atomic(&RealDisk, &folder.path().join("none/a"), b"").unwrap_err();
        assert!(error.to_string().contains("none/a"), "{error}");
    }

    #[test]
    fn bare_names_lie_in_the_working_folder() {
        assert_eq!(parent(Path::new("results")), Path::new("."));
        assert_eq!(parent(Path::new("a/b")), Path::new("a"));
        assert_eq!(parent(Path::new("/")), Path::new("/"));
    }
}
