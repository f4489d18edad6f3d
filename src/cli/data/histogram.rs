//! `data histogram`: the paper's Figure 6 from a data set of one's own.

use std::{fs, path::Path};

use super::show::{crop, jitter, load};
use crate::{
    cli::{CliError, print},
    recipe::{DataSource, Transform},
    report::png,
    train::{
        contact_sheet::Rgb8Image,
        data::Images,
        histogram::{BINS, CropHistograms, figure, histograms},
    },
};

/// What is shown.
pub(super) struct Choice {
    /// Number of images.
    pub images: usize,
    /// Number of crops of each.
    pub crops: usize,
    /// Seed of the crops.
    pub seed: u64,
}

/// Writes `histogram.svg`, the same as PNG, and `histogram.csv` into a folder, which is made.
pub(super) fn write(source: DataSource, choice: &Choice, folder: &Path, out: &Path) -> Result<(), CliError> {
    // As many images per class as it takes to have one each.
    let per_class = choice.images.div_ceil(source.classes());
    let images = load(source, per_class * source.classes(), folder)?;
    let indices: Vec<usize> = (0..choice.images).collect();
    let distortion = [jitter(1.0, 0.8), Transform::Grayscale { probability: 0.2 }];
    let found = histograms(&images, &indices, choice.crops, &crop(), &distortion, choice.seed);
    let pictures = indices.iter().map(|&index| Rgb8Image::of_picture(images.size, images.picture(index)).to_png());
    let pictures: Vec<Vec<u8>> = pictures
        .collect::<Result<_, _>>()
        .map_err(|error| CliError::failed(format!("cannot draw an image: {error}")))?;

    let to_file = |name: &str, bytes: &[u8]| {
        let path = out.join(name);
        fs::create_dir_all(out).and_then(|()| fs::write(&path, bytes)).map_err(|error| {
            CliError::failed(format!("cannot write {}, choose another --out: {error}", path.display()))
        })
    };
    let drawing = figure(&found, &pictures);
    let picture = png(&drawing).map_err(|why| CliError::failed(format!("cannot draw histogram.png: {why}")))?;
    to_file("histogram.csv", csv(&images, &found).as_bytes())?;
    to_file("histogram.svg", drawing.as_bytes())?;
    to_file("histogram.png", &picture)?;
    print(&format!(
        "{}/histogram.svg, .png and .csv: {} images of {}, {} crops of each, without and with color distortion of strength 1\n",
        out.display(),
        choice.images,
        source.name(),
        choice.crops
    ))
}

/// One line per image, crop, kind and bin.
fn csv(images: &Images, found: &[CropHistograms]) -> String {
    let mut text = String::from("image,class,crop,distorted,low,high,count\n");
    for each in found {
        let class = &images.class_names[usize::from(images.labels[each.image])];
        for (distorted, crops) in [(false, &each.plain), (true, &each.distorted)] {
            for (crop, counts) in crops.iter().enumerate() {
                for (bin, count) in counts.iter().enumerate() {
                    let [low, high] = [bin, bin + 1].map(|edge| edge as f64 / BINS as f64);
                    text += &format!("{},{class},{crop},{distorted},{low},{high},{count}\n", each.image);
                }
            }
        }
    }
    text
}
