//! `data`: the data sets: what there is, getting it, checking it, looking at it.

mod bar;
mod histogram;
mod show;

use std::path::{Path, PathBuf};

use clap::{Subcommand, ValueEnum};
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};

use super::{CliError, error::chain, print, tell};
use crate::{
    recipe::DataSource,
    train::data::{
        self, Summary,
        download::{self, Download, Outcome, Patience},
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
        /// Another address of the same archive, such as a mirror; of a folder, if the data set has several files
        #[arg(long, value_name = "URL")]
        from: Option<String>,
    },
    /// Check the files of a data set, every image in them; pictures are decoded into their cache, or those in it
    /// compared with its checksums
    Verify {
        /// The data set; without one, the class folders of pictures in the data folder
        name: Option<Name>,
        /// Where it is.
        #[command(flatten)]
        folder: Folder,
    },
    /// Draw a contact sheet: a row per class, images as they are on the left, random views of the first on the right
    Show {
        /// What is shown.
        #[command(flatten)]
        shown: Shown,
        /// Classes, the first of them
        #[arg(long, value_name = "N", default_value = "100", value_parser = clap::value_parser!(u16).range(1..))]
        classes: u16,
        /// Images per class
        #[arg(long, value_name = "N", default_value = "4", value_parser = clap::value_parser!(u16).range(1..=50))]
        images: u16,
        /// Random views per class, first and second of a pair in turn; 0 leaves augmentation out
        #[arg(long, value_name = "N", default_value = "6", value_parser = clap::value_parser!(u16).range(0..=50))]
        views: u16,
        /// Augment as the trials of this sweep file do [default: crop, flip, color jitter of strength 0.5, grayscale]
        #[arg(long, value_name = "FILE")]
        sweep: Option<PathBuf>,
        /// Number of the trial of the sweep file, from 0
        #[arg(long, value_name = "N", default_value = "0", requires = "sweep")]
        trial: usize,
        /// Show what each transformation does by itself instead, a row each, like the paper's Figure 4
        #[arg(long, conflicts_with_all = ["classes", "images", "views"])]
        each: bool,
        /// The picture
        #[arg(long, value_name = "FILE", default_value = "contact-sheet.png")]
        out: PathBuf,
    },
    /// Draw the paper's Figure 6: histograms of pixel intensities of crops, without and with color distortion
    Histogram {
        /// What is shown.
        #[command(flatten)]
        shown: Shown,
        /// Images, the first of as many classes
        #[arg(long, value_name = "N", default_value = "2", value_parser = clap::value_parser!(u16).range(1..=50))]
        images: u16,
        /// Random crops per image
        #[arg(long, value_name = "N", default_value = "5", value_parser = clap::value_parser!(u16).range(1..=50))]
        crops: u16,
        /// Seed of the crops
        #[arg(long, value_name = "N", default_value = "0")]
        seed: u64,
        /// Folder for histogram.svg, histogram.png and histogram.csv
        #[arg(long, value_name = "DIR")]
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

/// Images to look at.
#[derive(Debug, clap::Args)]
struct Shown {
    /// The data set; without one, the class folders of pictures in the data folder
    name: Option<Name>,
    /// Where it is.
    #[command(flatten)]
    folder: Folder,
    /// Height and width in pixels of what is shown of pictures in class folders
    #[arg(long, value_name = "N", default_value_t = VIEW, conflicts_with = "name", value_parser = clap::value_parser!(u16).range(8..=1024))]
    size: u16,
}

impl Shown {
    fn source(&self) -> Result<DataSource, CliError> {
        match self.name {
            Some(name) => Ok(name.into()),
            None => pictures(&self.folder.data_dir, self.size),
        }
    }
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
    /// MNIST
    Mnist,
    /// Fashion-MNIST
    FashionMnist,
    /// Kuzushiji-MNIST
    #[value(name = "kmnist")]
    KMnist,
    /// PASCAL VOC 2007
    Voc2007,
}

impl From<Name> for DataSource {
    fn from(name: Name) -> Self {
        match name {
            Name::Shapes => Self::Shapes,
            Name::Cifar10 => Self::Cifar10,
            Name::Cifar100 => Self::Cifar100,
            Name::Mnist => Self::Mnist,
            Name::FashionMnist => Self::FashionMnist,
            Name::KMnist => Self::KMnist,
            Name::Voc2007 => Self::Voc2007,
        }
    }
}

/// The data sets that the command line has names for.
pub fn named() -> impl Iterator<Item = DataSource> {
    Name::value_variants().iter().map(|&name| name.into())
}

/// Runs a `data` command.
pub fn run(args: &Args) -> Result<(), CliError> {
    match &args.command {
        Command::List { folder } => list(&folder.data_dir),
        Command::Get { name, folder, from } => get((*name).into(), &folder.data_dir, from.as_deref()),
        Command::Verify { name: Some(name), folder } => verify((*name).into(), &folder.data_dir),
        Command::Verify { name: None, folder } => verify_pictures(&folder.data_dir),
        Command::Show { shown, classes, images, views, sweep, trial, each, out } => {
            let of_trial = sweep.as_deref().map(|file| show::of_trial(file, *trial)).transpose()?;
            let (source, folder) = (shown.source()?, &shown.folder.data_dir);
            if *each {
                show::each(source, of_trial, folder, out)
            } else {
                let [classes, images, views] = [classes, images, views].map(|&number| number.into());
                let augmentation = of_trial.unwrap_or_else(show::simclr);
                show::pairs(&show::Sheet { source, classes, images, views, augmentation }, folder, out)
            }
        }
        Command::Histogram { shown, images, crops, seed, out } => {
            let choice = histogram::Choice { images: (*images).into(), crops: (*crops).into(), seed: *seed };
            histogram::write(shown.source()?, &choice, &shown.folder.data_dir, out)
        }
    }
}

fn list(folder: &Path) -> Result<(), CliError> {
    let mut text = String::from("name          classes  pixels   train   test  where\n");
    for source in named() {
        let (size, (train, test)) = (source.image_size(), source.available());
        let (name, classes, place) = (source.name(), source.classes(), place(source, folder));
        let pixels = if source.is_pictures() { "any".to_owned() } else { format!("{size} × {size}") };
        text += &format!("{name:<14}{classes:>7}  {pixels:>7}  {train:>6} {test:>6}  {place}\n");
    }
    match data::describe(folder, VIEW.into()) {
        Some(Ok(source)) => {
            let ((train, test), classes) = (source.available(), source.classes());
            text += &format!("Folder        {classes:>7}      any  {train:>6} {test:>6}  {}\n", folder.display());
        }
        Some(Err(error)) => text += &format!("Folder: {}\n", chain(&error)),
        None => {}
    }
    print(&text)
}

/// Size of the views of pictures unless another is asked for, as in the paper.
const VIEW: u16 = 224;

/// Where a data set is, or how to come by it.
fn place(source: DataSource, folder: &Path) -> String {
    let name = source.command_name();
    match data::check(source, 0, Some(folder)) {
        Ok(Summary { folder: None, .. }) => "generated when needed".to_owned(),
        Ok(Summary { folder: Some(found), train_images, test_images, .. }) => {
            let all = (train_images, test_images) == source.available();
            let part = if all { String::new() } else { format!(" ({train_images} + {test_images} images)") };
            format!("{}{part}", found.display())
        }
        Err(error) if error.is_absence() => {
            let how = if source.is_pictures() { "says how" } else { "gets it" };
            format!("not in {}; ablate data get {name} {how}", folder.display())
        }
        Err(_) => format!("damaged in {}; ablate data verify {name} says more", folder.display()),
    }
}

/// Bytes between plain progress lines where there is no terminal.
const PLAIN_INTERVAL: u64 = 16 << 20;

fn get(source: DataSource, folder: &Path, from: Option<&str>) -> Result<(), CliError> {
    let mut downloads = Download::official(source).map_err(get_error)?;
    match (from, downloads.as_mut_slice()) {
        (Some(url), [archive]) => archive.url = url.to_owned(),
        (Some(url), files) => {
            files.iter_mut().for_each(|file| file.url = format!("{}/{}", url.trim_end_matches('/'), file.archive_name));
        }
        (None, _) => {}
    }
    let name = source.name();
    let first = downloads.first().map(|download| download.url.as_str()).unwrap_or_default();
    tell(&format!("looking for {name} in {}, then at {first}", folder.display()));
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left") {
        bar.set_style(style);
    }
    let mut said = 0;
    let result = download::get(&downloads, folder, Patience::USUAL, &mut |done, total| {
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
        source.command_name()
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
    let summary = bar::behind(|watch| data::inspect(source, Some(folder), watch));
    let summary = summary.map_err(|error| CliError::failed(chain(&error)))?;
    let place = summary.folder.map_or_else(|| "generated".to_owned(), |folder| folder.display().to_string());
    let (train, test) = (summary.train_images, summary.test_images);
    print(&format!("{}: {train} training and {test} test images, {place}\n", source.name()))?;
    summary.notes.iter().for_each(|note| tell(note));
    if summary.left_out.is_empty() {
        return Ok(());
    }
    for image in &summary.left_out {
        print(&format!("corrupt: {image}\n"))?;
    }
    let count = summary.left_out.len();
    Err(CliError::failed(format!(
        "{count} corrupt: replace them, or allow them by `data.corrupt_images` in the recipe"
    )))
}

/// The pictures in class folders, to be seen at a size.
fn pictures(folder: &Path, size: u16) -> Result<DataSource, CliError> {
    let Some(described) = data::describe(folder, size.into()) else {
        return Err(CliError::input(format!(
            "{} has no folder `train` of class folders; name a known data set, or another folder by --data-dir",
            folder.display()
        )));
    };
    described.map_err(|error| CliError::failed(chain(&error)))
}

/// Checks the pictures in class folders, and says how to write them in a recipe.
fn verify_pictures(folder: &Path) -> Result<(), CliError> {
    let source = pictures(folder, VIEW)?;
    if let DataSource::Folder { classes, size, images: (train, test), contents: (first, second), .. } = source {
        print(&format!(
            "source: Folder(classes: {classes}, size: {size}, images: ({train}, {test}), contents: ({first:#x}, {second:#x}))\n"
        ))?;
    }
    verify(source, folder)
}
