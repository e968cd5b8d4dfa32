//! Writing `Content-Disposition`.

use crate::links::Showing;

/// How the document is to be shown and what it is called: in ASCII for old readers and in UTF-8 (RFC 6266).
pub fn disposition(showing: Showing, name: Option<&str>) -> String {
    let kind = match showing {
        Showing::View => "inline",
        Showing::Download => "attachment",
    };
    let name = name.unwrap_or("document");
    let safe = |character: char| character.is_ascii_alphanumeric() || " ._-()".contains(character);
    let ascii: String = name.chars().map(|character| if safe(character) { character } else { '_' }).collect();
    let mut encoded = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"._-".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    format!("{kind}; filename=\"{ascii}\"; filename*=UTF-8''{encoded}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_out_of_the_header() {
        assert_eq!(
            disposition(Showing::Download, Some("Rechnung \"März\".pdf")),
            "attachment; filename=\"Rechnung _M_rz_.pdf\"; filename*=UTF-8''Rechnung%20%22M%C3%A4rz%22.pdf"
        );
        assert_eq!(disposition(Showing::View, None), "inline; filename=\"document\"; filename*=UTF-8''document");
        assert!(!disposition(Showing::View, Some("a\r\nX: y")).contains(['\r', '\n']));
    }
}
