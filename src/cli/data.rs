//! `data`: the data sets: what there is, getting it, checking it, looking at it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::{Subcommand, ValueEnum};
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};

use super::{CliError, error::chain, print, sweeps, tell};
use crate::{
    recipe::{DataSource, Interpolation, Transform},
    train::{
        augment::augment,
        contact_sheet::{Rgb8Image, contact_sheet},
        data::{
            self, Images, Split, Summary,
            download::{self, Download, Outcome, Patience},
        },
        random::{Purpose, Stream},
    },
};

/// Arguments of `data`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to do
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the data sets that sweeps can use, and where they are
    List {
        /// Where to look.
        #[command(flatten)]
        folder: Folder,
    },
    /// Download a data set from its official address
    Get {
        /// The data set
        name: Name,
        /// Where to put it.
        #[command(flatten)]
        folder: Folder,
        /// Another address of the same archive, such as a mirror
        #[arg(long, value_name = "URL")]
        from: Option<String>,
    },
    /// Check the files of a data set
    Verify {
        /// The data set
        name: Name,
        /// Where it is.
        #[command(flatten)]
        folder: Folder,
    },
    /// Draw a contact sheet: a row per class, images as they are on the left, random views of the first on the right
    Show {
        /// The data set
        name: Name,
        /// Where it is.
        #[command(flatten)]
        folder: Folder,
        /// Images per class
        #[arg(long, value_name = "N", default_value = "4", value_parser = clap::value_parser!(u16).range(1..=50))]
        images: u16,
        /// Random views per class; 0 leaves augmentation out
        #[arg(long, value_name = "N", default_value = "6", value_parser = clap::value_parser!(u16).range(0..=50))]
        views: u16,
        /// Augment as the trials of this sweep file do [default: crop, flip, color jitter of strength 0.5, grayscale]
        #[arg(long, value_name = "FILE")]
        sweep: Option<PathBuf>,
        /// Number of the trial of the sweep file, from 0
        #[arg(long, value_name = "N", default_value = "0", requires = "sweep")]
        trial: usize,
        /// The picture
        #[arg(long, value_name = "FILE", default_value = "contact-sheet.png")]
        out: PathBuf,
    },
}

/// The folder of the data files.
#[derive(Debug, clap::Args)]
struct Folder {
    /// Folder of the data files
    #[arg(long, value_name = "DIR", env = "ABLATE_DATA_DIR", default_value = "data")]
    data_dir: PathBuf,
}

/// A data set's name on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Name {
    /// Generated: ten shapes in random colors
    Shapes,
    /// CIFAR-10
    Cifar10,
    /// CIFAR-100
    Cifar100,
}

impl From<Name> for DataSource {
    fn from(name: Name) -> Self {
        match name {
            Name::Shapes => Self::Shapes,
            Name::Cifar10 => Self::Cifar10,
            Name::Cifar100 => Self::Cifar100,
        }
    }
}

/// Runs a `data` command.
pub fn run(args: &Args) -> Result<(), CliError> {
    match &args.command {
        Command::List { folder } => list(&folder.data_dir),
        Command::Get { name, folder, from } => get((*name).into(), &folder.data_dir, from.as_deref()),
        Command::Verify { name, folder } => verify((*name).into(), &folder.data_dir),
        Command::Show { name, folder, images, views, sweep, trial, out } => {
            let transforms = match sweep {
                None => simclr(),
                Some(file) => of_trial(file, *trial)?,
            };
            let sheet = Sheet { source: (*name).into(), images: (*images).into(), views: (*views).into(), transforms };
            show(&sheet, &folder.data_dir, out)
        }
    }
}

fn list(folder: &Path) -> Result<(), CliError> {
    let mut text = String::from("name      classes  pixels   train   test  where\n");
    for source in [DataSource::Shapes, DataSource::Cifar10, DataSource::Cifar100] {
        let (size, (train, test)) = (source.image_size(), source.available());
        let (name, classes, place) = (source.name(), source.classes(), place(source, folder));
        text += &format!("{name:<10}{classes:>7}  {size} × {size}  {train:>6} {test:>6}  {place}\n");
    }
    print(&text)
}

/// Where a data set is, or how to come by it.
fn place(source: DataSource, folder: &Path) -> String {
    use data::ErrorKind::{MissingFile, MissingFolder};
    let name = source.name().to_lowercase();
    match data::verify(source, Some(folder)) {
        Ok(Summary { folder: None, .. }) => "generated when needed".to_owned(),
        Ok(Summary { folder: Some(found), train_images, test_images }) => {
            let all = (train_images, test_images) == source.available();
            let part = if all { String::new() } else { format!(" ({train_images} + {test_images} images)") };
            format!("{}{part}", found.display())
        }
        Err(error) if matches!(error.kind, MissingFolder { .. } | MissingFile { .. }) => {
            format!("not in {}; ablate data get {name}", folder.display())
        }
        Err(_) => format!("damaged in {}; ablate data verify {name} says more", folder.display()),
    }
}

/// Bytes between plain progress lines where there is no terminal.
const PLAIN_INTERVAL: u64 = 16 << 20;

