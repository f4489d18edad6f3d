//! Cross-entropy of a classifier: of one class per image, or of each class by itself.

use burn::tensor::{
    Int, Tensor, TensorData,
    activation::{log_sigmoid, log_softmax},
    backend::Backend,
};

/// Mean of −log p(label) over the rows of `logits` `[n, classes]`; `labels` `[n]` count from 0.
pub fn cross_entropy<B: Backend>(logits: Tensor<B, 2>, labels: &[u16]) -> Tensor<B, 1> {
    let device = logits.device();
    let targets: Vec<i64> = labels.iter().map(|&label| i64::from(label)).collect();
    let targets = Tensor::<B, 1, Int>::from_ints(targets.as_slice(), &device);
    log_softmax(logits, 1).gather(1, targets.unsqueeze_dim(1)).mean().neg()
}

/// Mean over rows and classes of −log σ(z) where a row shows the class and −log(1 − σ(z)) where it does not, z of
/// `logits` `[n, classes]`; `shown` `[n, classes]` is none where that is not to be counted, which adds nothing to the
/// sum and is part of the mean.
pub fn binary_cross_entropy<B: Backend>(logits: Tensor<B, 2>, shown: &[Option<bool>]) -> Tensor<B, 1> {
    let (device, shape) = (logits.device(), logits.dims());
    let matrix = |value: fn(bool) -> f32| {
        let values = shown.iter().map(|shown| shown.map_or(0.0, value)).collect();
        Tensor::<B, 2>::from_data(TensorData::new(values, shape), &device)
    };
    // 1 − σ(z) = σ(−z).
    let of_what_is_shown = logits * matrix(|shown| if shown { 1.0 } else { -1.0 });
    (log_sigmoid(of_what_is_shown) * matrix(|_| 1.0)).mean().neg()
}

#[cfg(test)]
mod tests {
    use burn::backend::{Autodiff, Flex};

    use super::*;

    const SHOWN: [Option<bool>; 6] = [Some(true), Some(false), None, Some(false), Some(true), Some(true)];

    /// The loss by its definition, in float64; a term that is not counted is a part of the mean.
    fn by_definition(logits: &[f64]) -> f64 {
        let sigmoid = |z: f64| 1.0 / (1.0 + (-z).exp());
        let term = |(&z, shown): (&f64, &Option<bool>)| match shown {
            Some(true) => -sigmoid(z).ln(),
            Some(false) => -(1.0 - sigmoid(z)).ln(),
            None => 0.0,
        };
        logits.iter().zip(&SHOWN).map(term).sum::<f64>() / SHOWN.len() as f64
    }

    #[test]
    fn binary_cross_entropy_and_its_gradient_are_those_of_the_definition() {
        let logits = [0.3, -1.2, 5.0, 2.5, -0.7, 0.0];
        let device = Default::default();
        let values: Vec<f32> = logits.iter().map(|&value| value as f32).collect();
        let tensor = Tensor::<Autodiff<Flex>, 2>::from_data(TensorData::new(values, [2, 3]), &device).require_grad();
        let loss = binary_cross_entropy(tensor.clone(), &SHOWN);
        assert!((f64::from(loss.clone().into_scalar()) - by_definition(&logits)).abs() < 1e-6);
        let gradient = tensor.grad(&loss.backward()).unwrap().into_data();
        for (index, &slope) in gradient.as_slice::<f32>().unwrap().iter().enumerate() {
            let moved = |by: f64| {
                let mut moved = logits;
                moved[index] += by;
                by_definition(&moved)
            };
            let difference = (moved(1e-5) - moved(-1e-5)) / 2e-5;
            assert!((f64::from(slope) - difference).abs() < 1e-6, "{index}: {slope} and {difference}");
        }
    }

    #[test]
    fn large_logits_overflow_neither_way() {
        let loss = |logits: [f32; 2]| {
            let tensor = Tensor::<Flex, 2>::from_data(TensorData::new(logits.to_vec(), [1, 2]), &Default::default());
            binary_cross_entropy(tensor, &[Some(true), Some(false)]).into_scalar()
        };
        assert_eq!((loss([1e4, -1e4]), loss([-1e4, 1e4])), (0.0, 1e4));
    }
}
