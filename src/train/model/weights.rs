//! Weights to and from safetensors bytes, with the names and layouts of torchvision's ResNet, so that PyTorch reads what
//! ablate writes and the other way round.
//!
//! Convolutions are `[outputs, inputs, k, k]` and linear layers `[outputs, inputs]` in files; in memory the order of the
//! dimensions is reversed. A head's layers are called `projection.0.linear`, `projection.0.norm`, …; a supervised
//! classifier is called `fc`.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
    fmt,
};

use burn::{
    module::{Module, ModuleMapper, ModuleVisitor, Param},
    tensor::{Tensor, TensorData},
};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use crate::train::ops::Ops;

/// Weights that do not fit the module, or are not safetensors at all.
#[derive(Debug, PartialEq, Eq)]
pub struct WeightsError(String);

impl fmt::Display for WeightsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for WeightsError {}

impl WeightsError {
    /// An error that says what is wrong, as a lower-case fragment.
    pub fn new(message: String) -> Self {
        Self(message)
    }
}

/// Shape and little-endian float32 bytes of tensors by name.
pub type Tensors = BTreeMap<String, (Vec<usize>, Vec<u8>)>;

/// The values in little-endian float32 bytes.
pub fn floats(bytes: &[u8]) -> impl Iterator<Item = f32> {
    bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
}

/// Whether every weight and running statistic is a finite number.
pub fn are_finite(all: &Tensors) -> bool {
    all.values().flat_map(|(_, bytes)| floats(bytes)).all(f32::is_finite)
}

/// All float parameters and running statistics of `module` as a safetensors file.
pub fn save_weights<B: Ops, M: Module<B>>(module: &M) -> Result<Vec<u8>, WeightsError> {
    encode(&tensors(module, ""))
}

/// All float parameters and running statistics of `module`, names prefixed.
pub fn tensors<B: Ops, M: Module<B>>(module: &M, prefix: &str) -> Tensors {
    let mut saver = Saver { prefix, path: Vec::new(), tensors: BTreeMap::new() };
    module.visit(&mut saver);
    saver.tensors
}

/// A safetensors file.
pub fn encode(tensors: &Tensors) -> Result<Vec<u8>, WeightsError> {
    encode_with(tensors, None)
}

/// A safetensors file with entries in its header.
pub fn encode_with(tensors: &Tensors, entries: Option<HashMap<String, String>>) -> Result<Vec<u8>, WeightsError> {
    let views: Vec<(&String, TensorView<'_>)> = tensors
        .iter()
        .map(|(name, (shape, bytes))| Ok((name, TensorView::new(Dtype::F32, shape.clone(), bytes)?)))
        .collect::<Result<_, safetensors::SafeTensorError>>()
        .map_err(|error| WeightsError(format!("cannot encode the weights: {error}")))?;
    safetensors::serialize(views, entries).map_err(|error| WeightsError(format!("cannot encode the weights: {error}")))
}

/// `module` with the weights of a safetensors file; every parameter must be there under its prefixed name, with the
/// same shape. Other tensors in the file are no matter.
pub fn load_weights<B: Ops, M: Module<B>>(module: M, prefix: &str, bytes: &[u8]) -> Result<M, WeightsError> {
    let file = SafeTensors::deserialize(bytes)
        .map_err(|error| WeightsError(format!("not a readable safetensors file: {error}")))?;
    let mut loader = Loader { prefix, path: Vec::new(), file: &file, problem: None };
    let module = module.map(&mut loader);
    match loader.problem {
        None => Ok(module),
        Some(problem) => Err(WeightsError(problem)),
    }
}

/// torchvision's name of the tensor at a path of field names.
fn file_name(prefix: &str, path: &[String]) -> String {
    let mut parts: Vec<Cow<'_, str>> = Vec::with_capacity(path.len());
    let mut rest = path;
    if let [stage_list, stage, inner @ ..] = path
        && stage_list == "layers"
        && prefix.is_empty()
    {
        // Stages are counted from 1: layer1 … layer4.
        let number = stage.parse::<usize>().map_or_else(|_| stage.clone(), |stage| (stage + 1).to_string());
        parts.push(format!("layer{number}").into());
        rest = inner;
    }
    let mut inside_shortcut = false;
    for part in rest {
        parts.push(match part.as_str() {
            "conv" if inside_shortcut => "0".into(),
            "bn" if inside_shortcut => "1".into(),
            "layers" => continue,
            other => other.into(),
        });
        inside_shortcut = part == "downsample";
    }
    format!("{prefix}{}", parts.join("."))
}

/// Reverses the order of the dimensions as files and memory differ: `[k, k, i, o]` ↔ `[o, i, k, k]`, `[i, o]` ↔ `[o, i]`.
fn transposed(values: &[f32], rows: usize, cols: usize) -> Vec<f32> {
    (0..cols).flat_map(|col| (0..rows).map(move |row| values[row * cols + col])).collect()
}

struct Saver<'a> {
    prefix: &'a str,
    path: Vec<String>,
    tensors: Tensors,
}

