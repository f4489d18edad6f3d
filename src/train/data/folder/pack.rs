//! The cache file: decoded pictures one after the other, an index behind them, a header before them.
//!
//! | part | content, numbers little-endian |
//! |---|---|
//! | header, 128 bytes | mark, version (u32), pictures (u32), start of the index (u64), file length (u64), identity (32), BLAKE3 of the index (32), BLAKE3 of the header so far (32) |
//! | pictures | RGB, `[height, width, 3]` each |
//! | index | 50 bytes per picture: offset (u64), height, width (u32), label (u16), key (16), checksum (16) |
//! | rest | the corrupt images as JSON |

use std::{
    fs::File,
    io::{self, BufWriter, Seek, SeekFrom, Write},
    path::Path,
};

use rayon::prelude::*;

use super::{decode::Rgb, map::Mapped};
use crate::train::data::{CorruptImage, Error, Picture, Progress, Stage, Watcher, images::short_hash};

/// Version of this layout; it is part of the file name, so that programs of several versions get along.
pub const VERSION: u32 = 1;

const MARK: &[u8; 8] = b"ablateP\n";
const HEADER: usize = 128;
const PLACE: usize = 50;
/// Pictures that are compared before the watcher is told: enough for many threads, and a fraction of a second.
const AT_ONCE: usize = 256;

/// Which files a cache was made of, and how.
pub type Identity = [u8; 32];

/// A mapped cache file whose header and index are sound.
#[derive(Debug)]
pub struct Pack {
    map: Mapped,
    index: usize,
    length: usize,
    corrupt: Vec<CorruptImage>,
}

/// Why a cache file cannot be used.
#[derive(Debug)]
pub enum Unusable {
    /// There is none.
    Absent,
    /// It was made of other files.
    Stale,
    /// It is damaged; a fragment says where.
    Damaged(String),
    /// The system refused to read it.
    Unreadable(io::Error),
    /// Nobody knows: whoever watches asked to stop.
    Unknown(Error),
}

/// One picture in the index.
struct Place {
    offset: usize,
    height: usize,
    width: usize,
    label: u16,
    key: [u8; 16],
    checksum: [u8; 16],
}

impl Pack {
    /// Opens a cache file; the pictures themselves are not looked at, see [`Self::check_pictures`].
    pub fn open(path: &Path, identity: &Identity) -> Result<Self, Unusable> {
        let file = File::open(path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Unusable::Absent,
            _ => Unusable::Unreadable(error),
        })?;
        let damaged = |what: &str| Unusable::Damaged(what.to_owned());
        let map = Mapped::new(&file).map_err(Unusable::Unreadable)?;
        let header = map.get(..HEADER).ok_or_else(|| damaged("it ends within its header"))?;
        let (sealed, seal) = header.split_at(HEADER - 32);
        if !sealed.starts_with(MARK)
            || number::<4>(sealed, 8) != VERSION as usize
            || *blake3::hash(sealed).as_bytes() != *seal
        {
            return Err(damaged("its header is not what was written"));
        }
        let [length, index, total] = [number::<4>(sealed, 12), number::<8>(sealed, 16), number::<8>(sealed, 24)];
        if map.len() != total {
            return Err(damaged(&format!("it has {} bytes instead of {total}", map.len())));
        }
        let rest = map.get(index..).ok_or_else(|| damaged("its index lies outside"))?;
        if *blake3::hash(rest).as_bytes() != sealed[64..96] {
            return Err(damaged("its index is not what was written"));
        }
        if sealed[32..64] != *identity {
            return Err(Unusable::Stale);
        }
        let corrupt = rest.get(length * PLACE..).and_then(|json| serde_json::from_slice(json).ok());
        let corrupt = corrupt.ok_or_else(|| damaged("its index is incomplete"))?;
        Ok(Self { map, index, length, corrupt })
    }

    /// Compares every picture with its checksum, in parallel; this reads the whole file.
    pub fn check_pictures(&self, watch: &mut Watcher<'_>) -> Result<(), Unusable> {
        let mut tell = |done| {
            let progress = Progress { stage: Stage::Comparing, done, all: self.length };
            progress.tell(watch).map_err(Unusable::Unknown)
        };
        for start in (0..self.length).step_by(AT_ONCE) {
            tell(start)?;
            let numbers = start..self.length.min(start + AT_ONCE);
            if let Some(number) = numbers.into_par_iter().find_any(|&number| !self.is_sound(number)) {
                return Err(Unusable::Damaged(format!("picture {number} (from 0) is not what was written")));
            }
        }
        tell(self.length)
    }

    /// Whether a picture has its checksum.
    fn is_sound(&self, number: usize) -> bool {
        let Place { offset, height, width, checksum, .. } = self.place(number);
        let pixels = self.map.get(offset..offset + height * width * 3);
        pixels.is_some_and(|pixels| short_hash(pixels) == checksum)
    }

    /// Number of pictures.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Length of the file in bytes.
    pub fn bytes(&self) -> usize {
        self.map.len()
    }

    /// Class of each picture.
    pub fn labels(&self) -> impl Iterator<Item = u16> {
        (0..self.length).map(|number| self.place(number).label)
    }

    /// One picture; panics if there are not that many.
    pub fn picture(&self, number: usize) -> Picture<'_> {
        let Place { offset, height, width, .. } = self.place(number);
        Picture { height, width, pixels: &self.map[offset..][..height * width * 3] }
    }

    /// Hash of the encoded file that a picture comes from.
    pub fn key(&self, number: usize) -> [u8; 16] {
        self.place(number).key
    }

    /// Hash of a picture's pixels.
    pub fn checksum(&self, number: usize) -> [u8; 16] {
        self.place(number).checksum
    }

    /// The files that could not be decoded, by their paths below the data folder.
    pub fn corrupt(&self) -> &[CorruptImage] {
        &self.corrupt
    }

    fn place(&self, number: usize) -> Place {
        let bytes = &self.map[self.index + number * PLACE..][..PLACE];
        let hash = |start: usize| std::array::from_fn(|index| bytes[start + index]);
        Place {
            offset: self::number::<8>(bytes, 0),
            height: self::number::<4>(bytes, 8),
            width: self::number::<4>(bytes, 12),
            label: self::number::<2>(bytes, 16) as u16,
            key: hash(18),
            checksum: hash(34),
        }
    }
}

