//! What kernels of replicated sharing cost, as data: for predictions, and held against measurement by a test.

/// Rounds, and bytes that each role sends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Causal depth of the deepest message.
    pub rounds: u32,
    /// Bytes of payload sent by the first, second and third player.
    pub bytes: [usize; 3],
}

impl Cost {
    /// One after the other: at most so many rounds, since not every last message lies on the next one's critical path.
    #[must_use]
    pub fn then(self, other: Self) -> Self {
        Self { rounds: self.rounds + other.rounds, bytes: self.sum(other) }
    }

    /// At the same time.
    #[must_use]
    pub fn beside(self, other: Self) -> Self {
        Self { rounds: self.rounds.max(other.rounds), bytes: self.sum(other) }
    }

    fn sum(self, other: Self) -> [usize; 3] {
        std::array::from_fn(|i| self.bytes[i].saturating_add(other.bytes[i]))
    }
}

/// A kernel, with what its cost depends on besides the ring and the number of elements of its result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kernel {
    /// A product in the ring, of elements or of matrices.
    Multiply,
    /// A product divided by 2^by.
    MultiplyTruncate {
        /// Bits that are cut off.
        by: u32,
    },
    /// A division by 2^by.
    Truncate {
        /// Bits that are cut off.
        by: u32,
    },
    /// A product with public real numbers of so many fraction bits, at most; at least one.
    Scale {
        /// Bits after the binary point of the most precise of them.
        bits: u32,
    },
    /// The sign.
    Msb,
    /// Equality with zero.
    IsZero,
    /// The lowest bits.
    Decompose {
        /// How many.
        width: usize,
    },
    /// A conjunction of planes.
    And {
        /// How many planes.
        width: usize,
    },
    /// Truth values as 0 and 1.
    ToRing,
    /// A product of a truth value and a number, also in a choice.
    MultiplyBit,
    /// A choice with a sign, divided by 2^by; at least by 2.
    SignedChoice {
        /// Bits that are cut off.
        by: u32,
    },
    /// The greater of a number and zero.
    Relu,
    /// From Z_2^64 to Z_2^128.
    Widen,
    /// Opened to all three.
    Open,
    /// Rows in a secret order, or back from it.
    Shuffle,
    /// Bits in a secret order, or back from it.
    ShuffleBits,
    /// A vector in order, by so many bits of its elements.
    Sort {
        /// How many.
        width: usize,
        /// Bits of a digit.
        digit: usize,
    },
}

impl Kernel {
    /// The cost for `count` elements of the ring of `bits` bits.
    #[must_use]
    pub fn cost(self, bits: u32, count: usize) -> Cost {
        let dense = count * (bits / 8) as usize;
        let narrow = |by: u32| count * by.div_ceil(8) as usize;
        let planes = |width: usize| count.div_ceil(8) * width;
        let half = bits as usize / 2;
        let each = |rounds, bytes| Cost { rounds, bytes: [bytes; 3] };
        match self {
            Self::Multiply | Self::MultiplyTruncate { by: 0 } => each(1, dense),
            Self::MultiplyTruncate { by } => {
                Cost { rounds: 2, bytes: [dense + narrow(by), 2 * dense, dense + narrow(by)] }
            }
            Self::Truncate { by: 0 } => Cost::default(),
            Self::Truncate { by } => Cost { rounds: 2, bytes: [dense + narrow(by), dense, narrow(by)] },
            Self::Scale { bits: fraction } => {
                let carry = narrow(fraction.min(bits));
                Cost { rounds: 2, bytes: [dense + carry, dense, carry] }
            }
            Self::And { width } => each(1, planes(width)),
            Self::ToRing => each(2, dense),
            Self::MultiplyBit => Cost { rounds: 2, bytes: [2 * dense, dense, dense] },
            Self::SignedChoice { by } => {
                let (first, others) = (4 * dense + narrow(by), dense + narrow(by));
                Cost { rounds: 3, bytes: [first, others, others] }
            }
            Self::Relu => Self::Msb.cost(bits, count).then(Self::MultiplyBit.cost(bits, count)),
            Self::Widen => Cost { rounds: 2, bytes: [24 * count, 16 * count, 8 * count] },
            Self::Open => each(1, dense),
            Self::Shuffle => each(3, 2 * dense),
            Self::ShuffleBits => each(3, 2 * planes(1)),
            Self::Sort { width, digit } => sort(bits, count, (width, digit)),
            Self::Msb => {
                // The lowest leaf is one bit, the others are two; then the top bit.
                let first = planes(1 + 3 * (half - 1) + 1);
                let leaves = planes(2 * half - 1);
                carry_tree(half).fold(Cost { rounds: 2, bytes: [first, leaves, leaves] }, |cost, width| {
                    cost.then(each(1, planes(width)))
                })
            }
            Self::IsZero => {
                let start = Cost { rounds: 2, bytes: [planes(3 * half), planes(half), planes(half)] };
                let levels = std::iter::successors(Some(half / 2), |w| Some(w / 2)).take_while(|&w| w > 0);
                levels.fold(start, |cost, width| cost.then(each(1, planes(width))))
            }
            Self::Decompose { width: 0 } => Cost::default(),
            Self::Decompose { width } => {
                let (all, generate) = (planes(width), planes(width - 1));
                let start = Cost { rounds: 2, bytes: [all, generate, generate] };
                prefix(width - 1).fold(start, |cost, width| cost.then(each(1, planes(width))))
            }
        }
    }
}