impl<B: Ops> ModuleVisitor<B> for Saver<'_> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        let data = to_file(param.val().into_data());
        let bytes = data.1.into_iter().flat_map(f32::to_le_bytes).collect();
        self.tensors.insert(file_name(self.prefix, &self.path), (data.0, bytes));
    }
}

/// A tensor's shape and values in the order of files.
fn to_file(data: TensorData) -> (Vec<usize>, Vec<f32>) {
    let values: Vec<f32> = data.iter::<f32>().collect();
    match data.shape[..] {
        [inputs, outputs] => (vec![outputs, inputs], transposed(&values, inputs, outputs)),
        [height, width, inputs, outputs] => {
            // [h w, i, o] → [o, h w, i] → for each o: [h w, i] → [i, h w].
            let pixels = height * width;
            let by_output = transposed(&values, pixels * inputs, outputs);
            let values =
                by_output.chunks_exact(pixels * inputs).flat_map(|filter| transposed(filter, pixels, inputs)).collect();
            (vec![outputs, inputs, height, width], values)
        }
        _ => (data.shape.to_vec(), values),
    }
}

/// The inverse of [`to_file`], for a tensor that has `shape` in memory.
fn from_file(values: &[f32], shape: &[usize]) -> Vec<f32> {
    match *shape {
        [inputs, outputs] => transposed(values, outputs, inputs),
        [height, width, inputs, outputs] => {
            let pixels = height * width;
            let by_pixel: Vec<f32> =
                values.chunks_exact(pixels * inputs).flat_map(|filter| transposed(filter, inputs, pixels)).collect();
            transposed(&by_pixel, outputs, pixels * inputs)
        }
        _ => values.to_vec(),
    }
}

/// The shape in files of a tensor that has `shape` in memory.
fn file_shape(shape: &[usize]) -> Vec<usize> {
    match *shape {
        [inputs, outputs] => vec![outputs, inputs],
        [height, width, inputs, outputs] => vec![outputs, inputs, height, width],
        _ => shape.to_vec(),
    }
}

struct Loader<'a> {
    prefix: &'a str,
    path: Vec<String>,
    file: &'a SafeTensors<'a>,
    problem: Option<String>,
}

impl<B: Ops> ModuleMapper<B> for Loader<'_> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<B, D>>) -> Param<Tensor<B, D>> {
        let name = file_name(self.prefix, &self.path);
        let (id, tensor, mapper) = param.consume();
        let shape = tensor.dims().to_vec();
        let wanted = file_shape(&shape);
        let loaded = match self.file.tensor(&name) {
            Ok(view) if view.dtype() == Dtype::F32 && view.shape() == wanted => {
                let values: Vec<f32> = floats(view.data()).collect();
                let data = TensorData::new(from_file(&values, &shape), shape);
                Tensor::from_data(data, &tensor.device()).set_require_grad(tensor.is_require_grad())
            }
            Ok(view) => {
                let found = format!("{:?} {:?}", view.dtype(), view.shape());
                self.problem.get_or_insert(format!("tensor {name} is {found}, not F32 {wanted:?}"));
                tensor
            }
            Err(_) => {
                self.problem.get_or_insert(format!("tensor {name} is missing"));
                tensor
            }
        };
        Param::from_mapped_value(id, loaded, mapper)
    }
}
