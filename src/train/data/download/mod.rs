//! Gets the official archives: download with resume, checksum, unpacking, moving into place.
//!
//! Nothing is ever visible under the name of the data set before it is complete and checked.

mod error;
#[cfg(test)]
mod server;
#[cfg(test)]
mod tests;
mod transfer;
mod unpack;

pub use error::{Error, ErrorKind};

use std::{
    fs::{self, File, TryLockError},
    io::{self, Read},
    path::Path,
    time::Duration,
};

use md5::{Digest, Md5};

use super::{Summary, cifar::Layout};
use crate::recipe::DataSource;

/// An archive to get, and how to know that it is the right one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Download {
    /// The data set in it.
    pub source: DataSource,
    /// Address of the archive, http or https; a mirror's may be put here.
    pub url: String,
    /// MD5 checksum of the archive in hexadecimal digits.
    pub md5: String,
    /// File name of the archive on this machine.
    pub archive_name: String,
}

impl Download {
    /// The archive of a data set as its authors publish it.
    pub fn official(source: DataSource) -> Result<Self, Error> {
        let (name, md5) = match source {
            DataSource::Shapes => return Err(ErrorKind::NothingToGet { source }.into()),
            DataSource::Cifar10 => ("cifar-10-binary.tar.gz", "c32a1d4ab5d03f1284b67883e8d87530"),
            DataSource::Cifar100 => ("cifar-100-binary.tar.gz", "03b5dce01913d631647c71ecec9e9cb8"),
        };
        let url = format!("https://www.cs.toronto.edu/~kriz/{name}");
        Ok(Self { source, url, md5: md5.to_owned(), archive_name: name.to_owned() })
    }
}

/// How long to bear with a bad connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Number of failures in a row, without any new bytes, after which the download is given up.
    pub failures: u32,
    /// Pause after the first failure; it doubles with each further one.
    pub pause: Duration,
    /// Longest wait for a connection or for the next bytes.
    pub timeout: Duration,
}

impl Patience {
    /// What suits people: about half a minute of pauses, one minute for a silent server.
    pub const USUAL: Self = Self { failures: 5, pause: Duration::from_secs(2), timeout: Duration::from_secs(60) };
}

/// What came of a request for a data set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was there already, and sound.
    Kept(Summary),
    /// It was unpacked, from a new download or from an archive that was there.
    Unpacked(Summary),
}

/// Makes sure that a data set is in `folder`, under its official name or as the folder itself.
///
/// A sound one is kept. An archive that lies in `folder` under [`Download::archive_name`] is used and kept. Otherwise
/// the archive is downloaded, a broken download is resumed, and `progress` is told the bytes that are here and the
/// total, if known.
pub fn get(
    download: &Download,
    folder: &Path,
    patience: Patience,
    progress: &mut dyn FnMut(u64, Option<u64>),
) -> Result<Outcome, Error> {
    let source = download.source;
    let layout = Layout::of(source).ok_or(ErrorKind::NothingToGet { source })?;
    fs::create_dir_all(folder).map_err(|error| Error::write(folder, error))?;
    let _lock = lock(folder)?;
    if layout.is_present(folder) {
        let summary = layout.verify(folder).map_err(|error| Error::unsound(&layout.locate(folder), error))?;
        return Ok(Outcome::Kept(summary));
    }

    let archive = folder.join(&download.archive_name);
    let downloaded = !archive.exists();
    if downloaded {
        let part = folder.join(format!("{}.part", download.archive_name));
        transfer::fetch(download, &part, patience, progress)?;
        check(&part, download)?;
        fs::rename(&part, &archive).map_err(|error| Error::write(&archive, error))?;
    } else {
        check(&archive, download)?;
    }

    let unpacking = folder.join(format!("{}.unpacking", layout.folder));
    let result = unpack_into_place(layout, &archive, &unpacking, &folder.join(layout.folder));
    // Left behind by this call or by one that was killed; if it cannot be removed, it harms nobody.
    let _ = fs::remove_dir_all(&unpacking);
    let summary = result?;
    if downloaded {
        fs::remove_file(&archive).map_err(|error| Error::write(&archive, error))?;
    }
    Ok(Outcome::Unpacked(summary))
}

/// Unpacks beside the final place, checks, and only then moves.
fn unpack_into_place(layout: &Layout, archive: &Path, unpacking: &Path, place: &Path) -> Result<Summary, Error> {
    if unpacking.exists() {
        fs::remove_dir_all(unpacking).map_err(|error| Error::write(unpacking, error))?;
    }
    unpack::unpack(archive, unpacking)?;
    let summary = layout.verify(unpacking).map_err(|error| Error::unsound(archive, error))?;
    fs::rename(layout.locate(unpacking), place).map_err(|error| Error::write(place, error))?;
    Ok(Summary { folder: Some(place.to_owned()), ..summary })
}

/// Keeps other processes from downloading into the same folder until the returned file is dropped.
///
/// Where the file system has no locks, there is none: then two downloads at once may fail, but the checks before
/// moving into place still hold.
fn lock(folder: &Path) -> Result<Option<File>, Error> {
    let Ok(file) = File::open(folder) else { return Ok(None) };
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Err(ErrorKind::Busy { folder: folder.to_owned() }.into()),
        Err(TryLockError::Error(_)) => Ok(None),
    }
}

/// Compares the checksum of a file and sets the file aside if it differs.
fn check(path: &Path, download: &Download) -> Result<(), Error> {
    let file = File::open(path).map_err(|error| Error::read(path, error))?;
    let mut hasher = Md5::new();
    for_each_block(
        file,
        |error| Error::read(path, error),
        |block| {
            hasher.update(block);
            Ok(())
        },
    )?;
    let found: String = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    if found.eq_ignore_ascii_case(&download.md5) {
        return Ok(());
    }
    let aside = path.with_file_name(format!("{}.wrong", download.archive_name));
    fs::rename(path, &aside).map_err(|error| Error::write(&aside, error))?;
    Err(ErrorKind::Checksum { url: download.url.clone(), aside, expected: download.md5.clone(), found }.into())
}

/// Reads to the end in blocks; failures to read and to use a block stay apart, which [`io::copy`] would mix.
fn for_each_block(
    mut reader: impl Read,
    read_error: impl Fn(io::Error) -> Error,
    mut use_block: impl FnMut(&[u8]) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut buffer = vec![0; 1 << 16];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(length) => use_block(&buffer[..length])?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(read_error(error)),
        }
    }
}
