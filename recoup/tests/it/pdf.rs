//! PDFs by hand, good and bad.

/// Objects and pages in the making.
#[derive(Default)]
pub struct Pdf {
    /// Content streams of pages: bytes and extra entries of their dictionaries.
    pages: Vec<(Vec<u8>, String)>,
    forms: Vec<(String, String)>,
    trailer: String,
}

impl Pdf {
    /// Adds a page with this content.
    pub fn page(self, content: &str) -> Self {
        self.stream_page(content.as_bytes(), "")
    }

    /// Adds a page whose content is an encoded stream.
    pub fn stream_page(mut self, content: &[u8], entries: &str) -> Self {
        self.pages.push((content.to_vec(), entries.to_owned()));
        self
    }

    /// Adds a form that every page and form may draw by its name.
    pub fn form(mut self, name: &str, content: &str) -> Self {
        self.forms.push((name.to_owned(), content.to_owned()));
        self
    }

    /// Adds entries to the trailer.
    pub fn trailer(mut self, entries: &str) -> Self {
        self.trailer = entries.to_owned();
        self
    }

    /// The file: catalogue, page tree, font, forms, then each page and its content.
    pub fn finish(self) -> Vec<u8> {
        let first_form = 4;
        let first_page = first_form + self.forms.len();
        let forms: Vec<String> =
            self.forms.iter().enumerate().map(|(at, (name, _))| format!("/{name} {} 0 R", first_form + at)).collect();
        let resources = format!("<< /Font << /F1 3 0 R >> /XObject << {} >> >>", forms.join(" "));
        let kids: Vec<String> = (0..self.pages.len()).map(|at| format!("{} 0 R", first_page + 2 * at)).collect();
        let mut objects: Vec<Vec<u8>> = vec![
            b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(),
            format!("<< /Type /Pages /Count {} /Kids [{}] >>", kids.len(), kids.join(" ")).into_bytes(),
            b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_vec(),
        ];
        for (_, content) in &self.forms {
            let entries = format!("/Type /XObject /Subtype /Form /BBox [0 0 600 850] /Resources {resources}");
            objects.push(stream(content.as_bytes(), &entries));
        }
        for (at, (content, entries)) in self.pages.iter().enumerate() {
            let page = format!(
                "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources {resources} /Contents {} 0 R >>",
                first_page + 2 * at + 1
            );
            objects.push(page.into_bytes());
            objects.push(stream(content, entries));
        }
        write(&objects, &self.trailer)
    }
}

fn stream(content: &[u8], entries: &str) -> Vec<u8> {
    let mut object = format!("<< /Length {} {entries} >>\nstream\n", content.len()).into_bytes();
    object.extend_from_slice(content);
    object.extend_from_slice(b"\nendstream");
    object
}

fn write(objects: &[Vec<u8>], trailer: &str) -> Vec<u8> {
    let mut file = b"%PDF-1.5\n".to_vec();
    let mut offsets = vec![];
    for (at, object) in objects.iter().enumerate() {
        offsets.push(file.len());
        file.extend_from_slice(format!("{} 0 obj\n", at + 1).as_bytes());
        file.extend_from_slice(object);
        file.extend_from_slice(b"\nendobj\n");
    }
    let table = file.len();
    file.extend_from_slice(format!("xref\n0 {}\n0000000000 65535 f \n", offsets.len() + 1).as_bytes());
    for offset in &offsets {
        file.extend_from_slice(format!("{offset:010} 00000 n \n").as_bytes());
    }
    let end = format!("trailer\n<< /Size {} /Root 1 0 R {trailer} >>\nstartxref\n{table}\n%%EOF", offsets.len() + 1);
    file.extend_from_slice(end.as_bytes());
    file
}

/// About so many zeros as a zlib stream, written by hand: one literal, then "258 times what was before", each in thirteen bits.
pub fn deflated_zeros(count: usize) -> Vec<u8> {
    let mut bits = BitWriter { bytes: vec![0x78, 0x01], free: 0 };
    bits.put(0b011, 3); // the last block, with the fixed code
    bits.put(0b0000_1100, 8); // the literal 0, its code 00110000 from the top bit
    for _ in 0..count / 258 {
        bits.put(0b1010_0011, 8); // length 258, its code 11000101 from the top bit
        bits.put(0, 5); // distance 1
    }
    bits.put(0, 7); // the end of the block; the checksum is missing, as with any damaged file
    bits.bytes
}

struct BitWriter {
    bytes: Vec<u8>,
    free: u32,
}

impl BitWriter {
    fn put(&mut self, value: u32, count: u32) {
        for at in 0..count {
            if self.free == 0 {
                self.bytes.push(0);
                self.free = 8;
            }
            let last = self.bytes.last_mut().expect("never empty");
            *last |= (((value >> at) & 1) as u8) << (8 - self.free);
            self.free -= 1;
        }
    }
}
