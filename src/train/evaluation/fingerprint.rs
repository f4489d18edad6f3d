//! What a module holds, as hashes: compared before and after an evaluation, they prove that the encoder was frozen.

use std::{collections::BTreeMap, fmt};

use burn::{
    module::{Module, ModuleVisitor, Param},
    tensor::{Bool, Int, Tensor, TensorData, backend::Backend},
};

/// BLAKE3 of shape, type and bytes of every tensor of a module, by name: weights and running statistics alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    tensors: BTreeMap<String, blake3::Hash>,
}

impl Fingerprint {
    /// The fingerprint of a module as it is now.
    pub fn of<B: Backend, M: Module<B>>(module: &M) -> Self {
        let mut hasher = TensorHasher { path: Vec::new(), tensors: BTreeMap::new() };
        module.visit(&mut hasher);
        Self { tensors: hasher.tensors }
    }

    /// Names of the tensors that differ from `other`'s or that only one of both has.
    pub fn changed<'a>(&'a self, other: &'a Self) -> Vec<&'a str> {
        let missing = other.tensors.keys().filter(|name| !self.tensors.contains_key(*name));
        let different = self.tensors.iter().filter(|(name, hash)| other.tensors.get(*name) != Some(*hash));
        different.map(|(name, _)| name).chain(missing).map(String::as_str).collect()
    }
}

impl fmt::Display for Fingerprint {
    /// One BLAKE3 over all names and hashes, as 32 hexadecimal digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut hasher = blake3::Hasher::new();
        for (name, hash) in &self.tensors {
            hasher.update(&(name.len() as u64).to_le_bytes()).update(name.as_bytes()).update(hash.as_bytes());
        }
        f.write_str(&hasher.finalize().to_hex()[..32])
    }
}

struct TensorHasher {
    path: Vec<String>,
    tensors: BTreeMap<String, blake3::Hash>,
}

impl TensorHasher {
    fn add(&mut self, data: &TensorData) {
        let mut hasher = blake3::Hasher::new();
        hasher.update(format!("{:?} {:?}\n", data.dtype, data.shape.to_vec()).as_bytes());
        hasher.update(data.as_bytes());
        self.tensors.insert(self.path.join("."), hasher.finalize());
    }
}

impl<B: Backend> ModuleVisitor<B> for TensorHasher {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<B, D>>) {
        self.add(&param.val().into_data());
    }

    fn visit_int<const D: usize>(&mut self, param: &Param<Tensor<B, D, Int>>) {
        self.add(&param.val().into_data());
    }

    fn visit_bool<const D: usize>(&mut self, param: &Param<Tensor<B, D, Bool>>) {
        self.add(&param.val().into_data());
    }
}
