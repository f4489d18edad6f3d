//! Makes batches of views in a thread of its own, one batch ahead of training.

use std::{
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread::Scope,
    time::{Duration, Instant},
};

use crate::{
    recipe::{Objective, Trained},
    train::{
        augment::{view_pairs, views},
        data::Images,
        random::{Purpose, Stream},
    },
};

/// Views that are ready for a step.
pub(super) struct Views {
    /// `[rows, size, size, 3]`; of pairs, the first views of all images come before the second.
    pub pixels: Vec<f32>,
    /// Class of each image.
    pub labels: Vec<u16>,
}

/// Batches of the steps from a given one on, in order.
pub(super) struct Loader {
    batches: Receiver<Views>,
    waited: Duration,
}

impl Loader {
    /// Starts the thread; it ends with the last step or with the loader.
    pub fn start<'scope>(
        scope: &'scope Scope<'scope, '_>,
        images: &'scope Images,
        trained: &'scope Trained,
        seed: u64,
        first_step: usize,
    ) -> Self {
        // One batch waits while the next is made: enough to hide a batch that takes longer than others.
        let (sender, batches) = sync_channel(1);
        scope.spawn(move || make(images, trained, seed, first_step, &sender));
        Self { batches, waited: Duration::ZERO }
    }

    /// The next batch; `None` after the last.
    pub fn next(&mut self) -> Option<Views> {
        let start = Instant::now();
        let views = self.batches.recv().ok();
        self.waited += start.elapsed();
        views
    }

    /// How long training has waited for batches since this was asked last.
    pub fn take_waited(&mut self) -> Duration {
        std::mem::take(&mut self.waited)
    }
}

fn make(images: &Images, trained: &Trained, seed: u64, first_step: usize, sender: &SyncSender<Views>) {
    let batch_size = trained.schedule.batch_size;
    let steps = images.len() / batch_size;
    for epoch in first_step / steps.max(1)..trained.schedule.epochs {
        let mut order: Vec<usize> = (0..images.len()).collect();
        Stream::new(seed, Purpose::Order, [epoch as u64, 0], 0).shuffle(&mut order);
        let done = first_step.saturating_sub(epoch * steps);
        for batch in order.chunks_exact(batch_size).skip(done) {
            let pixels = match trained.objective {
                Objective::Supervised => single_views(images, batch, trained, seed, epoch),
                _ => view_pairs(images, batch, &trained.augmentation, seed, epoch),
            };
            let labels = batch.iter().map(|&index| images.labels[index]).collect();
            if sender.send(Views { pixels, labels }).is_err() {
                // Training has ended early; there is nobody to tell.
                return;
            }
        }
    }
}

/// One view of each image, as the first of a pair would be.
fn single_views(images: &Images, batch: &[usize], trained: &Trained, seed: u64, epoch: usize) -> Vec<f32> {
    views(images, batch.len(), |row| {
        let index = batch[row];
        let stream = Stream::new(seed, Purpose::Augmentation, [epoch as u64, index as u64], 0);
        (index, trained.augmentation.of_view(0), stream)
    })
}
