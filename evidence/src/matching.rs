//! The pure matching core: no input or output, usable by itself.
//!
//! A [`record::Record`] is a bag of named values. [`schema::Schema`] finds out what its columns are, [`prepare`] folds and cuts the text
//! once per record, and [`vector`] compares two prepared records. Three judges stand on that: the fixed [`rules`], the unsupervised
//! [`fellegi_sunter`] model, and the learned [`model`]. [`decision`] turns a calibrated probability into what happens next.
#![expect(
    clippy::float_arithmetic,
    reason = "probabilities and similarities; amounts of money are compared in minor units"
)]

pub mod align;
pub mod article;
pub mod blocking;
pub mod calibration;
pub mod clues;
mod codes;
pub mod context;
pub mod corpus;
pub mod decision;
pub mod explain;
pub mod fellegi_sunter;
pub mod growing;
pub mod levels;
pub mod linear;
pub mod logistic;
pub mod metrics;
pub mod model;
pub mod prepare;
pub mod quantity;
pub mod random;
pub mod record;
pub mod rounds;
pub mod rules;
pub mod schema;
pub mod scorer;
pub mod similarity;
pub mod text;
pub mod trees;
pub mod vector;
