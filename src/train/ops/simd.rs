//! Compiles a kernel for several instruction sets, and picks one at run time.
//!
//! Plain loops, which wait for memory, are left to the compiler's vectorizer ([`vectorized`]: AVX2 with FMA, or any
//! processor); register tiles, which compute, name their vectors ([`Lanes`]: AVX-512, too), because the vectorizer keeps
//! them in registers on one day and not on the next.

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

/// Asks for the values to be brought into the cache, where the processor can be asked.
#[inline(always)]
pub(super) fn prefetch(values: &[f32]) {
    #[cfg(target_arch = "x86_64")]
    for line in values.chunks(LANES) {
        // SAFETY: every x86-64 processor has SSE, and a prefetch reads nothing.
        unsafe { std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(line.as_ptr().cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = values;
}

/// Sixteen neighboring float32 values.
pub(super) const LANES: usize = 16;

/// A vector of [`LANES`] values in registers.
///
/// All implementations with fused multiply-add give the same bits: lanes never mix.
pub(super) trait Lanes: Copy {
    /// One value in all lanes.
    type Splat: Copy;
    /// How many such vectors a tile may keep in registers for its sums; at most 16.
    const SUMS: usize;

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

    /// `value` in all lanes.
    ///
    /// # Safety
    /// The processor must have the instructions of the implementation.
    unsafe fn splat(value: f32) -> Self::Splat;

    /// `self + value * factors`.
    ///
    /// # Safety
    /// The processor must have the instructions of the implementation.
    unsafe fn add_product(self, value: Self::Splat, factors: Self) -> Self;

    /// `self + other`.
    ///
    /// # Safety
    /// The processor must have the instructions of the implementation.
    unsafe fn add(self, other: Self) -> Self;

    /// `self - other`.
    ///
    /// # Safety
    /// The processor must have the instructions of the implementation.
    unsafe fn sub(self, other: Self) -> Self;
}

/// For any processor.
#[derive(Clone, Copy)]
pub(super) struct Portable([f32; LANES]);

impl Lanes for Portable {
    type Splat = f32;
    const SUMS: usize = 6;

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
    unsafe fn splat(value: f32) -> f32 {
        value
    }

    #[inline(always)]
    unsafe fn add_product(self, value: f32, factors: Self) -> Self {
        const FMA: bool = cfg!(target_arch = "aarch64");
        Self(std::array::from_fn(|lane| mul_add::<FMA>(value, factors.0[lane], self.0[lane])))
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        Self(std::array::from_fn(|lane| self.0[lane] + other.0[lane]))
    }

    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        Self(std::array::from_fn(|lane| self.0[lane] - other.0[lane]))
    }
}

/// For x86-64 with AVX2 and FMA: sixteen registers.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
pub(super) struct Avx2([std::arch::x86_64::__m256; 2]);

#[cfg(target_arch = "x86_64")]
impl Lanes for Avx2 {
    type Splat = std::arch::x86_64::__m256;
    const SUMS: usize = 6;

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
    unsafe fn splat(value: f32) -> Self::Splat {
        // SAFETY: the caller vouches for the instructions.
        unsafe { std::arch::x86_64::_mm256_set1_ps(value) }
    }

    #[inline(always)]
    unsafe fn add_product(self, value: Self::Splat, factors: Self) -> Self {
        // SAFETY: the caller vouches for the instructions.
        unsafe {
            Self([
                std::arch::x86_64::_mm256_fmadd_ps(value, factors.0[0], self.0[0]),
                std::arch::x86_64::_mm256_fmadd_ps(value, factors.0[1], self.0[1]),
            ])
        }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        // SAFETY: the caller vouches for the instructions.
        unsafe {
            Self([
                std::arch::x86_64::_mm256_add_ps(self.0[0], other.0[0]),
                std::arch::x86_64::_mm256_add_ps(self.0[1], other.0[1]),
            ])
        }
    }

    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        // SAFETY: the caller vouches for the instructions.
        unsafe {
            Self([
                std::arch::x86_64::_mm256_sub_ps(self.0[0], other.0[0]),
                std::arch::x86_64::_mm256_sub_ps(self.0[1], other.0[1]),
            ])
        }
    }
}

/// For x86-64 with AVX-512: thirty-two registers, each a whole vector.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy)]
pub(super) struct Avx512(std::arch::x86_64::__m512);

#[cfg(target_arch = "x86_64")]
impl Lanes for Avx512 {
    type Splat = std::arch::x86_64::__m512;
    const SUMS: usize = 16;

    #[inline(always)]
    fn zero() -> Self {
        // SAFETY: a vector of floats may be all zero bits.
        unsafe { std::mem::zeroed() }
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller vouches for the values and the instructions.
        unsafe { Self(std::arch::x86_64::_mm512_loadu_ps(from)) }
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller vouches for the values and the instructions.
        unsafe { std::arch::x86_64::_mm512_storeu_ps(to, self.0) };
    }

    #[inline(always)]
    unsafe fn splat(value: f32) -> Self::Splat {
        // SAFETY: the caller vouches for the instructions.
        unsafe { std::arch::x86_64::_mm512_set1_ps(value) }
    }

    #[inline(always)]
    unsafe fn add_product(self, value: Self::Splat, factors: Self) -> Self {
        // SAFETY: the caller vouches for the instructions.
        unsafe { Self(std::arch::x86_64::_mm512_fmadd_ps(value, factors.0, self.0)) }
    }

    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        // SAFETY: the caller vouches for the instructions.
        unsafe { Self(std::arch::x86_64::_mm512_add_ps(self.0, other.0)) }
    }

    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        // SAFETY: the caller vouches for the instructions.
        unsafe { Self(std::arch::x86_64::_mm512_sub_ps(self.0, other.0)) }
    }
}

