//! Names of months in the languages of the large markets.

/// Beginnings of month names, folded, that are enough to know them: English, German, French, Spanish, Italian, Dutch,
/// Portuguese and Polish.
const MONTHS: &[(&[&str], u32)] = &[
    (&["jan", "janv", "gen", "ene", "sty"], 1),
    (&["feb", "fev", "fevr", "lut"], 2),
    (&["mar", "maart", "marz", "maerz", "mrz", "mrt"], 3),
    (&["apr", "avr", "abr", "kwi"], 4),
    (&["may", "mai", "mei", "mag", "maj"], 5),
    (&["jun", "juin", "giu", "cze"], 6),
    (&["jul", "juil", "lug", "lip"], 7),
    (&["aug", "aou", "ago", "sie"], 8),
    (&["sep", "set", "wrz"], 9),
    (&["oct", "okt", "ott", "out", "paz"], 10),
    (&["nov", "lis"], 11),
    (&["dec", "dez", "dic", "gru"], 12),
];

/// Whole month names that the beginnings stand for; anything else ("market", "Marie") is no month.
const NAMES: &str = "\
    january february march april may june july august september october november december januar februar marz maerz \
    mai juni juli oktober dezember janner janvier fevrier mars avril juin juillet aout septembre octobre novembre \
    decembre enero febrero marzo abril mayo junio julio agosto septiembre setiembre octubre noviembre diciembre \
    gennaio febbraio aprile maggio giugno luglio settembre ottobre dicembre januari februari maart mei augustus \
    janeiro fevereiro marco maio junho julho setembro outubro novembro dezembro stycznia lutego marca kwietnia maja \
    czerwca lipca sierpnia wrzesnia pazdziernika listopada grudnia janv fevr juil sept mrz mrt";

/// The month that a folded word names, from 1.
pub(super) fn named(folded: &str) -> Option<u32> {
    let known = folded.chars().count() <= 3 || NAMES.split(' ').any(|name| name == folded);
    MONTHS
        .iter()
        .find(|(starts, _)| {
            starts
                .iter()
                .any(|start| if known && folded.len() > 3 { folded.starts_with(start) } else { folded == *start })
        })
        .filter(|_| known)
        .map(|(_, month)| *month)
}
