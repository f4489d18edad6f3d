//! From what each view drew to steps with columns of numbers for all views.

use super::{
    super::{Change, CropBox, Operation, blur::gaussian, blur_radius},
    choices::{Adjusted, Choices, Families, Step, What},
    numbers,
};
use crate::recipe::{Interpolation, Transform};

/// Adds all steps to `choices`: `drawn` holds what each view drew for the transformations in `shared` and then in its
/// half's of `own`; pictures have the given height and width.
pub(super) fn lay_out(
    choices: &mut Choices,
    drawn: &[Vec<Option<Change>>],
    picture: (usize, usize),
    shared: &[Transform],
    own: [&[Transform]; 2],
) {
    let is_split = own.iter().any(|list| !list.is_empty());
    // What comes first of all starts from the picture, which may have to be made a square.
    let whole = (!shared.is_empty() || !is_split).then_some(picture);
    choices.shared = steps(choices, drawn, 0, shared, whole);
    if is_split {
        let (first, second) = drawn.split_at(drawn.len() / 2);
        let from = whole.is_none().then_some(picture);
        choices.own = [(first, own[0]), (second, own[1])]
            .map(|(drawn, transforms)| steps(choices, drawn, shared.len(), transforms, from));
    }
}

/// The steps of some views, whose draws for `transforms` begin at `place`.
fn steps(
    choices: &mut Choices,
    drawn: &[Vec<Option<Change>>],
    place: usize,
    transforms: &[Transform],
    picture: Option<(usize, usize)>,
) -> Vec<Step> {
    let mut steps = Vec::new();
    let is_crop = |transform: Option<&Transform>| matches!(transform, Some(Transform::RandomResizedCrop { .. }));
    if let Some((height, width)) = picture
        && (height, width) != (choices.size, choices.size)
        && !is_crop(transforms.first())
    {
        let cut = CropBox::center(height, width, 1.0);
        steps.push(crop(choices, drawn.len(), Interpolation::Bicubic, |_| (cut, false)));
    }
    let changes_at = |index: usize| drawn.iter().map(move |row| row[place + index].as_ref()).collect::<Vec<_>>();
    let mut index = 0;
    while let Some(transform) = transforms.get(index) {
        let changes = changes_at(index);
        index += 1;
        if let Transform::RandomResizedCrop { interpolation, .. } = *transform {
            // Mirroring what has just been cut costs nothing.
            let flips = match transforms.get(index) {
                Some(Transform::HorizontalFlip { .. }) => {
                    index += 1;
                    changes_at(index - 1)
                }
                _ => vec![None; drawn.len()],
            };
            let whole = CropBox::whole(choices.size, choices.size);
            steps.push(crop(choices, drawn.len(), interpolation, |row| match changes[row] {
                Some(&Change::Crop(cut, _)) => (cut, flips[row].is_some()),
                _ => (whole, false),
            }));
        } else if changes.iter().any(Option::is_some) {
            steps.push(step(choices, transform, &changes));
        }
    }
    steps
}

fn crop(
    choices: &mut Choices,
    rows: usize,
    interpolation: Interpolation,
    cut: impl Fn(usize) -> (CropBox, bool),
) -> Step {
    let numbers = (0..rows).map(cut).map(|(cut, mirrored)| {
        let CropBox { top, left, height, width } = cut;
        [top, left, height, width, 0, usize::from(mirrored)].map(|number| number as f32)
    });
    columns(choices, What::Crop(interpolation), &numbers.collect::<Vec<_>>())
}

/// The step of a transformation other than a crop that acts on some of the views.
fn step(choices: &mut Choices, transform: &Transform, changes: &[Option<&Change>]) -> Step {
    let what = match *transform {
        Transform::RandomResizedCrop { interpolation, .. } => What::Crop(interpolation),
        Transform::HorizontalFlip { .. } => What::Flip,
        Transform::Grayscale { .. } => What::Grayscale,
        Transform::Sobel { .. } => What::Sobel,
        Transform::Equalize { .. } => What::Equalize,
        Transform::Solarize { threshold, .. } => What::Solarize { threshold: threshold as f32 },
        Transform::ColorJitter { .. } => return jitter(choices, changes),
        Transform::GaussianBlur { kernel, .. } => return blur(choices, kernel, changes),
        Transform::Cutout { .. } => {
            let hole = |change: &Option<&Change>| match change {
                Some(Change::Cutout(hole)) => [hole.top as f32, hole.left as f32, hole.side as f32],
                _ => [0.0; 3],
            };
            return columns(choices, What::Cutout, &changes.iter().map(hole).collect::<Vec<_>>());
        }
        Transform::Rotate { .. } => {
            let quarters = |change: &Option<&Change>| match change {
                Some(Change::Rotate(quarters)) => [*quarters as f32],
                _ => [0.0],
            };
            return columns(choices, What::Rotate, &changes.iter().map(quarters).collect::<Vec<_>>());
        }
        Transform::GaussianNoise { .. } => return noise(choices, changes),
        Transform::AutoAugment { .. } => return auto_augment(choices, changes),
    };
    columns(choices, what, &changes.iter().map(|change| [flag(change.is_some())]).collect::<Vec<_>>())
}

