//! `table` and `export`: from results to text and files.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::atomic::AtomicBool,
};

use super::{
    CliError,
    args::{ExportArgs, TableArgs, TableFormat},
    bundle, display,
    error::chain,
    print,
    results::Results,
    room::until_room,
    sweeps::{self, Planned},
    tell,
};
use crate::{
    plan::JobId,
    report::{self, Table},
    store::{EpochMetrics, Store},
    sweep::Sweep,
};

/// Prints tables from the results that are there.
pub fn table(args: &TableArgs) -> Result<(), CliError> {
    let planned = sweeps::read(&args.sweeps.files, args.sweeps.profile.as_deref())?;
    let results = Results::read(Store::open(&args.sweeps.store)?.as_ref(), &planned)?;
    let is_wanted = |table: &Table| args.table.as_ref().is_none_or(|name| *name == table.name);
    let (mut text, mut tables) = (String::new(), Vec::new());
    if args.format == TableFormat::Tidy {
        (0..planned.sweeps.len()).for_each(|index| text += &tidy(&planned, index, &results));
    }
    if args.format != TableFormat::Tidy || args.verify {
        tables = all(&planned, &results).into_iter().flatten().filter(is_wanted).collect();
    }
    if args.format != TableFormat::Tidy {
        text = tables.iter().map(|table| render(table, args.format)).collect::<Vec<_>>().join("\n");
    }
    if let (true, Some(name)) = (text.is_empty(), &args.table) {
        let known: Vec<&str> =
            planned.sweeps.iter().flat_map(|sweep| &sweep.tables).map(|table| table.name.as_str()).collect();
        return Err(CliError::input(format!("there is no table {name}; the tables are: {}", known.join(", "))));
    }
    print(&text)?;
    if args.verify { verify(&tables.iter().collect::<Vec<_>>(), true) } else { Ok(()) }
}

/// Says how many cells are within tolerance of the published numbers, if there are any, and fails if one is not;
/// missing ones fail only if all are `wanted`.
pub fn verify(tables: &[&Table], wanted: bool) -> Result<(), CliError> {
    let published = tables.iter().flat_map(|table| table.cells()).filter(|cell| cell.published.is_some()).count();
    let (within, compared) =
        tables.iter().map(|table| table.reproduced()).fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    if published == 0 {
        return if wanted { Err(CliError::input("no table has published numbers in this profile")) } else { Ok(()) };
    }
    tell(&format!(
        "{within} of {compared} cells within tolerance of the published numbers, {} to come",
        published - compared
    ));
    if within < compared || wanted && compared < published { Err(CliError::silent()) } else { Ok(()) }
}

/// The tables of each sweep, filled with the results that are there.
pub fn all(planned: &Planned, results: &Results) -> Vec<Vec<Table>> {
    let view = |job| results.view(job);
    let of_sweep = |(index, sweep): (usize, &Sweep)| {
        sweep.tables.iter().map(|spec| Table::new(sweep, index, &planned.plan, spec, &view)).collect()
    };
    planned.sweeps.iter().enumerate().map(of_sweep).collect()
}

/// Prints every table of every sweep, an empty line before each and after the last.
pub fn print_all(tables: &[Vec<Table>]) -> Result<(), CliError> {
    for table in tables.iter().flatten() {
        print(&format!("\n{}", render(table, TableFormat::Terminal)))?;
    }
    print("\n")
}

fn render(table: &Table, format: TableFormat) -> String {
    match format {
        TableFormat::Terminal => {
            let (width, color) = display::table_style();
            report::terminal(table, width, color)
        }
        TableFormat::Markdown => report::markdown(table),
        TableFormat::Latex => report::latex(table),
        TableFormat::Csv | TableFormat::Tidy => report::table_csv(table),
    }
}

fn tidy(planned: &Planned, index: usize, results: &Results) -> String {
    let sweep = &planned.sweeps[index];
    report::tidy_csv(&planned.names[index], sweep, index, &planned.plan, &|job| results.view(job))
}

/// Writes all tables and the tidy CSV.
pub fn export(args: &ExportArgs) -> Result<(), CliError> {
    let planned = sweeps::read(&args.sweeps.files, args.sweeps.profile.as_deref())?;
    if let Some(out) = &args.bundle {
        return bundle::bundle(args, &planned, out);
    }
    let store = match &args.out {
        Some(_) => Store::open(&args.sweeps.store)?,
        None => Some(Store::create(&args.sweeps.store)?),
    };
    let results = Results::read(store.as_ref(), &planned)?;
    let tables = all(&planned, &results);
    match (&args.out, &store) {
        (Some(out), _) => write_files(&planned, &tables, &results, store.as_ref(), &mut |sweep, file, bytes| {
            let folder = if planned.names.len() == 1 { out.clone() } else { out.join(sweep) };
            let path = folder.join(file);
            fs::create_dir_all(&folder)
                .and_then(|()| fs::write(&path, bytes))
                .map_err(|error| CliError::failed(format!("cannot write {}: {}", path.display(), chain(&error))))
        })?,
        (None, Some(store)) => write_to_store(&planned, &tables, &results, store)?,
        (None, None) => {}
    }
    let place = args.out.clone().unwrap_or_else(|| args.sweeps.store.join("tables"));
    print(&format!("written to {}\n", place.display()))
}

