//! Compiles a kernel twice, for AVX2 with FMA and for any processor, and picks one at run time.
//!
//! Plain loops are left to the compiler's vectorizer ([`vectorized`]); register tiles name their vectors ([`Lanes`]),
//! because the vectorizer keeps them in registers on one day and not on the next.

/// Declares a function whose body is compiled for AVX2 + FMA as well; inside it `FMA` says which version runs.
///
/// Loops over fixed-size arrays in the body are vectorized by the compiler for the chosen instruction set.
macro_rules! vectorized {
    (
        $(#[$meta:meta])*
        $vis:vis fn $name:ident $(<$(const $n:ident: usize),+>)? ($($arg:ident: $type:ty),* $(,)?) $body:block
    ) => {
        $(#[$meta])*
        #[allow(clippy::too_many_arguments, reason = "kernels take slices and strides, not structures")]
        $vis fn $name $(<$(const $n: usize),+>)? ($($arg: $type),*) {
            #[inline(always)]
            fn body<const FMA: bool $(, $(const $n: usize),+)?>($($arg: $type),*) $body

            #[cfg(target_arch = "x86_64")]
            if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
                #[target_feature(enable = "avx2,fma")]
                fn wide $(<$(const $n: usize),+>)? ($($arg: $type),*) {
                    body::<true $(, $($n),+)?>($($arg),*)
                }
                // SAFETY: the processor has AVX2 and FMA, as just checked.
                return unsafe { wide $(::<$($n),+>)? ($($arg),*) };
            }
            body::<{ cfg!(target_arch = "aarch64") } $(, $($n),+)?>($($arg),*)
        }
    };
}
pub(super) use vectorized;

/// `a * b + c`, fused where the processor can (`FMA`); elsewhere a fused emulation would be slow.
#[inline(always)]
pub(super) fn mul_add<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

/// Sixteen neighboring float32 values.
pub(super) const LANES: usize = 16;

/// A vector of [`LANES`] values in registers.
pub(super) trait Lanes: Copy {
    /// All zeros.
    fn zero() -> Self;

    /// Reads `LANES` values.
    ///
    /// # Safety
    /// They must be readable, and the processor must have the instructions of the implementation.
    unsafe fn load(from: *const f32) -> Self;

    /// Writes `LANES` values.
    ///
    /// # Safety
    /// They must be writable, and the processor must have the instructions of the implementation.
    unsafe fn store(self, to: *mut f32);

    /// `self + value * factors`.
    ///
    /// # Safety
    /// The processor must have the instructions of the implementation.
    unsafe fn add_product(self, value: f32, factors: Self) -> Self;
}

/// For any processor.
#[derive(Clone, Copy)]
pub(super) struct Portable([f32; LANES]);

impl Lanes for Portable {
    #[inline(always)]
    fn zero() -> Self {
        Self([0.0; LANES])
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller vouches for `LANES` readable values; arrays of floats need no more alignment than floats.
        Self(unsafe { *from.cast() })
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller vouches for `LANES` writable values.
        unsafe { *to.cast() = self.0 };
    }

    #[inline(always)]
    unsafe fn add_product(self, value: f32, factors: Self) -> Self {
        const FMA: bool = cfg!(target_arch = "aarch64");
        Self(std::array::from_fn(|lane| mul_add::<FMA>(value, factors.0[lane], self.0[lane])))
    }
}

/// For x86-64 with AVX2 and FMA.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
pub(super) struct Avx2([std::arch::x86_64::__m256; 2]);

#[cfg(target_arch = "x86_64")]
impl Lanes for Avx2 {
    #[inline(always)]
    fn zero() -> Self {
        // SAFETY: a vector of floats may be all zero bits.
        unsafe { std::mem::zeroed() }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller vouches for the values and the instructions.
        unsafe { Self([std::arch::x86_64::_mm256_loadu_ps(from), std::arch::x86_64::_mm256_loadu_ps(from.add(8))]) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller vouches for the values and the instructions.
        unsafe {
            std::arch::x86_64::_mm256_storeu_ps(to, self.0[0]);
            std::arch::x86_64::_mm256_storeu_ps(to.add(8), self.0[1]);
        }
    }

    #[inline(always)]
    unsafe fn add_product(self, value: f32, factors: Self) -> Self {
        // SAFETY: the caller vouches for the instructions.
        unsafe {
            let value = std::arch::x86_64::_mm256_set1_ps(value);
            Self([
                std::arch::x86_64::_mm256_fmadd_ps(value, factors.0[0], self.0[0]),
                std::arch::x86_64::_mm256_fmadd_ps(value, factors.0[1], self.0[1]),
            ])
        }
    }
}

/// Declares a function whose body is generic over [`Lanes`] and compiled for the widest ones of the processor.
///
/// Inside the body, the instructions of `V` may be taken for granted.
macro_rules! tiled {
    ($(#[$meta:meta])* fn $name:ident<$v:ident>($($arg:ident: $type:ty),* $(,)?) $body:block) => {
        $(#[$meta])*
        #[allow(clippy::too_many_arguments, reason = "kernels take slices and strides, not structures")]
        fn $name($($arg: $type),*) {
            /// # Safety
            /// The processor must have the instructions of the lanes.
            #[inline(always)]
            unsafe fn body<$v: super::simd::Lanes>($($arg: $type),*) $body

            #[cfg(target_arch = "x86_64")]
            if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
                #[target_feature(enable = "avx2,fma")]
                fn wide($($arg: $type),*) {
                    // SAFETY: this function runs only where AVX2 and FMA are.
                    unsafe { body::<super::simd::Avx2>($($arg),*) }
                }
                // SAFETY: the processor has AVX2 and FMA, as just checked.
                return unsafe { wide($($arg),*) };
            }
            // SAFETY: the portable vectors need no special instructions.
            unsafe { body::<super::simd::Portable>($($arg),*) }
        }
    };
}
pub(super) use tiled;
