//! The networks: the encoder f(·) and the projection head g(·).

mod head;
mod layers;
mod resnet;
mod weights;

pub use head::ProjectionHead;
pub use layers::{Conv, Linear, Mode, Norm, is_statistic};
pub use resnet::ResNet;
pub use weights::{
    Tensors, WeightsError, are_finite, encode, encode_with, floats, load_weights, save_weights, tensors,
};
