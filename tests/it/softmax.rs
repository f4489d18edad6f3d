//! Softmax regression on all images at once, in float64: what classifiers and probes must come to, step by step.

/// How weights and biases move with momentum m and rate r.
#[derive(Clone, Copy)]
pub enum Rule {
    /// v ← m v + g, w ← w − r v.
    Sgd,
    /// v ← m v + g, w ← w − r (g + m v).
    Nesterov,
    /// v ← m v + r g, w ← w − v: LARS where it does not adapt.
    Lars,
}

/// A classifier that starts from zeros.
pub struct Classifier {
    /// W `[d, classes]`, then b `[classes]`.
    parameters: Vec<f64>,
    velocity: Vec<f64>,
    classes: usize,
    rule: Rule,
    momentum: f64,
    /// Of the weights; biases do not decay.
    decay: f64,
}

impl Classifier {
    /// A classifier of features of `dimension` numbers.
    pub fn new(dimension: usize, classes: usize, rule: Rule, momentum: f64, decay: f64) -> Self {
        let zeros = vec![0.0; (dimension + 1) * classes];
        Self { parameters: zeros.clone(), velocity: zeros, classes, rule, momentum, decay }
    }

    /// Share of the images whose own class alone has the largest logit, in percent.
    pub fn accuracy(&self, features: &[f32], labels: &[u16]) -> f64 {
        let logits = self.logits(features);
        let right = logits.iter().zip(labels).filter(|&(row, &label)| {
            let others = row.iter().enumerate().filter(|&(class, _)| class != usize::from(label));
            others.fold(f64::NEG_INFINITY, |most, (_, &logit)| most.max(logit)) < row[usize::from(label)]
        });
        100.0 * right.count() as f64 / labels.len() as f64
    }

    /// One step on these images; returns the mean cross-entropy before it.
    pub fn step(&mut self, features: &[f32], labels: &[u16], rate: f64) -> f64 {
        let dimension = self.parameters.len() / self.classes - 1;
        let weights = dimension * self.classes;
        let mut gradient: Vec<f64> = self.parameters.iter().map(|parameter| self.decay * parameter).collect();
        gradient[weights..].fill(0.0);
        let mut loss = 0.0;
        let share = 1.0 / labels.len() as f64;
        for ((x, row), &label) in features.chunks_exact(dimension).zip(self.logits(features)).zip(labels) {
            let sum: f64 = row.iter().map(|logit| logit.exp()).sum();
            loss += share * (sum.ln() - row[usize::from(label)]);
            for (class, logit) in row.iter().enumerate() {
                let slope = share * (logit.exp() / sum - f64::from(u8::from(class == usize::from(label))));
                gradient[weights + class] += slope;
                for (column, &x) in x.iter().enumerate() {
                    gradient[column * self.classes + class] += slope * f64::from(x);
                }
            }
        }
        for ((parameter, velocity), gradient) in self.parameters.iter_mut().zip(&mut self.velocity).zip(gradient) {
            let step = if matches!(self.rule, Rule::Lars) { rate * gradient } else { gradient };
            *velocity = self.momentum * *velocity + step;
            *parameter -= match self.rule {
                Rule::Sgd => rate * *velocity,
                Rule::Nesterov => rate * (gradient + self.momentum * *velocity),
                Rule::Lars => *velocity,
            };
        }
        loss
    }

    fn logits(&self, features: &[f32]) -> Vec<Vec<f64>> {
        let (weights, biases) = self.parameters.split_at(self.parameters.len() - self.classes);
        let of_row = |x: &[f32]| {
            let of_class = |class: usize| {
                let column = weights[class..].iter().step_by(self.classes);
                biases[class] + x.iter().zip(column).map(|(&x, weight)| f64::from(x) * weight).sum::<f64>()
            };
            (0..self.classes).map(of_class).collect()
        };
        features.chunks_exact(weights.len() / self.classes).map(of_row).collect()
    }
}

/// The rate of a step, from 0, of a cosine that falls from `peak` to zero in `steps`.
pub fn cosine(peak: f64, step: usize, steps: usize) -> f64 {
    peak * (1.0 + (std::f64::consts::PI * step as f64 / steps as f64).cos()) / 2.0
}
