//! The batches of views that pretraining sees, in their order.

use crate::{
    recipe::{Objective, Trained},
    train::{
        augment::{device::Choices, view_pairs, views},
        data::Images,
        random::{Purpose, Stream},
        views::Pixels,
    },
};

/// Views that go through the encoder together.
pub(super) struct Views {
    /// Of pairs, the first views of all images come before the second.
    pub pixels: Pixels,
    /// Class of each image.
    pub labels: Vec<u16>,
}

/// The views of each step from `first_step` on: a step's micro-batches one after the other and, of a contrastive
/// objective with several, the same once more, for it passes through them twice. `on_device` asks for no more than the
/// random numbers.
pub(super) fn micro_batches<'a>(
    images: &'a Images,
    trained: &'a Trained,
    seed: u64,
    first_step: usize,
    on_device: bool,
) -> impl Iterator<Item = Views> + Send + 'a {
    let batch_size = trained.schedule.batch_size;
    let micro_batch = trained.schedule.micro_batch.unwrap_or(batch_size);
    let passes = if micro_batch < batch_size && trained.objective.contrastive().is_some() { 2 } else { 1 };
    let steps = images.len() / batch_size;
    (first_step / steps.max(1)..trained.schedule.epochs).flat_map(move |epoch| {
        let mut order: Vec<usize> = (0..images.len()).collect();
        Stream::new(seed, Purpose::Order, [epoch as u64, 0], 0).shuffle(&mut order);
        let first = first_step.saturating_sub(epoch * steps);
        (first..steps).flat_map(move |step| {
            let batch = order[step * batch_size..][..batch_size].to_vec();
            (0..passes * batch_size).step_by(micro_batch).map(move |start| {
                let part = &batch[start % batch_size..][..micro_batch];
                let augmentation = &trained.augmentation;
                let pixels = match (&trained.objective, on_device) {
                    (Objective::Supervised, false) => Pixels::Made(single_views(images, part, trained, seed, epoch)),
                    (Objective::Supervised, true) => {
                        Pixels::Chosen(Choices::of_first_views(images, part, augmentation, seed, epoch))
                    }
                    (_, false) => Pixels::Made(view_pairs(images, part, augmentation, seed, epoch)),
                    (_, true) => Pixels::Chosen(Choices::of_pairs(images, part, augmentation, seed, epoch)),
                };
                Views { pixels, labels: part.iter().map(|&index| images.labels[index]).collect() }
            })
        })
    })
}

/// One view of each image, as the first of a pair would be.
fn single_views(images: &Images, batch: &[usize], trained: &Trained, seed: u64, epoch: usize) -> Vec<f32> {
    views(images, batch.len(), |row| {
        let index = batch[row];
        let stream = Stream::new(seed, Purpose::Augmentation, [epoch as u64, index as u64], 0);
        (index, trained.augmentation.of_view(0), stream)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        plan::fixture,
        recipe::{DataSource, Training},
        train::data::{self, Part, Split},
    };

    #[test]
    fn each_epoch_shows_every_image_once_in_an_order_of_its_own() {
        let part = Part::of_size(DataSource::Shapes, Split::Train, 20);
        let images = data::load(&part, None, &mut data::unwatched).unwrap().images;
        let mut recipe = fixture::recipe();
        (recipe.schedule.batch_size, recipe.schedule.epochs) = (6, 2);
        let job = recipe.pretrain_job(3);
        let Training::Trained(trained) = &job.training else { panic!("the fixture trains") };
        // By hand: three batches an epoch, the last two images left out.
        let expected: Vec<(usize, Vec<usize>)> = (0..2)
            .flat_map(|epoch| {
                let mut order: Vec<usize> = (0..20).collect();
                Stream::new(3, Purpose::Order, [epoch as u64, 0], 0).shuffle(&mut order);
                order[..18].chunks(6).map(|batch| (epoch, batch.to_vec())).collect::<Vec<_>>()
            })
            .collect();
        assert_ne!(expected[0].1, expected[3].1);
        for first_step in [0, 4] {
            let made: Vec<Views> = micro_batches(&images, trained, 3, first_step, false).collect();
            assert_eq!(made.len(), 6 - first_step);
            for (made, (epoch, batch)) in made.into_iter().zip(&expected[first_step..]) {
                assert_eq!(made.labels, batch.iter().map(|&index| images.labels[index]).collect::<Vec<_>>());
                let Pixels::Made(pixels) = made.pixels else { panic!("the processor makes views") };
                assert!(pixels == view_pairs(&images, batch, &trained.augmentation, 3, *epoch));
            }
        }
    }
}
