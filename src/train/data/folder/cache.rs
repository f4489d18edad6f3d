//! Decodes the pictures of a split once, into a cache file that later epochs and other processes map.
//!
//! A cache is found by its name and trusted by its content: the header says which files it was made of. Its pictures
//! are compared with their checksums when it is first opened and again whenever the file system says that the file
//! changed since; a note beside it keeps that in mind, so that jobs need not read 100 GB before they begin. What
//! decays on the disk itself is found by `ablate data verify`, which always compares everything.

use std::{
    env, fmt,
    fs::{self, File, TryLockError},
    io,
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use rayon::prelude::*;

use super::{
    decode::{Rgb, decode},
    listing::{Listing, PictureFile},
    pack::{Identity, Pack, PackWriter, Unusable, VERSION},
    resize::reduce,
};
use crate::train::data::{CorruptImage, Error, Progress, Stage, Watcher, images::short_hash};

/// Name of the folder for caches beside the splits.
const FOLDER: &str = ".ablate-cache";
/// Files that are decoded before the next are read: enough for many threads, and 5 GB if each has 24 megapixels.
const AT_ONCE: usize = 64;
/// Time between two attempts to get the lock that another process has.
const WAIT: Duration = Duration::from_millis(100);

/// How far a cache is to be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// If it has not changed since its pictures were compared with their checksums.
    Usual,
    /// Only as far as its checksums say, right now.
    Nothing,
}

/// Where caches of a data set may lie: beside it, or else where the user's caches are.
#[derive(Clone, Debug)]
pub struct Places(Vec<PathBuf>);

impl Places {
    /// The places for the data in `root`, `XDG_CACHE_HOME` taken from the environment.
    pub fn of(root: &Path) -> Self {
        let set = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let user = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")));
        Self::within(root, user.as_deref())
    }

    /// The places for the data in `root`, with the folder of the user's caches.
    pub fn within(root: &Path, user: Option<&Path>) -> Self {
        let full = fs::canonicalize(root).unwrap_or_else(|_| root.to_owned());
        let name = blake3::hash(full.as_os_str().as_bytes()).to_hex()[..32].to_owned();
        let elsewhere = user.map(|user| user.join("ablate").join(name));
        Self([root.join(FOLDER)].into_iter().chain(elsewhere).collect())
    }
}

/// Opens the cache of a split, or builds it; also returns what a log should say about that.
pub fn open(
    listing: &Listing,
    short_side: Option<usize>,
    places: &Places,
    trust: Trust,
    watch: &mut Watcher<'_>,
) -> Result<(Pack, Vec<String>), Error> {
    let reduced = short_side.map(|short_side| format!("-short{short_side}")).unwrap_or_default();
    let name = format!("{}{reduced}-v{VERSION}.pack", listing.split);
    let cache = Cache { listing, short_side, identity: listing.identity(short_side), trust };
    let mut why = String::new();
    for place in &places.0 {
        match cache.usable(&place.join(&name), watch) {
            Ok(pack) => return Ok((pack, Vec::new())),
            Err(Unusable::Unknown(error)) => return Err(error),
            Err(reason) => why = because(&reason).unwrap_or(why),
        }
    }
    let mut refusals = Vec::new();
    for place in &places.0 {
        match cache.make(place, &name, watch) {
            Ok((pack, Made::Found)) => return Ok((pack, Vec::new())),
            Ok((pack, Made::Built)) => {
                let (count, folder) = (pack.len(), listing.folder());
                let (path, megabytes) = (place.join(&name), pack.bytes() / 1_000_000);
                let mut note = format!(
                    "decoded {count} pictures of {} into {} ({megabytes} MB){why}",
                    folder.display(),
                    path.display()
                );
                for refusal in &refusals {
                    note += &format!("; {refusal}");
                }
                return Ok((pack, vec![note]));
            }
            Err(Failure::Refused(refusal)) => refusals.push(refusal),
            Err(Failure::Ended(error)) => return Err(error),
        }
    }
    let last = refusals.pop().unwrap_or_else(|| Refusal(PathBuf::from(FOLDER), io::ErrorKind::NotFound.into()));
    Err(Error::cache(last.0, refusals.iter().map(Refusal::to_string).collect(), last.1))
}

