//! What lies in a folder of pictures: the classes and the files of one split.

use std::{
    fs, io,
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::{Path, PathBuf},
};

use rayon::prelude::*;

use super::{decode::DECODER, pack::Identity};
use crate::train::data::{Error, ErrorKind, Split};

/// Endings of picture files, in lower case.
const ENDINGS: [&str; 3] = ["jpg", "jpeg", "png"];

/// The files of one split, sorted by class and name.
#[derive(Debug)]
pub struct Listing {
    /// The data folder.
    pub root: PathBuf,
    /// Name of the split's folder in it.
    pub split: &'static str,
    /// Names of the class folders, sorted.
    pub classes: Vec<String>,
    /// The pictures.
    pub files: Vec<PictureFile>,
}

/// One picture file.
#[derive(Debug)]
pub struct PictureFile {
    /// Its path below the data folder.
    pub path: PathBuf,
    /// Its class.
    pub label: u16,
    bytes: u64,
    changed: (i64, i64),
}

/// Names of the folder of a split; the first that exists counts.
fn names(split: Split) -> &'static [&'static str] {
    match split {
        Split::Train | Split::Validation => &["train"],
        Split::Test => &["val", "test"],
    }
}

/// Whether there are pictures to train on.
pub fn is_present(root: &Path) -> bool {
    root.join("train").is_dir()
}

impl PictureFile {
    /// A file below the data folder as it is now.
    pub fn find(root: &Path, path: PathBuf, label: u16) -> io::Result<Self> {
        // The target of a link counts, whatever else has its name.
        let metadata = fs::metadata(root.join(&path))?;
        let changed = (metadata.mtime(), metadata.mtime_nsec());
        Ok(Self { path, label, bytes: metadata.len(), changed })
    }
}

impl Listing {
    /// Lists a split. Files with other endings and hidden ones do not count.
    pub fn read(root: &Path, split: Split) -> Result<Self, Error> {
        let names = names(split);
        let Some(name) = names.iter().find(|name| root.join(name).is_dir()) else {
            return Err(ErrorKind::NoSplit { root: root.to_owned(), split, names }.into());
        };
        let folder = root.join(name);
        let classes = subfolders(&folder)?;
        let files: Vec<Vec<PictureFile>> = classes
            .par_iter()
            .enumerate()
            .map(|(label, class)| pictures(root, &Path::new(name).join(class), label as u16))
            .collect::<Result<_, _>>()?;
        let classes = classes.iter().map(|class| class.to_string_lossy().into_owned()).collect();
        Ok(Self { root: root.to_owned(), split: name, classes, files: files.into_iter().flatten().collect() })
    }

    /// The folder of the split.
    pub fn folder(&self) -> PathBuf {
        self.root.join(self.split)
    }

    /// A number that follows from the names of the classes and the names and lengths of the files; not 0.
    pub fn contents(&self) -> u64 {
        let mut hasher = blake3::Hasher::new();
        let mut text = |bytes: &[u8]| {
            hasher.update(&(bytes.len() as u64).to_le_bytes()).update(bytes);
        };
        self.classes.iter().for_each(|class| text(class.as_bytes()));
        for PictureFile { path, bytes, .. } in &self.files {
            // Without the split's name, which is `val` or `test`.
            text(path.strip_prefix(self.split).unwrap_or(path).as_os_str().as_bytes());
            text(&bytes.to_le_bytes());
        }
        let mut first = [0; 8];
        first.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
        u64::from_le_bytes(first).max(1)
    }

    /// A hash of the names of the classes, the names, lengths and times of all files, and of what is made of them.
    pub fn identity(&self, short_side: Option<usize>) -> Identity {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&DECODER.to_le_bytes());
        hasher.update(&(short_side.unwrap_or(0) as u64).to_le_bytes());
        // An empty class has no file, but it moves the labels of those after it.
        for class in &self.classes {
            hasher.update(&(class.len() as u64).to_le_bytes());
            hasher.update(class.as_bytes());
        }
        hasher.update(&u64::MAX.to_le_bytes());
        for PictureFile { path, bytes, changed: (seconds, nanoseconds), .. } in &self.files {
            let path = path.as_os_str().as_bytes();
            hasher.update(&(path.len() as u64).to_le_bytes());
            hasher.update(path);
            hasher.update(&bytes.to_le_bytes());
            hasher.update(&seconds.to_le_bytes());
            hasher.update(&nanoseconds.to_le_bytes());
        }
        *hasher.finalize().as_bytes()
    }
}

fn subfolders(folder: &Path) -> Result<Vec<std::ffi::OsString>, Error> {
    let refused = |error| Error::read(folder.to_owned(), error);
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(refused)? {
        let entry = entry.map_err(refused)?;
        if !is_hidden(&entry.path()) && entry.path().is_dir() {
            names.push(entry.file_name());
        }
    }
    names.sort();
    Ok(names)
}

/// The pictures in one class folder, sorted by name.
fn pictures(root: &Path, class: &Path, label: u16) -> Result<Vec<PictureFile>, Error> {
    let folder = root.join(class);
    let refused = |error: io::Error| Error::read(folder.clone(), error);
    let mut files = Vec::new();
    for entry in fs::read_dir(&folder).map_err(refused)? {
        let name = entry.map_err(refused)?.file_name();
        let path = class.join(&name);
        let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
        if is_hidden(&path) || !ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str())) {
            continue;
        }
        let whole = root.join(&path);
        files.push(PictureFile::find(root, path, label).map_err(|error| Error::read(whole, error))?);
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

/// Whether a name begins with a dot, as those of macOS's companion files do.
fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_bytes().starts_with(b"."))
}
