//! Images of the transformation probes: which transformation did an image go through (paper Table 3)?
//!
//! Every image appears once. Classes have exact shares, so that guessing the largest one gives exactly the chance level
//! of the table; which image gets which class, and what an operation draws, depends on seed, split and image only.

use std::ops::Range;

use rayon::prelude::*;

use crate::{
    recipe::ProbeTask,
    train::{
        augment::{self, Planes, center_view},
        data::{Images, Split},
        random::{Purpose, Stream},
    },
};

/// Images of a split, each with its transformation.
pub(super) struct Transformed<'a> {
    images: &'a Images,
    task: ProbeTask,
    seed: u64,
    /// Makes the draws differ from those of other splits.
    split: u32,
    /// Class of each image: which transformation.
    pub labels: Vec<u16>,
}

impl<'a> Transformed<'a> {
    /// Deals out the classes.
    pub fn new(task: ProbeTask, images: &'a Images, seed: u64, split: Split) -> Self {
        let split = u32::from(split != Split::Train);
        let labels = deal(images.len(), shares(task), &mut Stream::new(seed, Purpose::Probe, [0, 1], split));
        Self { images, task, seed, split, labels }
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        shares(self.task).len()
    }

    /// The transformed images of a range, `[n, size, size, 3]`.
    pub fn views(&self, range: Range<usize>) -> Vec<f32> {
        range.into_par_iter().flat_map_iter(|index| self.view(index)).collect()
    }

    fn view(&self, index: usize) -> Vec<f32> {
        let size = self.images.size;
        let mut view = center_view(self.images.picture(index), size, self.images.center_crop);
        let class = self.labels[index];
        if class > 0 {
            let mut planes = Planes::from_interleaved(size, &view);
            let mut stream = Stream::new(self.seed, Purpose::Probe, [index as u64, 2], self.split);
            transform(self.task, class, &mut planes, &mut stream);
            planes.interleave(&mut view);
        }
        view
    }
}

/// Shares of the classes: 80 % in color, as color drop in pretraining leaves them, else equal ones.
fn shares(task: ProbeTask) -> &'static [usize] {
    match task {
        ProbeTask::Grayscale => &[4, 1],
        ProbeTask::Rotation => &[1; 4],
        ProbeTask::GaussianNoise { .. } | ProbeTask::Sobel => &[1; 2],
    }
}

/// What is done to the images of a class other than the first, which stay as they are.
fn transform(task: ProbeTask, class: u16, image: &mut Planes, stream: &mut Stream) {
    match task {
        ProbeTask::Grayscale => augment::grayscale(image),
        ProbeTask::Rotation => augment::rotate(image, class.into()),
        ProbeTask::GaussianNoise { sigma } => augment::noise(image, sigma as f32, stream),
        ProbeTask::Sobel => augment::sobel(image),
    }
}

/// `count` classes in the given proportions, rounded, in random order.
fn deal(count: usize, shares: &[usize], stream: &mut Stream) -> Vec<u16> {
    let one_round = shares.iter().enumerate().flat_map(|(class, &share)| std::iter::repeat_n(class as u16, share));
    let mut labels: Vec<u16> = one_round.cycle().take(count).collect();
    stream.shuffle(&mut labels);
    labels
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [ProbeTask; 4] =
        [ProbeTask::Grayscale, ProbeTask::Rotation, ProbeTask::GaussianNoise { sigma: 0.1 }, ProbeTask::Sobel];

    /// Images of noise.
    fn images(count: usize, size: usize) -> Images {
        let pixels = (0..count * size * size * 3).map(|index| (index * 7919 % 251) as u8).collect();
        Images::in_memory(size, pixels, vec![0; count], 1, vec!["noise".to_owned()])
    }

    #[test]
    fn classes_have_the_chance_levels_of_the_table() {
        let images = images(100, 1);
        let counts = ALL.map(|task| {
            let transformed = Transformed::new(task, &images, 3, Split::Train);
            let count = |class: usize| transformed.labels.iter().filter(|&&label| usize::from(label) == class).count();
            (0..transformed.classes()).map(count).collect::<Vec<_>>()
        });
        assert_eq!(counts, [vec![80, 20], vec![25; 4], vec![50; 2], vec![50; 2]]);
    }

    #[test]
    fn labels_say_what_was_done_and_nothing_else_changes() {
        let images = images(40, 4);
        for task in ALL {
            let transformed = Transformed::new(task, &images, 3, Split::Test);
            for (index, &label) in transformed.labels.iter().enumerate() {
                let plain = center_view(images.picture(index), 4, images.center_crop);
                let view = transformed.views(index..index + 1);
                assert_eq!(label == 0, view == plain, "{task:?}");
                // Four quarters, the missing ones made up for, are none.
                if task == ProbeTask::Rotation {
                    let mut planes = Planes::from_interleaved(4, &view);
                    augment::rotate(&mut planes, u32::from(4 - label));
                    let mut back = view.clone();
                    planes.interleave(&mut back);
                    assert_eq!(back, plain);
                }
            }
        }
    }

    #[test]
    fn every_image_draws_its_own_noise() {
        let pixels = vec![128; 16 * 3];
        let images = Images::in_memory(1, pixels, vec![0; 16], 1, vec!["gray".to_owned()]);
        let transformed = Transformed::new(ProbeTask::GaussianNoise { sigma: 0.1 }, &images, 3, Split::Train);
        let mut drawn: Vec<Vec<u32>> = (0..16)
            .filter(|&index| transformed.labels[index] == 1)
            .map(|index| transformed.views(index..index + 1).iter().map(|value| value.to_bits()).collect())
            .collect();
        drawn.sort_unstable();
        drawn.dedup();
        assert_eq!(drawn.len(), 8);
        assert_eq!(transformed.views(0..16), [transformed.views(0..5), transformed.views(5..16)].concat());
    }

    #[test]
    fn draws_depend_on_seed_and_split() {
        let images = images(64, 1);
        let labels = |seed, split| Transformed::new(ProbeTask::Rotation, &images, seed, split).labels;
        assert_eq!(labels(1, Split::Train), labels(1, Split::Train));
        assert_ne!(labels(1, Split::Train), labels(2, Split::Train));
        assert_ne!(labels(1, Split::Train), labels(1, Split::Test));
        // The classes are shuffled, not dealt in turn.
        assert!(labels(1, Split::Train).windows(2).any(|pair| pair[0] == pair[1]));
    }
}