/// Why a cache that is there is built anew, to be added to a sentence.
fn because(reason: &Unusable) -> Option<String> {
    match reason {
        Unusable::Absent | Unusable::Unknown(_) => None,
        Unusable::Stale => Some(", since files have changed".to_owned()),
        Unusable::Damaged(what) => Some(format!(", since the earlier one is damaged: {what}")),
        Unusable::Unreadable(error) => Some(format!(", since the earlier one cannot be read: {error}")),
    }
}

/// A cache that could not be opened although it was just built.
fn unusable(path: &Path, reason: Unusable) -> Failure {
    let error = match reason {
        Unusable::Unreadable(error) => error,
        Unusable::Absent => io::ErrorKind::NotFound.into(),
        Unusable::Stale => io::Error::other("another process replaced it"),
        Unusable::Damaged(what) => io::Error::other(what),
        Unusable::Unknown(error) => return Failure::Ended(error),
    };
    Failure::Refused(Refusal(path.to_owned(), error))
}

/// What changes whenever anybody changes a file.
fn stamp(path: &Path) -> Option<String> {
    let data = fs::metadata(path).ok()?;
    let [written, changed] = [(data.mtime(), data.mtime_nsec()), (data.ctime(), data.ctime_nsec())];
    Some(format!("{} {} {written:?} {changed:?}\n", data.ino(), data.len()))
}

fn note_path(path: &Path) -> PathBuf {
    path.with_extension("checked")
}

fn is_remembered(path: &Path) -> bool {
    stamp(path).is_some_and(|stamp| fs::read(note_path(path)).is_ok_and(|note| note == stamp.as_bytes()))
}

/// Notes that the pictures of a cache are as they were written.
pub(super) fn remember(path: &Path) {
    remember_as(path, stamp(path).as_deref());
}

/// Without the note, which nobody else needs, the pictures are checked again the next time.
fn remember_as(path: &Path, stamp: Option<&str>) {
    if let Some(stamp) = stamp {
        let _ = fs::write(note_path(path), stamp);
    }
}

/// What could not be written, and why.
struct Refusal(PathBuf, io::Error);

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cannot be written ({})", self.0.display(), self.1)
    }
}

/// Why a cache could not be made at a place.
enum Failure {
    /// The place is to blame: nobody may write there, or its disk is full. Another may do.
    Refused(Refusal),
    /// No place would do.
    Ended(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Ended(error)
    }
}

/// How a cache came to be at a place.
enum Made {
    /// Another process built it in the meantime.
    Found,
    /// This one did.
    Built,
}

/// A cache that is wanted.
struct Cache<'a> {
    listing: &'a Listing,
    short_side: Option<usize>,
    identity: Identity,
    trust: Trust,
}

