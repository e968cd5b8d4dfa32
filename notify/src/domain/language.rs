//! Languages, and what is taken where one is missing.

/// What everybody is taken to read.
pub const DEFAULT: &str = "en";

/// A language tag as it is kept: `de`, `de-AT`, `zh-Hant`. `None` for what is none (BCP 47: language, then parts of 2 to 8).
pub fn tag(text: &str) -> Option<String> {
    let mut parts = text.split('-');
    let language = parts.next().filter(|part| (2..=3).contains(&part.len()) && is_word(part))?;
    let rest: Vec<&str> = parts.collect();
    let fits = rest.len() <= 3 && rest.iter().all(|part| (2..=8).contains(&part.len()) && is_word(part));
    let mut tag = language.to_ascii_lowercase();
    for part in rest {
        tag.push('-');
        // Regions are written in capitals, scripts with one.
        match part.len() {
            2 => tag.push_str(&part.to_ascii_uppercase()),
            4 => {
                tag.push_str(&part[..1].to_ascii_uppercase());
                tag.push_str(&part[1..].to_ascii_lowercase());
            }
            _ => tag.push_str(&part.to_ascii_lowercase()),
        }
    }
    fits.then_some(tag)
}

fn is_word(part: &str) -> bool {
    part.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// Which languages are tried for a reader of this one, the best first: `de-AT`, `de`, `en`.
pub fn fallbacks(tag: &str) -> Vec<String> {
    let mut tried: Vec<String> = Vec::new();
    let mut rest = tag;
    loop {
        tried.push(rest.to_owned());
        match rest.rsplit_once('-') {
            Some((shorter, _)) => rest = shorter,
            None => break,
        }
    }
    if !tried.iter().any(|one| one == DEFAULT) {
        tried.push(DEFAULT.to_owned());
    }
    tried
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_kept_in_one_spelling_and_fall_back() {
        assert_eq!(tag("DE-at").as_deref(), Some("de-AT"));
        assert_eq!(tag("zh-hant-tw").as_deref(), Some("zh-Hant-TW"));
        for bad in ["", "d", "german", "de_AT", "de-", "de-x", "é"] {
            assert_eq!(tag(bad), None, "{bad}");
        }
        assert_eq!(fallbacks("zh-Hant-TW"), ["zh-Hant-TW", "zh-Hant", "zh", "en"]);
        assert_eq!(fallbacks("en-GB"), ["en-GB", "en"]);
    }
}
