//! GZIP, piece by piece.

use std::io::{self, Write};

use bytes::Bytes;
use flate2::write::MultiGzDecoder;

/// So much is unpacked at a time: even the tightest packing makes no more than some megabytes of it.
const STEP: usize = 4 * 1024;

/// Unpacks a stream in bounded memory.
pub(crate) struct Unzip {
    decoder: MultiGzDecoder<Vec<u8>>,
    fed: bool,
}

impl Unzip {
    pub(crate) fn new() -> Self {
        Self { decoder: MultiGzDecoder::new(Vec::new()), fed: false }
    }

    /// Takes a step of what came in, and gives what it unpacks to, which may be nothing yet.
    ///
    /// # Errors
    /// When it is not GZIP, or damaged.
    pub(crate) fn step(&mut self, packed: &mut Bytes) -> io::Result<Bytes> {
        let step = packed.split_to(packed.len().min(STEP));
        self.fed |= !step.is_empty();
        self.decoder.write_all(&step)?;
        Ok(std::mem::take(self.decoder.get_mut()).into())
    }

    /// The rest, once all has come in.
    ///
    /// # Errors
    /// When the end is missing, or the checksum is wrong.
    pub(crate) fn finish(&mut self) -> io::Result<Bytes> {
        if self.fed {
            self.decoder.try_finish()?;
        }
        Ok(std::mem::take(self.decoder.get_mut()).into())
    }
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn packed(content: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(content).unwrap();
        encoder.finish().unwrap()
    }

    fn unpacked(packed: &[u8]) -> io::Result<(Vec<u8>, usize)> {
        let (mut unzip, mut packed) = (Unzip::new(), Bytes::copy_from_slice(packed));
        let (mut content, mut largest) = (Vec::new(), 0);
        while !packed.is_empty() {
            let piece = unzip.step(&mut packed)?;
            largest = largest.max(piece.len());
            content.extend_from_slice(&piece);
        }
        content.extend_from_slice(&unzip.finish()?);
        Ok((content, largest))
    }

    #[test]
    fn a_bomb_comes_out_in_small_pieces() {
        let bomb = vec![b'0'; 64 << 20];
        let (content, largest) = unpacked(&packed(&bomb)).unwrap();
        assert_eq!(content.len(), bomb.len());
        assert!(largest < 8 << 20, "{largest}");
    }

    #[test]
    fn several_members_are_one_file_and_nothing_is_an_empty_one() {
        let both = [packed(b"one\n"), packed(b"two\n")].concat();
        assert_eq!(unpacked(&both).unwrap().0, b"one\ntwo\n");
        assert_eq!(unpacked(b"").unwrap().0, b"");
    }

    #[test]
    fn what_is_cut_or_damaged_is_noticed() {
        let whole = packed(b"date\tfnsku\r\n");
        for cut in [1, 5, 12, whole.len() - 9, whole.len() - 1] {
            assert!(unpacked(&whole[..cut]).is_err(), "cut at {cut}");
        }
        let mut damaged = whole.clone();
        let checksum = damaged.len() - 6;
        damaged[checksum] ^= 1;
        assert!(unpacked(&damaged).is_err());
        assert!(unpacked(b"date\tfnsku\r\n").is_err());
    }
}
