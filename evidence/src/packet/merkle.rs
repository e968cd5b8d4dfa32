//! The Merkle tree over a packet's entries, hashed as in RFC 6962: one number that stands for all of them, and lets a single document be
//! proved without handing over the others.

use super::sha256::Sha256;

/// A leaf: `0x00`, the path, `0x00`, the hash of the bytes. The first byte tells leaves from nodes, so that neither can pass for the other.
#[must_use]
pub fn leaf(path: &str, content: &Sha256) -> Sha256 {
    Sha256::of(&[&[0], path.as_bytes(), &[0], &content.0])
}

/// The root over `leaves` in their order; the hash of nothing for none.
#[must_use]
pub fn root(leaves: &[Sha256]) -> Sha256 {
    match leaves {
        [] => Sha256::of(&[]),
        [only] => *only,
        several => {
            // The left side takes the largest power of two that leaves something for the right.
            let (left, right) = several.split_at(several.len().next_power_of_two() / 2);
            Sha256::of(&[&[1], &root(left).0, &root(right).0])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(left: Sha256, right: Sha256) -> Sha256 {
        Sha256::of(&[&[1], &left.0, &right.0])
    }

    #[test]
    fn the_tree_is_the_one_of_the_rfc() {
        assert_eq!(root(&[]).to_string(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        let [a, b, c] = ["a", "b", "c"].map(|path| leaf(path, &Sha256::of(&[path.as_bytes()])));
        assert_eq!(root(&[a]), a);
        assert_eq!(root(&[a, b]), node(a, b));
        assert_eq!(root(&[a, b, c]), node(node(a, b), c));
        assert_eq!(root(&[a, b, c, a]), node(node(a, b), node(c, a)));
        assert_eq!(root(&[a, b, c, a, b]), node(node(node(a, b), node(c, a)), b));
    }

    #[test]
    fn a_path_is_part_of_its_leaf() {
        let hash = Sha256::of(&[b"x"]);
        assert_ne!(leaf("a", &hash), leaf("b", &hash));
    }
}
