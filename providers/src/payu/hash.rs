//! PayU's hashes: SHA-512 over fields and the salt, parted by bars. The answer's are the request's in reverse.

use std::collections::BTreeMap;

use ring::digest::{SHA512, digest};

fn sha512(text: &str) -> String {
    digest(&SHA512, text.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn field<'a>(form: &'a BTreeMap<String, String>, name: &str) -> &'a str {
    form.get(name).map(String::as_str).unwrap_or_default()
}

/// The hash of a command.
pub fn command_hash(key: &str, command: &str, var1: &str, salt: &str) -> String {
    sha512(&format!("{key}|{command}|{var1}|{salt}"))
}

/// The hash of the form by which a customer comes to PayU's page.
pub fn request_hash(form: &BTreeMap<String, String>, salt: &str) -> String {
    let names = ["key", "txnid", "amount", "productinfo", "firstname", "email", "udf1", "udf2", "udf3", "udf4", "udf5"];
    let fields: Vec<&str> = names.iter().map(|name| field(form, name)).collect();
    sha512(&format!("{}||||||{salt}", fields.join("|")))
}

/// The hash of what PayU sends back, by the browser or as a webhook. Charges that were added to the amount come first.
pub fn response_hash(form: &BTreeMap<String, String>, salt: &str) -> String {
    let names = ["udf5", "udf4", "udf3", "udf2", "udf1", "email", "firstname", "productinfo", "amount", "txnid", "key"];
    let fields: Vec<&str> = names.iter().map(|name| field(form, name)).collect();
    let plain = format!("{salt}|{}||||||{}", field(form, "status"), fields.join("|"));
    let charges = [field(form, "additionalCharges"), field(form, "additional_charges")];
    match charges.into_iter().find(|charges| !charges.is_empty()) {
        Some(charges) => sha512(&format!("{charges}|{plain}")),
        None => sha512(&plain),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(extra: &[(&str, &str)]) -> BTreeMap<String, String> {
        let fields = [("key", "gtKFFx"), ("txnid", "20200429103010"), ("amount", "10"), ("productinfo", "iPhone")];
        let more = [("firstname", "Ashish"), ("email", "test@gmail.com"), ("status", "success")];
        fields.iter().chain(&more).chain(extra).map(|(name, value)| ((*name).into(), (*value).into())).collect()
    }

    #[test]
    fn charges_and_every_byte_count() {
        let plain = response_hash(&form(&[]), "salt");
        assert_eq!(plain.len(), 128);
        assert_ne!(plain, response_hash(&form(&[("additionalCharges", "1.50")]), "salt"));
        assert_ne!(plain, response_hash(&form(&[("amount", "11")]), "salt"));
        assert_ne!(plain, response_hash(&form(&[("status", "failure")]), "salt"));
        assert_ne!(plain, response_hash(&form(&[]), "salT"));
        assert_ne!(request_hash(&form(&[]), "salt"), plain);
        assert_eq!(command_hash("k", "verify_payment", "t", "s"), sha512("k|verify_payment|t|s"));
    }
}