/// A radix sort by digits of so many bits: the bits; the place by the first digit; for each further one the places so far
/// opened in a shuffled order, the place by it, and both composed; then the rows at their places.
fn sort(bits: u32, count: usize, (width, digit): (usize, usize)) -> Cost {
    // Places are numbers of Z_2^64.
    let small = |kernel: Kernel, count| kernel.cost(u64::BITS, count);
    let opened = small(Kernel::Shuffle, count).then(small(Kernel::Open, count));
    let place = |digit: usize| {
        let sets = (1 << digit) - 1;
        products(digit, count).then(small(Kernel::ToRing, sets * count)).then(small(Kernel::Multiply, count))
    };
    let start = Kernel::Decompose { width }.cost(bits, count).then(place(width.min(digit)));
    let digits = (digit..width).step_by(digit).map(|at| (width - at).min(digit));
    let placed = digits.fold(start, |cost, digit| {
        let shuffled = opened.beside(small(Kernel::ShuffleBits, digit * count));
        cost.then(shuffled).then(place(digit)).then(small(Kernel::Shuffle, count))
    });
    placed.then(opened.beside(Kernel::Shuffle.cost(bits, count)))
}

/// All products of the bits of a digit: sets of neighbouring bits, joined in pairs.
fn products(digit: usize, count: usize) -> Cost {
    let mut groups = vec![1; digit];
    let mut cost = Cost::default();
    while groups.len() > 1 {
        let sets = |bits: usize| (1 << bits) - 1;
        let pairs = groups.chunks_exact(2).map(|pair| sets(pair[0]) * sets(pair[1]));
        cost = cost.then(Kernel::And { width: 1 }.cost(u64::BITS, count * pairs.sum::<usize>()));
        groups = groups.chunks(2).map(|pair| pair.iter().sum()).collect();
    }
    cost
}

/// Conjunctions at each level of a carry tree: all generate bits and all propagate bits but the lowest.
fn carry_tree(leaves: usize) -> impl Iterator<Item = usize> {
    std::iter::successors(Some(leaves), |n| Some(n.div_ceil(2))).take_while(|&n| n > 1).map(|n| 2 * (n / 2) - 1)
}

/// Conjunctions at each level of Sklansky's network.
fn prefix(width: usize) -> impl Iterator<Item = usize> {
    let spans = std::iter::successors(Some(1usize), |s| Some(2 * s)).take_while(move |&s| s < width);
    spans.map(move |span| {
        let targets = (0..width).filter(|j| j & span != 0);
        targets.map(|j| if j / (2 * span) > 0 { 2 } else { 1 }).sum()
    })
}
