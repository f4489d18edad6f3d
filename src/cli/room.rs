//! Waits for room on a full disk, instead of giving up what was computed.

use std::{
    error::Error,
    io,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

/// Time between two tries.
const PAUSE: Duration = Duration::from_millis(500);
/// Time between two words about it.
const SAY_AGAIN: Duration = Duration::from_secs(20);

/// Does `work`, again and again while the disk has no room for it, and `says` why it waits. Gives up when told to
/// `stop`, with the error that says what there is no room for.
pub fn until_room<T, E: Error + 'static>(
    stop: &AtomicBool,
    mut say: impl FnMut(&str),
    mut work: impl FnMut() -> Result<T, E>,
) -> Result<T, E> {
    let mut said: Option<Instant> = None;
    loop {
        match work() {
            Err(error) if is_full(&error) && !stop.load(Ordering::Relaxed) => {
                if said.is_none_or(|said| said.elapsed() >= SAY_AGAIN) {
                    said = Some(Instant::now());
                    say(&format!("waiting for room on the disk: {}", super::error::chain(&error)));
                }
                thread::sleep(PAUSE);
            }
            result => return result,
        }
    }
}

/// Whether the reason of an error is that the disk, or the user's share of it, is full.
pub fn is_full(error: &(dyn Error + 'static)) -> bool {
    let mut reason = Some(error);
    while let Some(error) = reason {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
        }
        reason = error.source();
    }
    false
}

/// An error about a file, for people.
pub fn cannot_write(path: &Path, error: &io::Error) -> String {
    format!("cannot write {}: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn full() -> io::Error {
        io::Error::from(io::ErrorKind::StorageFull)
    }

    #[test]
    fn work_goes_on_when_there_is_room_and_the_wait_is_said_once() {
        let (mut tries, mut said) = (0, vec![]);
        let result = until_room(
            &AtomicBool::new(false),
            |text| said.push(text.to_owned()),
            || {
                tries += 1;
                if tries < 3 { Err(full()) } else { Ok(tries) }
            },
        );
        assert_eq!(result.unwrap(), 3);
        assert_eq!(said, ["waiting for room on the disk: no storage space"]);
    }

    #[test]
    fn a_stop_and_other_errors_end_the_wait() {
        let give_up = |stop: bool, error: io::ErrorKind| {
            until_room(&AtomicBool::new(stop), |_| {}, || Err::<(), _>(io::Error::from(error))).unwrap_err().kind()
        };
        assert_eq!(give_up(true, io::ErrorKind::StorageFull), io::ErrorKind::StorageFull);
        assert_eq!(give_up(false, io::ErrorKind::PermissionDenied), io::ErrorKind::PermissionDenied);
    }

    #[test]
    fn a_full_disk_is_recognized_below_other_errors() {
        let store_error = crate::store::Error::from(crate::store::ErrorKind::Io {
            action: "write",
            path: "record.json".into(),
            source: full(),
        });
        assert!(is_full(&store_error));
        assert!(is_full(&io::Error::from(io::ErrorKind::QuotaExceeded)));
        assert!(!is_full(&io::Error::from(io::ErrorKind::NotFound)));
    }
}