/// Writes all tables and the tidy CSV into the store's folder for exports.
pub fn write_to_store(
    planned: &Planned,
    tables: &[Vec<Table>],
    results: &Results,
    store: &Store,
) -> Result<(), CliError> {
    write_files(planned, tables, results, Some(store), &mut |sweep, file, bytes| {
        // Nobody but a person can stop this, and that ends the process.
        let never = AtomicBool::new(false);
        until_room(&never, tell, || store.export(sweep, file, bytes))?;
        Ok(())
    })
}

/// Where the exports of a single sweep lie, for people.
pub fn place(store: &Path, names: &[String]) -> String {
    match names {
        [name] => store.join("tables").join(name).display().to_string(),
        _ => store.join("tables").display().to_string(),
    }
}

/// Takes a file of a sweep: the sweep's name, the file's, its content.
pub type Write<'a> = dyn FnMut(&str, &str, &[u8]) -> Result<(), CliError> + 'a;

/// Hands over all files of all sweeps.
pub fn write_files(
    planned: &Planned,
    tables: &[Vec<Table>],
    results: &Results,
    store: Option<&Store>,
    write: &mut Write,
) -> Result<(), CliError> {
    // From the root of the store, so that a store gives the same page wherever it lies.
    let log = |job| {
        let path = store?.log_path(job);
        Some(path.strip_prefix(store?.root()).unwrap_or(&path).display().to_string())
    };
    for (index, (name, tables)) in planned.names.iter().zip(tables).enumerate() {
        for table in tables {
            write(name, &format!("{}.md", table.name), report::markdown(table).as_bytes())?;
            write(name, &format!("{}.tex", table.name), report::latex(table).as_bytes())?;
            write(name, &format!("{}.csv", table.name), report::table_csv(table).as_bytes())?;
            if let Some(figure) = report::figure(&planned.sweeps[index], table) {
                write_drawing(name, &table.name, &figure, write)?;
            }
        }
        let (sweep, view) = (&planned.sweeps[index], |job| results.view(job));
        let curves = report::curves(sweep, index, &planned.plan, &epochs(planned, index, store));
        for each in &curves {
            write_drawing(name, each.name, &each.svg, write)?;
        }
        let page = report::html(sweep, index, &planned.plan, tables, &curves, &view, &log);
        write(name, "index.html", page.as_bytes())?;
        write(name, "jobs.csv", tidy(planned, index, results).as_bytes())?;
    }
    Ok(())
}

/// What the pretraining jobs of one of the sweeps wrote after each epoch; damage is said on standard error.
fn epochs(planned: &Planned, index: usize, store: Option<&Store>) -> BTreeMap<JobId, EpochMetrics> {
    let trials = planned.plan.trials.iter().filter(|trial| trial.sweep == index);
    let jobs: BTreeSet<JobId> = trials.map(|trial| trial.pretrain).collect();
    let read = |job| {
        let store = store?;
        let found = store.epochs(job);
        let problem = match &found {
            Ok(found) => found.as_ref().and_then(|found| found.problem.clone()),
            Err(error) => Some(chain(error)),
        };
        if let Some(problem) = problem {
            tell(&format!(
                "warning: {}: {problem}; learning curves leave out what follows",
                store.metrics_path(job).display()
            ));
        }
        Some((job, found.ok()??))
    };
    jobs.into_iter().filter_map(read).collect()
}

/// Writes a drawing as SVG and as PNG, and says what only the first can show.
fn write_drawing(sweep: &str, name: &str, svg: &str, write: &mut Write) -> Result<(), CliError> {
    write(sweep, &format!("{name}.svg"), svg.as_bytes())?;
    let not_drawn: String = report::not_drawn(svg).into_iter().collect();
    if !not_drawn.is_empty() {
        tell(&format!("warning: {name}.png shows boxes for {not_drawn}; {name}.svg shows them where a font has them"));
    }
    let png = report::png(svg).map_err(|why| CliError::failed(format!("cannot draw {name}.png: {why}")))?;
    write(sweep, &format!("{name}.png"), &png)
}
