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

use super::{
    Summary,
    files::{self, Files},
};
use crate::recipe::DataSource;

/// A file to get, and how to know that it is the right one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Download {
    /// The data set in it.
    pub source: DataSource,
    /// Its address, http or https; a mirror's may be put here.
    pub url: String,
    /// Its MD5 checksum in hexadecimal digits.
    pub md5: String,
    /// Its name on this machine.
    pub archive_name: String,
}

/// The four files of a data set in the IDX layout.
const IDX_NAMES: [&str; 4] = [
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
];

impl Download {
    /// The files of a data set as its authors publish them: one archive, or several files that stay compressed. Those
    /// of MNIST come from the mirror that torchvision uses, since the authors' server often refuses.
    pub fn official(source: DataSource) -> Result<Vec<Self>, Error> {
        let (place, files): (&str, &[(&str, &str)]) = match source {
            DataSource::Shapes | DataSource::ImageNet | DataSource::Voc2007 | DataSource::Folder { .. } => {
                return Err(ErrorKind::NothingToGet { source }.into());
            }
            DataSource::Cifar10 => {
                ("https://www.cs.toronto.edu/~kriz/", &[("cifar-10-binary.tar.gz", "c32a1d4ab5d03f1284b67883e8d87530")])
            }
            DataSource::Cifar100 => (
                "https://www.cs.toronto.edu/~kriz/",
                &[("cifar-100-binary.tar.gz", "03b5dce01913d631647c71ecec9e9cb8")],
            ),
            DataSource::Mnist => (
                "https://ossci-datasets.s3.amazonaws.com/mnist/",
                &[
                    (IDX_NAMES[0], "f68b3c2dcbeaaa9fbdd348bbdeb94873"),
                    (IDX_NAMES[1], "d53e105ee54ea40749a09fcbcd1e9432"),
                    (IDX_NAMES[2], "9fb629c4189551a2d022fa330f9573f3"),
                    (IDX_NAMES[3], "ec29112dd5afa0611ce80d1b7f02629c"),
                ],
            ),
            DataSource::FashionMnist => (
                "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
                &[
                    (IDX_NAMES[0], "8d4fb7e6c68d591d4c3dfef9ec88bf0d"),
                    (IDX_NAMES[1], "25c81989df183df01b3e8a0aad5dffbe"),
                    (IDX_NAMES[2], "bef4ecab320f06d8554ea6380940ec79"),
                    (IDX_NAMES[3], "bb300cfdad3c16e7a12a480ee83cd310"),
                ],
            ),
            DataSource::KMnist => (
                "http://codh.rois.ac.jp/kmnist/dataset/kmnist/",
                &[
                    (IDX_NAMES[0], "bdb82020997e1d708af4cf47b453dcf7"),
                    (IDX_NAMES[1], "e144d726b3acfaa3e44228e80efcd344"),
                    (IDX_NAMES[2], "5c965bf0a639b31b8f53240b1b52f4d7"),
                    (IDX_NAMES[3], "7320c461ea6c1c855c0b718fb2a4b134"),
                ],
            ),
        };
        let download = |&(name, md5): &(&str, &str)| Self {
            source,
            url: format!("{place}{name}"),
            md5: md5.to_owned(),
            archive_name: name.to_owned(),
        };
        Ok(files.iter().map(download).collect())
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
/// everything is downloaded, a broken download is resumed, and `progress` is told the bytes that are here of a file and
/// its length, if known.
pub fn get(
    downloads: &[Download],
    folder: &Path,
    patience: Patience,
    progress: &mut dyn FnMut(u64, Option<u64>),
) -> Result<Outcome, Error> {
    let (source, archive) = match downloads {
        [] => return Err(ErrorKind::NothingToGet { source: DataSource::Shapes }.into()),
        [archive] => (archive.source, Some(archive)),
        [first, ..] => (first.source, None),
    };
    let files = files::of(source).ok_or(ErrorKind::NothingToGet { source })?;
    fs::create_dir_all(folder).map_err(|error| Error::write(folder, error))?;
    let _lock = lock(folder)?;
    if files.is_present(folder) {
        let summary = files.verify(folder, 0).map_err(|error| Error::unsound(&files.locate(folder), error))?;
        return Ok(Outcome::Kept(summary));
    }
    match archive {
        Some(archive) => get_archive(archive, files, folder, patience, progress),
        None => get_files(downloads, files, folder, patience, progress),
    }
}

fn get_archive(
    download: &Download,
    files: &dyn Files,
    folder: &Path,
    patience: Patience,
    progress: &mut dyn FnMut(u64, Option<u64>),
) -> Result<Outcome, Error> {
    let archive = folder.join(&download.archive_name);
    let downloaded = ensure(download, folder, patience, progress)?;
    let unpacking = folder.join(format!("{}.unpacking", files.folder()));
    let result = unpack_into_place(files, &archive, &unpacking, &folder.join(files.folder()));
    // Left behind by this call or by one that was killed; if it cannot be removed, it harms nobody.
    let _ = fs::remove_dir_all(&unpacking);
    let summary = result?;
    if downloaded {
        fs::remove_file(&archive).map_err(|error| Error::write(&archive, error))?;
    }
    Ok(Outcome::Unpacked(summary))
}

/// Collects files that need no unpacking beside the final place. What is there already, of an earlier try or brought
/// from elsewhere, is used.
fn get_files(
    downloads: &[Download],
    files: &dyn Files,
    folder: &Path,
    patience: Patience,
    progress: &mut dyn FnMut(u64, Option<u64>),
) -> Result<Outcome, Error> {
    let collecting = folder.join(format!("{}.downloading", files.folder()));
    fs::create_dir_all(&collecting).map_err(|error| Error::write(&collecting, error))?;
    for download in downloads {
        ensure(download, &collecting, patience, progress)?;
    }
    let summary = files.verify(&collecting, 0).map_err(|error| Error::unsound(&collecting, error))?;
    let place = folder.join(files.folder());
    fs::rename(&collecting, &place).map_err(|error| Error::write(&place, error))?;
    Ok(Outcome::Unpacked(Summary { folder: Some(place), ..summary }))
}

/// Makes sure that the right file is in `folder`; true if it had to be downloaded.
fn ensure(
    download: &Download,
    folder: &Path,
    patience: Patience,
    progress: &mut dyn FnMut(u64, Option<u64>),
) -> Result<bool, Error> {
    let place = folder.join(&download.archive_name);
    if place.exists() {
        check(&place, download)?;
        return Ok(false);
    }
    let part = folder.join(format!("{}.part", download.archive_name));
    transfer::fetch(download, &part, patience, progress)?;
    check(&part, download)?;
    File::open(&part).and_then(|file| file.sync_all()).map_err(|error| Error::write(&part, error))?;
    fs::rename(&part, &place).map_err(|error| Error::write(&place, error))?;
    Ok(true)
}

/// Unpacks beside the final place, checks, and only then moves.
fn unpack_into_place(files: &dyn Files, archive: &Path, unpacking: &Path, place: &Path) -> Result<Summary, Error> {
    if unpacking.exists() {
        fs::remove_dir_all(unpacking).map_err(|error| Error::write(unpacking, error))?;
    }
    unpack::unpack(archive, unpacking)?;
    let summary = files.verify(unpacking, 0).map_err(|error| Error::unsound(archive, error))?;
    fs::rename(files.locate(unpacking), place).map_err(|error| Error::write(place, error))?;
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
