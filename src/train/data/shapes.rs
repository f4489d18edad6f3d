//! The generated data set.

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{RngCore, SeedableRng},
};

use super::{Images, Split};

/// Makes `images` images; the same arguments give the same images.
pub fn generate(split: Split, images: usize) -> Images {
    let mut stream = ChaCha8Rng::seed_from_u64(split as u64);
    let mut pixels = vec![0; images * 24 * 24 * 3];
    stream.fill_bytes(&mut pixels);
    Images {
        size: 24,
        pixels,
        labels: (0..images).map(|index| (index % 10) as u16).collect(),
        classes: 10,
        class_names: (0..10).map(|class| format!("shape {class}")).collect(),
    }
}
