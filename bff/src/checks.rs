//! What can be refused before anything is sent. The owning services check again: they alone know the state.

use service_kit::problem::Problem;

/// A text of 1 to `most` characters without control characters.
///
/// # Errors
/// 422 that names `field`.
pub fn text(field: &str, text: &str, most: usize) -> Result<(), Problem> {
    let fits = !text.trim().is_empty() && text.chars().count() <= most && !text.chars().any(char::is_control);
    if fits { Ok(()) } else { Err(Problem::invalid_field(field, format!("must have 1 to {most} characters"))) }
}

/// A code that may stand in a path.
///
/// # Errors
/// 422 that names `field`.
pub fn code(field: &str, code: &str) -> Result<(), Problem> {
    let starts_well = code.starts_with(|first: char| first.is_ascii_alphanumeric());
    let plain = code.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    if (2..=64).contains(&code.len()) && starts_well && plain {
        return Ok(());
    }
    Err(Problem::invalid_field(field, "must have 2 to 64 letters, digits, - or _"))
}

/// An e-mail address, as far as its form tells.
///
/// # Errors
/// 422 that names `field`.
pub fn email(field: &str, email: &str) -> Result<(), Problem> {
    let parts = email.rsplit_once('@');
    let good = parts.is_some_and(|(name, domain)| {
        !name.is_empty() && domain.contains('.') && !domain.starts_with('.') && !domain.ends_with('.')
    });
    let plain = !email.chars().any(|c| c.is_whitespace() || c.is_control());
    if good && plain && email.len() <= 254 {
        Ok(())
    } else {
        Err(Problem::invalid_field(field, "must be an e-mail address"))
    }
}

/// A calendar month, `2026-11`.
///
/// # Errors
/// 422 that names `field`.
pub fn month(field: &str, month: &str) -> Result<(), Problem> {
    let digits = |part: &str, length: usize| part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit());
    let good = month.split_once('-').is_some_and(|(year, number)| {
        digits(year, 4) && year >= "1970" && digits(number, 2) && ("01"..="12").contains(&number)
    });
    if good { Ok(()) } else { Err(Problem::invalid_field(field, "must be a month such as 2026-11")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_checked() {
        assert!(email("e", "user@example.com").is_ok());
        for bad in ["", "user", "@example.com", "user@com", "a b@example.com", "user@.com"] {
            assert!(email("e", bad).is_err(), "{bad}");
        }
        assert!(month("m", "2026-11").is_ok());
        for bad in ["", "2026", "2026-13", "2026-1", "26-01", "2026-00", "2026-011"] {
            assert!(month("m", bad).is_err(), "{bad}");
        }
        assert!(code("c", "camp123").is_ok());
        for bad in ["", "a", "-a", "a/b", "a b", &"x".repeat(65)] {
            assert!(code("c", bad).is_err(), "{bad}");
        }
        assert!(text("t", "x", 1).is_ok() && text("t", "xx", 1).is_err() && text("t", " ", 1).is_err());
    }
}
