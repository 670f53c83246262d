//! Transposition of 64×64 blocks of bits.

/// Transposes a 64×64 block: bit `j` of word `i` becomes bit `i` of word `j` (Hacker's Delight, section 7-3).
pub(super) fn transpose64(block: &mut [u64; 64]) {
    let mut width = 32;
    let mut mask = 0x0000_0000_ffff_ffff_u64;
    while width > 0 {
        for start in (0..64).step_by(2 * width) {
            for i in start..start + width {
                let swap = (block[i] >> width ^ block[i + width]) & mask;
                block[i] ^= swap << width;
                block[i + width] ^= swap;
            }
        }
        width /= 2;
        mask ^= mask << width;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_lands_at_its_mirror() {
        let block: [u64; 64] = std::array::from_fn(|i| (i as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let mut mirror = block;
        transpose64(&mut mirror);
        for (i, row) in block.iter().enumerate() {
            for (j, column) in mirror.iter().enumerate() {
                assert_eq!(row >> j & 1, column >> i & 1, "row {i}, column {j}");
            }
        }
    }
}
