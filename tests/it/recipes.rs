//! Recipes for tests, written as in sweep files.

use ablate::{
    recipe::{DataSource, Patchable, Recipe, RecipePatch},
    train::data::{self, Images, Part, Split},
};
use serde::de::DeserializeOwned;

/// Small enough to be trained in a test.
const TINY: &str = "(
    data: (source: Shapes, train_images: 40, test_images: 20),
    augmentation: (both: [
        RandomResizedCrop(area: (0.2, 1.0), aspect: (0.75, 1.3333), interpolation: Bicubic),
        HorizontalFlip(probability: 0.5),
        ColorJitter(strength: 0.5, probability: 0.8),
        Grayscale(probability: 0.2),
    ]),
    encoder: (architecture: ResNet8, width: 0.5, stem: Cifar, zero_init_residual: true),
    head: (kind: Nonlinear, dimension: 16, batch_norm: true),
    objective: NtXent(temperature: 0.5),
    optimizer: (
        algorithm: Sgd(nesterov: false), learning_rate: Fixed(0.1), momentum: 0.9, weight_decay: 1e-4,
    ),
    schedule: (epochs: 3, batch_size: 10, warmup_epochs: 1, decay: Cosine),
    evaluation: (epochs: 20, batch_size: 20, learning_rate: 1.0, momentum: 0.9, weight_decay: 0.0),
)";

/// The tiny recipe with a change, as `(schedule: (epochs: 2))`.
pub fn tiny(change: &str) -> Recipe {
    let mut recipe: Recipe = read(TINY);
    recipe.apply(&patch(change));
    recipe
}

/// Generated images.
pub fn shapes(split: Split, count: usize) -> Images {
    data::load(&Part::of_size(DataSource::Shapes, split, count), None, &mut data::unwatched).unwrap().images
}

/// A change of a recipe.
pub fn patch(text: &str) -> RecipePatch {
    read(text)
}

fn read<T: DeserializeOwned>(text: &str) -> T {
    ron::Options::default().with_default_extension(ron::extensions::Extensions::IMPLICIT_SOME).from_str(text).unwrap()
}
