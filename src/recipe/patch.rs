//! Partial changes to recipe values: every recipe struct gets a patch type with the same fields, all optional.

use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};

/// A value that a sweep axis can change, in part or as a whole.
pub trait Patchable {
    /// The change: a struct of optional fields for structs, the value itself for everything else.
    type Patch: Clone + std::fmt::Debug + PartialEq + Serialize + DeserializeOwned;

    /// Overwrites the fields that `patch` mentions and leaves the others as they are.
    fn apply(&mut self, patch: &Self::Patch);
}

/// Declares a recipe struct together with its patch struct.
macro_rules! patchable {
    (
        $(#[$meta:meta])*
        pub struct $name:ident patched by $patch:ident {
            $( $(#[$field_meta:meta])* pub $field:ident: $type:ty, )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $( $(#[$field_meta])* pub $field: $type, )*
        }

        #[doc = concat!("A partial change of [`", stringify!($name), "`]; fields left out stay as they are.")]
        #[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct $patch {
            $(
                #[doc = concat!("Changes [`", stringify!($name), "::", stringify!($field), "`].")]
                #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "crate::recipe::patch::written")]
                pub $field: Option<<$type as $crate::recipe::Patchable>::Patch>,
            )*
        }

        impl $crate::recipe::Patchable for $name {
            type Patch = $patch;

            fn apply(&mut self, patch: &$patch) {
                $(
                    if let Some(change) = &patch.$field {
                        $crate::recipe::Patchable::apply(&mut self.$field, change);
                    }
                )*
            }
        }
    };
}
pub(super) use patchable;

/// The change of a field that is written, so that `None` changes an optional value instead of leaving it as it is.
pub(super) fn written<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// Makes types patchable as a whole: a patch is a new value.
macro_rules! replaceable {
    ($($type:ty),* $(,)?) => {
        $(
            impl $crate::recipe::Patchable for $type {
                type Patch = $type;

                fn apply(&mut self, patch: &$type) {
                    self.clone_from(patch);
                }
            }
        )*
    };
}
pub(super) use replaceable;

replaceable!(bool, usize, u64, f64);
