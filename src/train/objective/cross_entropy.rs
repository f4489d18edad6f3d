//! Cross-entropy of a classifier.

use burn::tensor::{Int, Tensor, activation::log_softmax, backend::Backend};

/// Mean of −log p(label) over the rows of `logits` `[n, classes]`; `labels` `[n]` count from 0.
pub fn cross_entropy<B: Backend>(logits: Tensor<B, 2>, labels: &[u16]) -> Tensor<B, 1> {
    let device = logits.device();
    let targets: Vec<i64> = labels.iter().map(|&label| i64::from(label)).collect();
    let targets = Tensor::<B, 1, Int>::from_ints(targets.as_slice(), &device);
    log_softmax(logits, 1).gather(1, targets.unsqueeze_dim(1)).mean().neg()
}
