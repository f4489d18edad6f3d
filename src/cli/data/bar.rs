//! The bar that is shown while pictures are read: on a terminal; elsewhere, a line now and then.

use std::{
    ops::ControlFlow,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

use crate::{cli::tell, train::data::Watcher};

/// Time between plain progress lines where there is no terminal.
const PLAIN_INTERVAL: Duration = Duration::from_secs(15);

/// Does what may read pictures, and shows how far it is.
pub(super) fn behind<T>(work: impl FnOnce(&mut Watcher<'_>) -> T) -> T {
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {msg}, {eta} left") {
        bar.set_style(style);
    }
    let mut said = Instant::now();
    let result = work(&mut |progress| {
        bar.set_message(progress.to_string());
        bar.set_length(progress.all as u64);
        bar.set_position(progress.done as u64);
        if bar.is_hidden() && said.elapsed() >= PLAIN_INTERVAL {
            said = Instant::now();
            tell(&progress.to_string());
        }
        ControlFlow::Continue(())
    });
    bar.finish_and_clear();
    result
}
