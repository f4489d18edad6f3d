//! Histograms of pixel intensities of random crops, without and with color distortion (paper §3.1, Figure 6): crops
//! of one image share their histogram, which gives them away, until colors are distorted.

mod svg;

use super::{
    augment::views,
    data::Images,
    random::{Purpose, Stream},
};
use crate::recipe::Transform;

pub use svg::figure;

/// Number of equally wide bins between 0 and 1.
pub const BINS: usize = 64;

/// How many values of all channels fall into each bin.
pub type Histogram = [u32; BINS];

/// The histograms of some random crops of one image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CropHistograms {
    /// Which image.
    pub image: usize,
    /// One for each crop.
    pub plain: Vec<Histogram>,
    /// One for each crop after color distortion, in the same order.
    pub distorted: Vec<Histogram>,
}

/// Counts values; those outside of 0 to 1 fall into the first or last bin.
pub fn histogram(values: &[f32]) -> Histogram {
    let mut counts = [0; BINS];
    for value in values {
        // The conversion saturates at 0.
        counts[((value * BINS as f32) as usize).min(BINS - 1)] += 1;
    }
    counts
}

/// Makes `crops` random views of each of the given images by `crop` alone, and the same ones followed by `distortion`.
pub fn histograms(
    images: &Images,
    indices: &[usize],
    crops: usize,
    crop: &Transform,
    distortion: &[Transform],
    seed: u64,
) -> Vec<CropHistograms> {
    let of_crops = |image: usize, distortion: &[Transform]| {
        let views = views(images, crops, |number| {
            // The crop is drawn first, so that both views show the same one.
            let stream = Stream::new(seed, Purpose::Augmentation, [0, image as u64], number as u32);
            (image, std::iter::once(crop).chain(distortion), stream)
        });
        views.chunks_exact(3 * images.size * images.size).map(histogram).collect()
    };
    let of_image =
        |&image: &usize| CropHistograms { image, plain: of_crops(image, &[]), distorted: of_crops(image, distortion) };
    indices.iter().map(of_image).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        recipe::{BoxSampling, DataSource, Interpolation},
        train::data::{Part, Split, load, unwatched},
    };

    #[test]
    fn values_fall_into_their_bins() {
        let counts = histogram(&[0.0, 1.0 / 128.0, 1.0 / 64.0, 0.5, 0.999, 1.0]);
        let expected = |bin| match bin {
            0 | 63 => 2,
            1 | 32 => 1,
            _ => 0,
        };
        assert_eq!(counts, std::array::from_fn(expected));
    }

    #[test]
    fn distortion_starts_from_the_same_crops() {
        let images = load(&Part::of_size(DataSource::Shapes, Split::Train, 20), None, &mut unwatched).unwrap().images;
        let (sampling, interpolation) = (BoxSampling::UniformArea, Interpolation::Bicubic);
        let crop = Transform::RandomResizedCrop { area: (0.1, 0.5), aspect: (0.8, 1.2), sampling, interpolation };
        let nothing = [Transform::Grayscale { probability: 0.0 }];
        let found = histograms(&images, &[3, 7], 5, &crop, &nothing, 1);
        assert_eq!(found.iter().map(|each| each.image).collect::<Vec<_>>(), [3, 7]);
        for each in &found {
            assert_eq!((each.plain.len(), &each.plain), (5, &each.distorted));
            assert!(each.plain.iter().all(|counts| counts.iter().sum::<u32>() == 3 * 24 * 24));
            assert_ne!(each.plain[0], each.plain[1]);
        }
        let inverted =
            histograms(&images, &[3], 2, &crop, &[Transform::Solarize { threshold: 0.0, probability: 1.0 }], 1);
        let mirrored: u32 =
            inverted[0].plain[0].iter().zip(inverted[0].distorted[0].iter().rev()).map(|(a, b)| a.abs_diff(*b)).sum();
        // Values on the border of two bins may change sides.
        assert!(mirrored < 3 * 24 * 24 / 10, "{mirrored}");
    }
}
