//! A new migration file must rebuild the crate that embeds it.

fn main() {
    for folder in ["kit", "tracking", "commission", "evidence", "claims", "orders", "notify"] {
        println!("cargo:rerun-if-changed={folder}");
    }
}