/// Only [`Level::available`] has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Checked(());

/// Which vectors a tiled kernel uses; there are only those that the processor has the instructions for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    /// [`Portable`].
    Portable,
    /// [`Avx2`].
    #[cfg(target_arch = "x86_64")]
    Avx2(Checked),
    /// [`Avx512`].
    #[cfg(target_arch = "x86_64")]
    Avx512(Checked),
}

impl Level {
    /// Those that this processor has, the widest last.
    pub(super) fn available() -> &'static [Self] {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
            return match std::arch::is_x86_feature_detected!("avx512f") {
                true => &[Self::Portable, Self::Avx2(Checked(())), Self::Avx512(Checked(()))],
                false => &[Self::Portable, Self::Avx2(Checked(()))],
            };
        }
        &[Self::Portable]
    }

    /// The widest that this processor has.
    pub(super) fn best() -> Self {
        Self::available().last().copied().unwrap_or(Self::Portable)
    }
}

/// Declares a function whose body is generic over [`Lanes`] and compiled for each [`Level`], its first argument.
///
/// Inside the body, the instructions of `V` may be taken for granted.
macro_rules! tiled {
    ($(#[$meta:meta])* $vis:vis fn $name:ident<$v:ident>($($arg:ident: $type:ty),* $(,)?) $body:block) => {
        $(#[$meta])*
        $vis fn $name(level: super::simd::Level, $($arg: $type),*) {
            /// # Safety
            /// The processor must have the instructions of the lanes.
            #[inline(always)]
            unsafe fn body<$v: super::simd::Lanes>($($arg: $type),*) $body

            match level {
                // SAFETY: the portable vectors need no special instructions.
                super::simd::Level::Portable => unsafe { body::<super::simd::Portable>($($arg),*) },
                #[cfg(target_arch = "x86_64")]
                super::simd::Level::Avx2(_) => {
                    #[target_feature(enable = "avx2,fma")]
                    fn wide($($arg: $type),*) {
                        // SAFETY: this function runs only where AVX2 and FMA are.
                        unsafe { body::<super::simd::Avx2>($($arg),*) }
                    }
                    // SAFETY: the processor has AVX2 and FMA, or the level would not be.
                    unsafe { wide($($arg),*) }
                }
                #[cfg(target_arch = "x86_64")]
                super::simd::Level::Avx512(_) => {
                    #[target_feature(enable = "avx512f,avx2,fma")]
                    fn widest($($arg: $type),*) {
                        // SAFETY: this function runs only where AVX-512, AVX2 and FMA are.
                        unsafe { body::<super::simd::Avx512>($($arg),*) }
                    }
                    // SAFETY: the processor has AVX-512, AVX2 and FMA, or the level would not be.
                    unsafe { widest($($arg),*) }
                }
            }
        }
    };
}
pub(super) use tiled;
