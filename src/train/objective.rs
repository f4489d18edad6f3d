//! NT-Xent, the normalized temperature-scaled cross-entropy (paper §2.1, equation 1), and the metrics of Table 5.

use burn::tensor::{
    Tensor,
    activation::{log_softmax, softmax},
    backend::Backend,
};

/// Stands for minus infinity on the diagonal, as in the reference code.
const MASKED: f32 = -1e9;

/// NT-Xent of N pairs, as the mean over all 2N views (Algorithm 1).
///
/// `z` is `[2n, d]`, not normalized: rows i and n + i are the views of image i. The reference code's loss is twice
/// this. Returns a scalar tensor.
pub fn nt_xent<B: Backend>(z: Tensor<B, 2>, temperature: f64) -> Tensor<B, 1> {
    let [views, _] = z.dims();
    let pairs = views / 2;
    let device = z.device();
    let z = normalized(z);
    let similarity = z.clone().matmul(z.transpose()) / temperature;
    let eye = Tensor::<B, 2>::eye(views, &device);
    let log_probability = log_softmax(similarity + eye * MASKED, 1);
    // The partner of row i is row i ± n: pick both off-diagonals.
    let upper = log_probability.clone().slice([0..pairs, pairs..views]);
    let lower = log_probability.slice([pairs..views, 0..pairs]);
    let eye = Tensor::<B, 2>::eye(pairs, &device);
    ((upper + lower) * eye).sum() / -(views as f64)
}

/// Contrastive accuracy in percent and entropy in nats, from the block of view a against view b as the reference code
/// defines them (Table 5).
pub fn contrastive_metrics<B: Backend>(z: Tensor<B, 2>, temperature: f64) -> (f64, f64) {
    let [views, _] = z.dims();
    let pairs = views / 2;
    let z = normalized(z);
    let (a, b) = (z.clone().narrow(0, 0, pairs), z.narrow(0, pairs, pairs));
    let logits = a.matmul(b.transpose()) / temperature;
    let best: Vec<i64> = logits.clone().argmax(1).into_data().iter::<i64>().collect();
    let correct = best.iter().enumerate().filter(|&(row, &best)| row as i64 == best).count();
    let entropy = -(softmax(logits.clone(), 1) * log_softmax(logits, 1)).sum() / pairs as f64;
    (100.0 * correct as f64 / pairs as f64, scalar(entropy))
}

/// Rows of unit length.
fn normalized<B: Backend>(z: Tensor<B, 2>) -> Tensor<B, 2> {
    // The reference code's l2_normalize: x / sqrt(max(Σ x², 1e-12)).
    let norm = z.clone().powf_scalar(2.0).sum_dim(1).clamp_min(1e-12).sqrt();
    z / norm
}

/// The value of a one-element tensor.
pub fn scalar<B: Backend>(tensor: Tensor<B, 1>) -> f64 {
    tensor.into_data().iter::<f64>().next().unwrap_or(f64::NAN)
}
