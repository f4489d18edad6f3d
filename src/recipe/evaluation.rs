//! How a frozen encoder is evaluated.

use super::patch::patchable;

patchable! {
    /// Linear evaluation: a softmax classifier trained by Nesterov SGD with cosine decay on the features h of the
    /// frozen encoder, computed once without augmentation (paper appendix B.6 without crops and flips).
    pub struct LinearEvaluation patched by LinearEvaluationPatch {
        /// Passes over the features; the paper uses 90.
        pub epochs: usize,
        /// Features per step.
        pub batch_size: usize,
        /// Learning rate per 256 features: the first step takes this × batch_size / 256; the paper uses 0.1.
        pub learning_rate: f64,
        /// Momentum coefficient; the paper uses 0.9.
        pub momentum: f64,
        /// L2 weight decay of the classifier; the paper uses none.
        pub weight_decay: f64,
    }
}

impl LinearEvaluation {
    /// The protocol in one line, as it stands under tables and in records.
    pub fn protocol(&self) -> String {
        format!(
            "linear evaluation on frozen h, offline, no augmentation, last epoch, test split: \
             Nesterov SGD, {} epochs, batch {}, lr {} x batch/256 (cosine), momentum {}, weight decay {}",
            self.epochs, self.batch_size, self.learning_rate, self.momentum, self.weight_decay
        )
    }
}