fn jitter(choices: &mut Choices, changes: &[Option<&Change>]) -> Step {
    let numbers: Vec<_> = changes.iter().map(|change| numbers::jitter(*change)).collect();
    let adjusted = std::array::from_fn(|place| {
        let any = |what: fn(&[f32; numbers::JITTER]) -> bool| numbers.iter().any(|row| what(&row[place]));
        Adjusted {
            contrast: any(|columns| columns[2] != 0.0),
            saturation: any(|columns| columns[3] >= 0.0),
            hue: any(|columns| columns[4] >= 0.0),
        }
    });
    let rows: Vec<_> = numbers.iter().map(|places| places.concat()).collect();
    columns(choices, What::Jitter(adjusted), &rows)
}

fn blur(choices: &mut Choices, kernel: f64, changes: &[Option<&Change>]) -> Step {
    let radius = blur_radius(choices.size, kernel);
    let weights = |change: &Option<&Change>| match change {
        Some(Change::Blur { sigma, radius }) => gaussian(*sigma, *radius),
        _ => (0..=radius).map(|distance| flag(distance == 0)).collect(),
    };
    columns(choices, What::Blur { radius }, &changes.iter().map(weights).collect::<Vec<_>>())
}

fn noise(choices: &mut Choices, changes: &[Option<&Change>]) -> Step {
    let length = 3 * choices.size * choices.size;
    let mut places = Vec::with_capacity(changes.len());
    for change in changes {
        places.push(if let Some(Change::Noise(values)) = change {
            choices.noise.extend(values);
            [(choices.noise.len() / length - 1) as f32]
        } else {
            [-1.0]
        });
    }
    columns(choices, What::Noise, &places)
}

fn auto_augment(choices: &mut Choices, changes: &[Option<&Change>]) -> Step {
    let drawn: Vec<[Option<Operation>; 2]> = changes
        .iter()
        .map(|change| match change {
            Some(Change::AutoAugment(operations)) => *operations,
            _ => [None; 2],
        })
        .collect();
    let families = [0, 1].map(|slot| {
        let mut families = Families::default();
        for operation in drawn.iter().filter_map(|operations| operations[slot]) {
            match operation {
                Operation::ShearX(_)
                | Operation::ShearY(_)
                | Operation::TranslateX(_)
                | Operation::TranslateY(_)
                | Operation::Rotate(_) => families.path = true,
                Operation::Brightness(_) | Operation::Color(_) | Operation::Contrast(_) | Operation::Sharpness(_) => {
                    families.blend = true
                }
                Operation::Posterize(_) | Operation::Solarize(_) | Operation::Invert => families.levels = true,
                Operation::AutoContrast => families.stretch = true,
                Operation::Equalize => families.equalize = true,
            }
        }
        families
    });
    let rows: Vec<Vec<f32>> = drawn
        .iter()
        .map(|operations| {
            let applied = flag(operations.iter().any(Option::is_some));
            std::iter::once(applied).chain(operations.iter().flat_map(|&each| numbers::operation(each))).collect()
        })
        .collect();
    let step = columns(choices, What::AutoAugment(families), &rows);
    let size = choices.size;
    let paths: Vec<_> = drawn.iter().map(|each| each.map(|operation| numbers::path(operation, size))).collect();
    for column in 0..2 * numbers::PATH {
        let of_row = |row: &[[i32; numbers::PATH]; 2]| row[column / numbers::PATH][column % numbers::PATH];
        choices.integers.extend(paths.iter().map(of_row));
    }
    step
}

/// A step whose numbers, given row by row, are added column by column.
fn columns(choices: &mut Choices, what: What, rows: &[impl AsRef<[f32]>]) -> Step {
    let step = Step { what, floats: choices.floats.len(), integers: choices.integers.len() };
    let count = rows.first().map_or(0, |row| row.as_ref().len());
    for column in 0..count {
        choices.floats.extend(rows.iter().map(|row| row.as_ref()[column]));
    }
    step
}

fn flag(is_set: bool) -> f32 {
    f32::from(u8::from(is_set))
}
