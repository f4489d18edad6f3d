//! How far the reading of pictures is, and whether it is to go on.

use std::{fmt, ops::ControlFlow};

use super::{Error, ErrorKind};

/// Told how far the reading of pictures is, again and again; breaks to stop it.
pub type Watcher<'a> = dyn FnMut(Progress) -> ControlFlow<()> + 'a;

/// A watcher that lets everything go on.
pub fn unwatched(_: Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// How far the pictures of a split are; shown in a few words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// What is being done with them.
    pub stage: Stage,
    /// Number of pictures with which it is done.
    pub done: usize,
    /// Number of pictures in all.
    pub all: usize,
}

/// What takes its time with many pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Waiting for another process that builds the same cache.
    Waiting,
    /// Decoding them into a cache.
    Decoding,
    /// Comparing those in a cache with their checksums.
    Comparing,
}

impl Progress {
    /// Tells the watcher, and fails if it breaks.
    pub(super) fn tell(self, watch: &mut Watcher<'_>) -> Result<(), Error> {
        match watch(self) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(ErrorKind::Stopped.into()),
        }
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stage, done, all } = self;
        match stage {
            Stage::Waiting => write!(f, "waiting for another process that decodes {all} pictures"),
            Stage::Decoding => write!(f, "decoded {done} of {all} pictures"),
            Stage::Comparing => write!(f, "compared {done} of {all} pictures with their checksums"),
        }
    }
}