/// The number of `N` bytes at `start`.
fn number<const N: usize>(bytes: &[u8], start: usize) -> usize {
    bytes[start..start + N].iter().rev().fold(0, |number, &byte| number << 8 | usize::from(byte))
}

/// Writes a cache file from front to back, and its header last.
pub struct PackWriter {
    file: BufWriter<File>,
    offset: u64,
    count: u32,
    index: Vec<u8>,
}

impl PackWriter {
    /// Begins a file that is empty.
    pub fn new(file: File) -> io::Result<Self> {
        let mut file = BufWriter::with_capacity(1 << 20, file);
        file.write_all(&[0; HEADER])?;
        Ok(Self { file, offset: HEADER as u64, count: 0, index: Vec::new() })
    }

    /// Adds a picture; `key` is the hash of its encoded file.
    pub fn add(&mut self, picture: &Rgb, label: u16, key: [u8; 16]) -> io::Result<()> {
        self.file.write_all(&picture.pixels)?;
        self.index.extend(self.offset.to_le_bytes());
        self.index.extend((picture.height as u32).to_le_bytes());
        self.index.extend((picture.width as u32).to_le_bytes());
        self.index.extend(label.to_le_bytes());
        self.index.extend(key);
        self.index.extend(short_hash(&picture.pixels));
        self.offset += picture.pixels.len() as u64;
        self.count += 1;
        Ok(())
    }

    /// Completes the file and waits until the disk has it.
    pub fn finish(mut self, identity: &Identity, corrupt: &[CorruptImage]) -> io::Result<()> {
        self.index.extend(serde_json::to_vec(corrupt)?);
        self.file.write_all(&self.index)?;
        let mut header = Vec::with_capacity(HEADER);
        header.extend(MARK);
        header.extend(VERSION.to_le_bytes());
        header.extend(self.count.to_le_bytes());
        header.extend(self.offset.to_le_bytes());
        header.extend((self.offset + self.index.len() as u64).to_le_bytes());
        header.extend(identity);
        header.extend(blake3::hash(&self.index).as_bytes());
        let seal = blake3::hash(&header);
        header.extend(seal.as_bytes());
        let mut file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&header)?;
        file.sync_all()
    }
}
