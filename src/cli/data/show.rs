//! `data show`: a data set and what augmentation does to it, as a contact sheet.

use std::{fs, iter, path::Path};

use super::bar;
use crate::{
    cli::{CliError, error::chain, print, sweeps, tell},
    recipe::{Augmentation, BoxSampling, Brightness, DataSource, Interpolation, JitterOrder, Policy, Transform},
    train::{
        augment::views,
        contact_sheet::{Rgb8Image, Row, contact_sheet},
        data::{self, ErrorKind, Images, Loaded, Part, Split},
        random::{Purpose, Stream},
    },
};

/// What a sheet of pairs shows.
pub(super) struct Sheet {
    /// Where the images come from.
    pub source: DataSource,
    /// Most classes, the first of them.
    pub classes: usize,
    /// Images per class.
    pub images: usize,
    /// Views of the first image of each class, first and second views in turn.
    pub views: usize,
    /// How they are made.
    pub augmentation: Augmentation,
}

/// Images in each row of a sheet of single transformations, each of another class.
const COLUMNS: usize = 8;

/// Draws a row per class: images as they are, then views of the first.
pub(super) fn pairs(sheet: &Sheet, folder: &Path, out: &Path) -> Result<(), CliError> {
    let images = load(sheet.source, sheet.images * sheet.source.classes(), folder)?;
    let rows: Vec<Row> = (0..images.classes.min(sheet.classes)).map(|class| pairs_of(&images, class, sheet)).collect();
    write(&rows, out)?;
    let Augmentation { both, first, second } = &sheet.augmentation;
    let mut lists = String::new();
    for (whose, transforms) in [("each view", both), ("first view", first), ("second view", second)] {
        if !transforms.is_empty() {
            let names: Vec<&str> = transforms.iter().map(Transform::name).collect();
            lists += &format!("{whose}: {}\n", names.join(", "));
        }
    }
    print(&format!(
        "{}: {} of {} classes ({}), {} images each, then {} views of the first\n{lists}",
        out.display(),
        rows.len(),
        images.classes,
        images.class_names[..rows.len()].join(", "),
        sheet.images,
        sheet.views,
    ))
}

/// One class: its images, then views of the first of them.
fn pairs_of(images: &Images, class: usize, sheet: &Sheet) -> Row {
    let of_class: Vec<usize> = (0..images.len()).filter(|&index| usize::from(images.labels[index]) == class).collect();
    let plain = of_class.iter().map(|&index| Rgb8Image::of_picture(images.size, images.picture(index)));
    let views = of_class.first().into_iter().flat_map(|&first| {
        let of_number = |number| (first, sheet.augmentation.of_view(number % 2), number);
        draw(images, sheet.views, |column| of_number(column as u32))
    });
    Row { label: images.class_names[class].clone(), images: plain.chain(views).collect() }
}

/// Draws a row per transformation, applied by itself to images of several classes: those of `augmentation`, or one of
/// each kind.
pub(super) fn each(
    source: DataSource,
    augmentation: Option<Augmentation>,
    folder: &Path,
    out: &Path,
) -> Result<(), CliError> {
    let images = load(source, source.classes(), folder)?;
    let transforms = match augmentation {
        None => one_of_each_kind(),
        Some(Augmentation { both, first, second }) => [both, first, second].concat(),
    };
    let columns = images.len().min(COLUMNS);
    let row = |label: &str, transforms: &[Transform]| Row {
        label: label.to_owned(),
        images: draw(&images, columns, |index| (index, transforms, 0)),
    };
    let changed = transforms.iter().map(|transform| row(transform.name(), std::slice::from_ref(transform)));
    let rows: Vec<Row> = iter::once(row("original", &[])).chain(changed).collect();
    write(&rows, out)?;
    let names: Vec<&str> = rows.iter().map(|row| row.label.as_str()).collect();
    print(&format!("{}: {} images of {}; rows: {}\n", out.display(), columns, source.name(), names.join(", ")))
}

