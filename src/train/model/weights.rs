//! Weights to and from safetensors bytes; names are the module's field names joined by dots.

use std::{collections::BTreeMap, fmt};

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

/// All float parameters and running statistics of `module` as a safetensors file.
pub fn save_weights<B: Ops, M: Module<B>>(module: &M) -> Result<Vec<u8>, WeightsError> {
    let mut saver = Saver { path: Vec::new(), tensors: BTreeMap::new() };
    module.visit(&mut saver);
    let views: Vec<(&String, TensorView<'_>)> = saver
        .tensors
        .iter()
        .map(|(name, (shape, bytes))| Ok((name, TensorView::new(Dtype::F32, shape.clone(), bytes)?)))
        .collect::<Result<_, safetensors::SafeTensorError>>()
        .map_err(|error| WeightsError(format!("cannot encode the weights: {error}")))?;
    safetensors::serialize(views, None).map_err(|error| WeightsError(format!("cannot encode the weights: {error}")))
}

/// `module` with the weights of a safetensors file; every parameter must be there, with the same shape.
pub fn load_weights<B: Ops, M: Module<B>>(module: M, bytes: &[u8]) -> Result<M, WeightsError> {
    let file = SafeTensors::deserialize(bytes)
        .map_err(|error| WeightsError(format!("not a readable safetensors file: {error}")))?;
    let mut loader = Loader { path: Vec::new(), file: &file, problem: None };
    let module = module.map(&mut loader);
    match loader.problem {
        None => Ok(module),
        Some(problem) => Err(WeightsError(problem)),
    }
}

struct Saver {
    path: Vec<String>,
    tensors: BTreeMap<String, (Vec<usize>, Vec<u8>)>,
}

impl<B: Ops> ModuleVisitor<B> for Saver {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        let data = param.val().into_data().convert::<f32>();
        let bytes = data.iter::<f32>().flat_map(f32::to_le_bytes).collect();
        self.tensors.insert(self.path.join("."), (data.shape.to_vec(), bytes));
    }
}

struct Loader<'a> {
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
        let name = self.path.join(".");
        let (id, tensor, mapper) = param.consume();
        let shape = tensor.dims().to_vec();
        let loaded = match self.file.tensor(&name) {
            Ok(view) if view.dtype() == Dtype::F32 && view.shape() == shape => {
                let values = view.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]));
                let data = TensorData::new(values.collect::<Vec<f32>>(), shape);
                Tensor::from_data(data, &tensor.device()).set_require_grad(tensor.is_require_grad())
            }
            Ok(view) => {
                let found = format!("{:?} {:?}", view.dtype(), view.shape());
                self.problem.get_or_insert(format!("tensor {name} is {found}, not F32 {shape:?}"));
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
