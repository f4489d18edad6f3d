//! Layers with weights: convolution, batch normalization, linear. Weights are float32 whatever the precision.

use burn::{
    module::{Module, Param},
    tensor::Tensor,
};

use crate::{
    recipe::Precision,
    train::{
        ops::{self, BatchStatistics, Ops, Window},
        random::Stream,
    },
};

/// ε of batch normalization, as in the reference code.
const EPSILON: f64 = 1e-5;
/// Share of the old value that running statistics keep at each step, as in the reference code on small batches.
const RUNNING_MOMENTUM: f64 = 0.9;

/// Whether a module's field of this name holds a running statistic, which steps of an optimizer never move.
pub fn is_statistic(field: &str) -> bool {
    matches!(field, "running_mean" | "running_var")
}

/// Whether batch normalization uses and records the batch's statistics, or the running averages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Statistics of the batch; running averages move.
    Train,
    /// Statistics of the batch; nothing changes.
    BatchStatistics,
    /// Running averages; nothing changes.
    Inference,
}

/// A convolution without bias and with "same" padding.
#[derive(Module, Debug)]
pub struct Conv<B: Ops> {
    /// `[k, k, inputs, outputs]`.
    pub weight: Param<Tensor<B, 4>>,
    stride: usize,
    /// See [`Precision::BFloat16`].
    bfloat16: bool,
}

impl<B: Ops> Conv<B> {
    /// Weights drawn from a truncated normal of variance 1 / fan-in, TensorFlow's default that the reference uses.
    pub fn new(
        window: Window,
        inputs: usize,
        outputs: usize,
        precision: Precision,
        stream: &mut Stream,
        device: &B::Device,
    ) -> Self {
        let fan_in = window.kernel * window.kernel * inputs;
        // The cut at two deviations shrinks the deviation to 0.8796; TensorFlow makes up for it.
        let deviation = (1.0 / fan_in as f32).sqrt() / 0.879_626;
        let values: Vec<f32> = (0..fan_in * outputs).map(|_| deviation * stream.truncated_normal()).collect();
        let shape = [window.kernel, window.kernel, inputs, outputs];
        let weight = Tensor::<B, 1>::from_floats(values.as_slice(), device).reshape(shape);
        Self { weight: Param::from_tensor(weight), stride: window.stride, bfloat16: precision == Precision::BFloat16 }
    }

    /// `[n, h, w, inputs]` → `[n, h / stride, w / stride, outputs]`, rounded up.
    pub fn forward(&self, x: Tensor<B, 4>) -> Tensor<B, 4> {
        ops::conv2d_in(x, self.weight.val(), self.window(), precision(self.bfloat16))
    }

    fn window(&self) -> Window {
        Window { kernel: self.weight.dims()[0], stride: self.stride }
    }
}

/// Batch normalization (Ioffe & Szegedy 2015), fused with what follows it: a residual, a ReLU.
#[derive(Module, Debug)]
pub struct Norm<B: Ops> {
    /// Scale γ, `[c]`.
    pub weight: Param<Tensor<B, 1>>,
    /// Shift β, `[c]`; the head's last normalization has none.
    pub bias: Option<Param<Tensor<B, 1>>>,
    /// Running mean, `[c]`; not trained.
    pub running_mean: Param<Tensor<B, 1>>,
    /// Running biased variance, `[c]`; not trained.
    pub running_var: Param<Tensor<B, 1>>,
}

impl<B: Ops> Norm<B> {
    /// Scale `gamma` (1, or 0 at the end of a residual block), shift 0.
    pub fn new(channels: usize, gamma: f32, centered: bool, device: &B::Device) -> Self {
        let full = |value: f32| Tensor::full([channels], value, device);
        Self {
            weight: Param::from_tensor(full(gamma)),
            bias: centered.then(|| Param::from_tensor(full(0.0))),
            running_mean: constant(full(0.0)),
            running_var: constant(full(1.0)),
        }
    }

    /// Normalizes each channel (the last dimension), adds `residual`, applies the ReLU if `relu`.
    pub fn forward<const D: usize>(
        &mut self,
        x: Tensor<B, D>,
        residual: Option<Tensor<B, D>>,
        relu: bool,
        mode: Mode,
    ) -> Tensor<B, D> {
        let (gamma, beta) = self.parameters();
        match mode {
            Mode::Train | Mode::BatchStatistics => {
                let (output, statistics) = ops::batch_norm(x, gamma, beta, residual, relu, EPSILON);
                if mode == Mode::Train {
                    self.record(statistics);
                }
                output
            }
            Mode::Inference => {
                let statistics = BatchStatistics { mean: self.running_mean.val(), variance: self.running_var.val() };
                ops::normalize(x, statistics, gamma, beta, residual, relu, EPSILON)
            }
        }
    }

