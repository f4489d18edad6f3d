//! `watch`: how far sweep files are, again and again until the run at work has ended.

use std::{thread, time::Duration};

use console::Term;

use super::{
    CliError,
    args::StoreArgs,
    display,
    inspect::overview,
    print_if_read,
    results::{self, Results},
    sweeps::{self, Planned},
    tables,
};
use crate::{report, store::Store};

/// Time between two looks.
const PAUSE: Duration = Duration::from_secs(2);

/// Shows the overview and the tables, on a terminal in place, elsewhere whenever they change.
pub fn watch(args: &StoreArgs) -> Result<(), CliError> {
    let planned = sweeps::read(&args.files, args.profile.as_deref())?;
    let store = results::open(&args.store)?;
    let terminal = Term::stdout();
    let mut before = String::new();
    loop {
        // Asked before the store is read, so that the last look sees all that the run did.
        let at_work = store.in_use_since()?.is_some();
        let text = look(&planned, &store)?;
        let shown = match terminal.is_term() {
            true => {
                let page = page(&text, usize::from(terminal.size().0));
                terminal
                    .clear_screen()
                    .map_err(|error| CliError::failed(format!("cannot write to the terminal: {error}")))?;
                print_if_read(&page)?
            }
            false if text != before => print_if_read(&format!("{text}\n"))?,
            false => true,
        };
        if !at_work || !shown {
            return Ok(());
        }
        before = text;
        thread::sleep(PAUSE);
    }
}

fn look(planned: &Planned, store: &Store) -> Result<String, CliError> {
    // What cannot be read is said by the other commands; here it would only disturb the picture.
    let results = Results::glance(store, planned)?;
    let mut text = overview(planned, &results, Some(store))?;
    let (width, color) = display::table_style();
    for table in tables::all(planned, &results).into_iter().flatten() {
        text += &format!("\n{}", report::terminal(&table, width, color));
    }
    Ok(text)
}

/// As much of a text as a terminal of so many rows shows, the beginning; the last row is the cursor's.
fn page(text: &str, rows: usize) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let room = rows.saturating_sub(1).max(1);
    if lines.len() <= room {
        return format!("{}\n", lines.join("\n"));
    }
    let shown = room - 1;
    format!("{}\n… {} more lines; `ablate table` shows all\n", lines[..shown].join("\n"), lines.len() - shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_fits_the_terminal() {
        let text = (1..=10).map(|number| format!("{number}\n")).collect::<String>();
        assert_eq!(page(&text, 11), text);
        assert_eq!(page(&text, 5), "1\n2\n3\n… 7 more lines; `ablate table` shows all\n");
        assert!([0, 1, 2].iter().all(|&rows| page(&text, rows).lines().count() <= 2));
    }
}