impl Cache<'_> {
    /// Opens a cache file that can be used as it is.
    fn usable(&self, path: &Path, watch: &mut Watcher<'_>) -> Result<Pack, Unusable> {
        let pack = Pack::open(path, &self.identity)?;
        if self.trust == Trust::Nothing || !is_remembered(path) {
            // Taken down before the check: a change in between is then noticed the next time.
            let stamp = stamp(path);
            pack.check_pictures(watch)?;
            remember_as(path, stamp.as_deref());
        }
        Ok(pack)
    }

    /// Makes sure that there is one at a place.
    fn make(&self, place: &Path, name: &str, watch: &mut Watcher<'_>) -> Result<(Pack, Made), Failure> {
        let lock = fs::create_dir_all(place).and_then(|()| File::create(place.join(format!("{name}.lock"))));
        let lock = lock.map_err(|error| Failure::Refused(Refusal(place.to_owned(), error)))?;
        let lock = locked(lock, self.listing.files.len(), watch)?;
        let path = place.join(name);
        // Whoever had the lock before may have built it.
        if lock.is_some() {
            match self.usable(&path, watch) {
                Ok(pack) => return Ok((pack, Made::Found)),
                Err(Unusable::Unknown(error)) => return Err(error.into()),
                Err(_) => {}
            }
        }
        self.build(&path, lock.is_some(), watch)?;
        let pack = Pack::open(&path, &self.identity).map_err(|reason| unusable(&path, reason))?;
        remember(&path);
        Ok((pack, Made::Built))
    }

    /// Writes the file beside `path` and moves it there when it is complete.
    fn build(&self, path: &Path, locked: bool, watch: &mut Watcher<'_>) -> Result<(), Failure> {
        // With the lock, what another process left behind under this name is of no use to anybody.
        let beside = path.with_extension(if locked { "part".into() } else { format!("part-{}", std::process::id()) });
        let refused = |error| Failure::Refused(Refusal(beside.clone(), error));
        let written = self
            .write(&beside, watch)
            .and_then(|()| fs::rename(&beside, path).map_err(refused))
            .and_then(|()| sync_folder(path).map_err(refused));
        if written.is_err() {
            // The first error counts.
            let _ = fs::remove_file(&beside);
        }
        written
    }

    fn write(&self, beside: &Path, watch: &mut Watcher<'_>) -> Result<(), Failure> {
        let refused = |error| Failure::Refused(Refusal(beside.to_owned(), error));
        let mut writer = File::create(beside).and_then(PackWriter::new).map_err(refused)?;
        let mut corrupt = Vec::new();
        let Self { listing, short_side, .. } = *self;
        let mut tell = |done| Progress { stage: Stage::Decoding, done, all: listing.files.len() }.tell(watch);
        for (chunk, files) in listing.files.chunks(AT_ONCE).enumerate() {
            tell(chunk * AT_ONCE)?;
            let decoded: Vec<_> =
                files.par_iter().map(|file| read(&listing.root, file, short_side)).collect::<Result<_, _>>()?;
            for (file, (key, picture)) in files.iter().zip(decoded) {
                match picture {
                    Ok(picture) => writer.add(&picture, file.label, key).map_err(refused)?,
                    Err(reason) => corrupt.push(CorruptImage { path: file.path.clone(), record: None, reason }),
                }
            }
        }
        tell(listing.files.len())?;
        writer.finish(&self.identity, &corrupt).map_err(refused)
    }
}

/// The file once it is locked, for which this waits; `None` where the file system has no locks. Two processes may then
/// build at once, each into a file of its own, and the last one stays.
fn locked(file: File, all: usize, watch: &mut Watcher<'_>) -> Result<Option<File>, Error> {
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Some(file)),
            Err(TryLockError::Error(_)) => return Ok(None),
            Err(TryLockError::WouldBlock) => {
                Progress { stage: Stage::Waiting, done: 0, all }.tell(watch)?;
                thread::sleep(WAIT);
            }
        }
    }
}

/// Makes sure that the disk knows the new name.
fn sync_folder(path: &Path) -> io::Result<()> {
    match File::open(path.parent().unwrap_or(path))?.sync_all() {
        // Some network file systems cannot sync a folder; they do not delay its changes either.
        Err(error) if matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported) => Ok(()),
        result => result,
    }
}

/// Hash of a file, and its picture or what is wrong with it; fails only if the system cannot read it.
fn read(root: &Path, file: &PictureFile, short_side: Option<usize>) -> Result<([u8; 16], Result<Rgb, String>), Error> {
    let path = root.join(&file.path);
    let bytes = fs::read(&path).map_err(|error| Error::read(path, error))?;
    let picture = decode(&bytes).map(|picture| match short_side {
        Some(short_side) => reduce(picture, short_side),
        None => picture,
    });
    Ok((short_hash(&bytes), picture))
}