    /// Scale and shift.
    fn parameters(&self) -> (Tensor<B, 1>, Tensor<B, 1>) {
        let gamma = self.weight.val();
        let beta = match &self.bias {
            Some(bias) => bias.val(),
            None => gamma.zeros_like(),
        };
        (gamma, beta)
    }

    /// Moves the running averages towards the statistics of a batch.
    fn record(&mut self, batch: BatchStatistics<B>) {
        self.running_mean = moved(&self.running_mean, batch.mean);
        self.running_var = moved(&self.running_var, batch.variance);
    }
}

/// `norm` behind `conv`: [`Conv::forward`], then [`Norm::forward`], in training as one operation if it is in float32.
pub fn conv_norm<B: Ops>(
    conv: &Conv<B>,
    norm: &mut Norm<B>,
    x: Tensor<B, 4>,
    residual: Option<Tensor<B, 4>>,
    relu: bool,
    mode: Mode,
) -> Tensor<B, 4> {
    if mode == Mode::Inference || conv.bfloat16 {
        return norm.forward(conv.forward(x), residual, relu, mode);
    }
    let (gamma, beta) = norm.parameters();
    let (weight, window) = (conv.weight.val(), conv.window());
    let (output, statistics) = ops::conv_norm(x, weight, window, gamma, beta, residual, relu, EPSILON);
    if mode == Mode::Train {
        norm.record(statistics);
    }
    output
}

/// The precision of a layer; a flag, for a module's fields are parameters or plain values.
fn precision(bfloat16: bool) -> Precision {
    if bfloat16 { Precision::BFloat16 } else { Precision::Float32 }
}

fn constant<B: Ops>(value: Tensor<B, 1>) -> Param<Tensor<B, 1>> {
    Param::initialized(burn::module::ParamId::new(), value).set_require_grad(false)
}

/// The running average after one more batch.
fn moved<B: Ops>(running: &Param<Tensor<B, 1>>, batch: Tensor<B, 1>) -> Param<Tensor<B, 1>> {
    let value = running.val() * RUNNING_MOMENTUM + batch * (1.0 - RUNNING_MOMENTUM);
    Param::initialized(running.id, value.detach()).set_require_grad(false)
}

/// A linear layer.
#[derive(Module, Debug)]
pub struct Linear<B: Ops> {
    /// `[inputs, outputs]`.
    pub weight: Param<Tensor<B, 2>>,
    /// `[outputs]`.
    pub bias: Option<Param<Tensor<B, 1>>>,
    /// See [`Precision::BFloat16`].
    bfloat16: bool,
}

impl<B: Ops> Linear<B> {
    /// Weights drawn from N(0, 0.01²) as in the reference code; a bias, if any, of zeros.
    pub fn new(inputs: usize, outputs: usize, bias: bool, stream: &mut Stream, device: &B::Device) -> Self {
        Self::normal(inputs, outputs, 0.01, bias, stream, device)
    }

    /// Weights drawn from a normal distribution of the given deviation; a bias, if any, of zeros.
    pub fn normal(
        inputs: usize,
        outputs: usize,
        deviation: f32,
        bias: bool,
        stream: &mut Stream,
        device: &B::Device,
    ) -> Self {
        let values: Vec<f32> = (0..inputs * outputs).map(|_| deviation * stream.normal()).collect();
        let weight = Tensor::<B, 1>::from_floats(values.as_slice(), device).reshape([inputs, outputs]);
        Self {
            weight: Param::from_tensor(weight),
            bias: bias.then(|| Param::from_tensor(Tensor::zeros([outputs], device))),
            bfloat16: false,
        }
    }

    /// All zeros: the classifier of linear evaluation starts undecided.
    pub fn zeros(inputs: usize, outputs: usize, device: &B::Device) -> Self {
        Self {
            weight: Param::from_tensor(Tensor::zeros([inputs, outputs], device)),
            bias: Some(Param::from_tensor(Tensor::zeros([outputs], device))),
            bfloat16: false,
        }
    }

    /// The same with another precision; without this it is float32.
    pub fn with_precision(self, precision: Precision) -> Self {
        Self { bfloat16: precision == Precision::BFloat16, ..self }
    }

    /// `[n, inputs]` → `[n, outputs]`.
    pub fn forward(&self, x: Tensor<B, 2>) -> Tensor<B, 2> {
        let output = ops::product_in(x, self.weight.val(), precision(self.bfloat16));
        match &self.bias {
            Some(bias) => output + bias.val().unsqueeze(),
            None => output,
        }
    }
}