fn get(source: DataSource, folder: &Path, from: Option<&str>) -> Result<(), CliError> {
    let mut download = Download::official(source).map_err(get_error)?;
    if let Some(url) = from {
        download.url = url.to_owned();
    }
    let name = source.name();
    tell(&format!("looking for {name} in {}, then at {}", folder.display(), download.url));
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left") {
        bar.set_style(style);
    }
    let mut said = 0;
    let result = download::get(&download, folder, Patience::USUAL, &mut |done, total| {
        bar.set_length(total.unwrap_or(done));
        bar.set_position(done);
        if bar.is_hidden() && done >= said + PLAIN_INTERVAL {
            said = done;
            let of_total = total.map(|total| format!(" of {}", HumanBytes(total))).unwrap_or_default();
            tell(&format!("{}{of_total}", HumanBytes(done)));
        }
    });
    bar.finish_and_clear();
    let (state, summary) = match result.map_err(get_error)? {
        Outcome::Kept(summary) => ("there already", summary),
        Outcome::Unpacked(summary) => ("ready", summary),
    };
    let (place, folder) = (summary.folder.as_deref().unwrap_or(folder).display(), folder.display());
    print(&format!(
        "{name} is {state} in {place}: {} training and {} test images\n\
         next: ablate data show {} --data-dir {folder}, or ablate run with --data-dir {folder}\n",
        summary.train_images,
        summary.test_images,
        name.to_lowercase()
    ))
}

/// A wrong request is wrong input; whatever else keeps a data set away is a failure.
fn get_error(error: download::Error) -> CliError {
    use download::ErrorKind::{Address, NothingToGet};
    match error.kind {
        Address { .. } | NothingToGet { .. } => CliError::input(chain(&error)),
        _ => CliError::failed(chain(&error)),
    }
}

fn verify(source: DataSource, folder: &Path) -> Result<(), CliError> {
    let summary = data::verify(source, Some(folder)).map_err(|error| CliError::failed(chain(&error)))?;
    let place = summary.folder.map_or_else(|| "generated".to_owned(), |folder| folder.display().to_string());
    let (train, test) = (summary.train_images, summary.test_images);
    print(&format!("{}: {train} training and {test} test images, {place}\n", source.name()))
}

struct Sheet {
    source: DataSource,
    images: usize,
    views: usize,
    transforms: Vec<Transform>,
}

fn show(sheet: &Sheet, folder: &Path, out: &Path) -> Result<(), CliError> {
    let count = sheet.images * sheet.source.classes();
    let images =
        data::load(sheet.source, Split::Train, count, Some(folder)).map_err(|error| CliError::input(chain(&error)))?;
    let rows: Vec<Vec<Rgb8Image>> = (0..images.classes).map(|class| row(&images, class, sheet)).collect();
    let png = contact_sheet(&rows).map_err(|error| CliError::failed(format!("cannot draw the sheet: {error}")))?;
    fs::write(out, png)
        .map_err(|error| CliError::failed(format!("cannot write {}, choose another --out: {error}", out.display())))?;
    print(&format!(
        "{}: {} rows ({}), {} images each, then {} views of the first by {} transformations\n",
        out.display(),
        images.classes,
        images.class_names.join(", "),
        sheet.images,
        sheet.views,
        sheet.transforms.len()
    ))
}

/// One class: its images, then views of the first of them.
fn row(images: &Images, class: usize, sheet: &Sheet) -> Vec<Rgb8Image> {
    let of_class: Vec<usize> = (0..images.len()).filter(|&index| usize::from(images.labels[index]) == class).collect();
    let mut row: Vec<Rgb8Image> =
        of_class.iter().map(|&index| Rgb8Image::new(images.size, images.image(index))).collect();
    let Some(&first) = of_class.first() else { return row };
    for number in 0..sheet.views {
        let mut view = vec![0.0; images.size * images.size * 3];
        let mut stream = Stream::new(0, Purpose::Augmentation, [0, first as u64], number as u32);
        augment(images, first, &sheet.transforms, &mut stream, &mut view);
        row.push(Rgb8Image::from_unit(images.size, &view));
    }
    row
}

/// SimCLR's augmentation as the paper uses it on CIFAR-10 (appendix B.9).
fn simclr() -> Vec<Transform> {
    let interpolation = Interpolation::Bicubic;
    vec![
        Transform::RandomResizedCrop { area: (0.08, 1.0), aspect: (3.0 / 4.0, 4.0 / 3.0), interpolation },
        Transform::HorizontalFlip { probability: 0.5 },
        Transform::ColorJitter { strength: 0.5, probability: 0.8 },
        Transform::Grayscale { probability: 0.2 },
    ]
}

/// The augmentation of one trial of a sweep file.
fn of_trial(file: &Path, number: usize) -> Result<Vec<Transform>, CliError> {
    let planned = sweeps::read(&[file.to_owned()])?;
    let sweep = &planned.sweeps[0];
    if let Some(trial) = sweep.trials().nth(number) {
        return Ok(trial.recipe.augmentation);
    }
    let labels = sweep.trials().take(100).enumerate().map(|(number, trial)| {
        let values = sweep.axes.iter().zip(&trial.point).map(|(axis, &value)| axis.values[value].label.as_str());
        format!("  {number}  {}", values.collect::<Vec<_>>().join(", "))
    });
    let list: Vec<String> = labels.collect();
    Err(CliError::input(format!("{} has no trial {number}; its trials are:\n{}", file.display(), list.join("\n"))))
}
