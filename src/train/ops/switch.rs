//! The switch that turns the operations of networks off, so that burn's own expressions compute instead.

use std::sync::OnceLock;

/// What computes the operations of networks: convolutions, normalization, matrix products.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Implementation {
    /// The operations of this module.
    Kernels,
    /// burn's own operations and their own gradients ([`super::plain`]), always in float32 and on the processor: slower,
    /// and for comparison. On a GPU they would be left to burn's tuning, which takes kernels that are wrong for some
    /// shapes (cubek issue 434).
    Burn,
}

static CHOSEN: OnceLock<Implementation> = OnceLock::new();

impl Implementation {
    /// The one of this process: that of [`Implementation::choose`], else the kernels.
    pub fn chosen() -> Self {
        CHOSEN.get().copied().unwrap_or(Self::Kernels)
    }

    /// Chooses for this process; to be called at its start, since a choice once made stays.
    pub fn choose(self) {
        CHOSEN.get_or_init(|| self);
    }
}