/// Training images, equally many of each class; what there is to say about them is told.
pub(super) fn load(source: DataSource, count: usize, folder: &Path) -> Result<Images, CliError> {
    let part = Part { corrupt_images: usize::MAX, ..Part::of_size(source, Split::Train, count) };
    let loaded = bar::behind(|watch| data::load(&part, Some(folder), watch));
    let Loaded { images, left_out, notes } = loaded.map_err(|error| match &error.kind {
        ErrorKind::TooFew { class, found, wanted, .. } => CliError::input(format!(
            "of class `{class}`, {wanted} training images would be shown, but there are {found}: ask for fewer by --images"
        )),
        _ => CliError::input(chain(&error)),
    })?;
    notes.iter().for_each(|note| tell(note));
    left_out.iter().for_each(|image| tell(&format!("left out, since it is corrupt: {image}")));
    Ok(images)
}

fn write(rows: &[Row], out: &Path) -> Result<(), CliError> {
    let png = contact_sheet(rows).map_err(|error| CliError::failed(format!("cannot draw the sheet: {error}")))?;
    fs::write(out, png)
        .map_err(|error| CliError::failed(format!("cannot write {}, choose another --out: {error}", out.display())))
}

/// Views in a row; `of_column` tells for each the image's index, what is applied to it and the number of the view's
/// random stream.
fn draw<'t, T: IntoIterator<Item = &'t Transform>>(
    images: &Images,
    columns: usize,
    of_column: impl Fn(usize) -> (usize, T, u32) + Sync,
) -> Vec<Rgb8Image> {
    let views = views(images, columns, |column| {
        let (index, transforms, number) = of_column(column);
        (index, transforms, Stream::new(0, Purpose::Augmentation, [0, index as u64], number))
    });
    views.chunks_exact(images.size * images.size * 3).map(|view| Rgb8Image::from_unit(images.size, view)).collect()
}

/// The crop of the paper's appendix A.
pub(super) fn crop() -> Transform {
    let (sampling, interpolation) = (BoxSampling::UniformArea, Interpolation::Bicubic);
    Transform::RandomResizedCrop { area: (0.08, 1.0), aspect: (3.0 / 4.0, 4.0 / 3.0), sampling, interpolation }
}

/// The color jitter of the paper's appendix A.
pub(super) fn jitter(strength: f64, probability: f64) -> Transform {
    let (order, brightness) = (JitterOrder::Random, Brightness::Additive);
    Transform::ColorJitter { strength, probability, order, brightness }
}

/// SimCLR's augmentation as the paper uses it on CIFAR-10 (appendix B.9).
pub(super) fn simclr() -> Augmentation {
    Augmentation::symmetric(vec![
        crop(),
        Transform::HorizontalFlip { probability: 0.5 },
        jitter(0.5, 0.8),
        Transform::Grayscale { probability: 0.2 },
    ])
}

/// Every kind of transformation, always applied.
fn one_of_each_kind() -> Vec<Transform> {
    let probability = 1.0;
    vec![
        crop(),
        Transform::HorizontalFlip { probability },
        Transform::Grayscale { probability },
        jitter(1.0, probability),
        Transform::Rotate { probability },
        Transform::Cutout { size: 0.4, probability },
        Transform::GaussianNoise { sigma: (0.1, 0.2), probability },
        Transform::GaussianBlur { kernel: 0.1, sigma: (0.1, 2.0), probability },
        Transform::Sobel { probability },
        Transform::Equalize { probability },
        Transform::Solarize { threshold: 0.5, probability },
        Transform::AutoAugment { policy: Policy::ImageNet },
    ]
}

/// The augmentation of one trial of a sweep file.
pub(super) fn of_trial(file: &Path, number: usize) -> Result<Augmentation, CliError> {
    let planned = sweeps::read(&[file.to_owned()], None)?;
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
