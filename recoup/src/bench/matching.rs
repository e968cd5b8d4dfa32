//! `recoup bench matching`: how well the matching core finds what belongs together, and how honest its probabilities are.
#![expect(clippy::float_arithmetic, reason = "rates and shares, no amounts of money")]

mod febrl;
mod figures;
mod labelled;

use std::path::PathBuf;

use clap::Args;

use self::figures::Figures;

/// Settings of `bench matching`.
#[derive(Debug, Args)]
pub struct Matching {
    /// A folder that holds train.txt, valid.txt and test.txt, or folders that do.
    #[arg(long)]
    data: PathBuf,
    /// Writes the figures to this file too.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Only these sets, by comma; FEBRL is one.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Where the FEBRL files are kept once fetched.
    #[arg(long, env = "RECOUP_CACHE")]
    cache: Option<PathBuf>,
}

impl Matching {
    fn wants(&self, set: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|wanted| wanted == set)
    }
}

/// Runs all sets, one after the other on one core.
///
/// # Errors
/// When a set cannot be read, or there is none, or FEBRL was wanted and cannot be fetched.
pub fn run(settings: &Matching) -> anyhow::Result<()> {
    let (mut all, mut missing) = (Vec::new(), None);
    for (name, folder) in labelled::folders(&settings.data)? {
        if settings.wants(&name) {
            eprintln!("{name} ...");
            report(&mut all, labelled::run(&name, &folder)?);
        }
    }
    if settings.wants("FEBRL") {
        match febrl::obtain(settings.cache.as_deref()) {
            Ok(folder) => {
                for name in febrl::SETS {
                    eprintln!("{name} ...");
                    report(&mut all, febrl::run(name, &folder)?);
                }
            }
            Err(problem) => missing = Some(problem),
        }
    }
    anyhow::ensure!(
        !all.is_empty(),
        "no set below {}: a set is a folder with train.txt, valid.txt and test.txt",
        settings.data.display()
    );
    figures::print(&all);
    if let Some(path) = &settings.json {
        std::fs::write(path, serde_json::to_string_pretty(&all)?)?;
    }
    // The figures of the others are there; whoever reads them has to know that they are not all.
    let left_out = "FEBRL 1-4 left out, as their files could not be fetched; --only names the sets to run without them";
    missing.map_or(Ok(()), |problem| Err(problem.context(left_out)))
}

fn report(all: &mut Vec<Figures>, figures: Figures) {
    eprintln!("  F1 {:.3} ({:.3} pairwise) in {:.1} s", figures.f1, figures.f1_pairwise, figures.seconds);
    all.push(figures);
}
