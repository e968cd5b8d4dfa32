//! Numbers in a text and what they count: `32oz`, `32 ounces` and `32 oz.` are the same.

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unit {
    /// Nothing that we know.
    Bare,
    /// A year between 1900 and 2099.
    Year,
    /// A unit, as its number in [`UNITS`].
    Known(u8),
}

/// A number with what it counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quantity {
    /// In the unit's first spelling.
    pub value: f64,
    /// What it counts.
    pub unit: Unit,
}

/// Spellings of a unit, each with its factor to the first one.
const UNITS: [&[(&str, f64)]; 16] = [
    &[("in", 1.0), ("inch", 1.0), ("inches", 1.0)],
    &[("ft", 1.0), ("feet", 1.0), ("foot", 1.0)],
    &[("mm", 1.0), ("cm", 10.0), ("m", 1000.0), ("meter", 1000.0), ("meters", 1000.0)],
    &[("mb", 1.0), ("gb", 1024.0), ("tb", 1_048_576.0), ("kb", 1.0 / 1024.0)],
    &[("mhz", 1.0), ("ghz", 1000.0), ("hz", 1e-6), ("khz", 1e-3)],
    &[("oz", 1.0), ("ounce", 1.0), ("ounces", 1.0)],
    &[("lb", 1.0), ("lbs", 1.0), ("pound", 1.0), ("pounds", 1.0)],
    &[("g", 1.0), ("kg", 1000.0), ("gram", 1.0), ("grams", 1.0), ("mg", 1e-3)],
    &[("ml", 1.0), ("l", 1000.0), ("liter", 1000.0), ("litre", 1000.0), ("cl", 10.0)],
    &[("w", 1.0), ("watt", 1.0), ("watts", 1.0), ("kw", 1000.0)],
    &[("v", 1.0), ("volt", 1.0), ("volts", 1.0)],
    &[("mah", 1.0), ("ah", 1000.0)],
    &[("mp", 1.0), ("megapixel", 1.0), ("megapixels", 1.0)],
    &[
        ("pk", 1.0),
        ("pack", 1.0),
        ("packs", 1.0),
        ("ct", 1.0),
        ("count", 1.0),
        ("pcs", 1.0),
        ("piece", 1.0),
        ("pieces", 1.0),
    ],
    &[("x", 1.0), ("times", 1.0)],
    &[("user", 1.0), ("users", 1.0), ("license", 1.0), ("licenses", 1.0), ("seat", 1.0), ("seats", 1.0)],
];

/// The numbers among tokens, each with the unit that is glued to it or follows it.
#[must_use]
pub fn quantities(tokens: &[String]) -> Vec<Quantity> {
    let mut found: Vec<Quantity> = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        let digits = token.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
        let (number, glued) = token.split_at(digits);
        let Ok(value) = number.parse::<f64>() else { continue };
        let spelled = if glued.is_empty() { tokens.get(at + 1).map_or("", String::as_str) } else { glued };
        let quantity = match unit(spelled) {
            Some((unit, factor)) => Quantity { value: value * factor, unit },
            // The beginning of a code is not a number.
            None if !glued.is_empty() => continue,
            None if number.len() == 4 && (1900.0..2100.0).contains(&value) => Quantity { value, unit: Unit::Year },
            None => Quantity { value, unit: Unit::Bare },
        };
        if !found.contains(&quantity) && found.len() < 32 {
            found.push(quantity);
        }
    }
    found
}

fn unit(spelled: &str) -> Option<(Unit, f64)> {
    UNITS.iter().enumerate().find_map(|(number, spellings)| {
        let (_, factor) = spellings.iter().find(|(name, _)| *name == spelled)?;
        Some((Unit::Known(number as u8), *factor))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_the_same_however_they_are_spelled() {
        let read = |text: &str| quantities(&crate::matching::text::tokens(text));
        assert_eq!(read("bottle 32oz"), read("32 ounces bottle"));
        assert_eq!(read("1 gb"), read("1024mb"));
        assert_eq!(read("office 2007"), [Quantity { value: 2007.0, unit: Unit::Year }]);
        assert_eq!(read("dav-is50 4x4b"), []);
    }
}
