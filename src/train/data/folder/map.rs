//! A file that is mapped into memory: the one place where the data sets need `unsafe`.

use std::{fs::File, io, ops::Deref};

use memmap2::Mmap;

/// The bytes of a file, read when they are looked at and shared by all processes that map it.
#[derive(Debug)]
pub struct Mapped(Mmap);

impl Mapped {
    /// Maps a file that nobody changes while it is mapped.
    pub fn new(file: &File) -> io::Result<Self> {
        // SAFETY: bytes that change under a shared slice are undefined behavior, so nothing may write to the file.
        // This program never does: caches are written beside, completed, and only then get the name under which they
        // are opened; a new one takes the name and leaves the mapped file as it is. Another program that cuts the file
        // short ends this process by SIGBUS, like any program that maps files.
        unsafe { Mmap::map(file) }.map(Self)
    }
}

impl Deref for Mapped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}
