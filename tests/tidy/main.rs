//! Rules about the tree itself, as ordinary tests: how long files are, what each layer may name,
//! what no file may contain, and that the documents tell the truth.
//!
//! Every scanner is a pure function over text and has a bad sample of its own: a rule that cannot
//! fail is worse than none. Each finding names file and line.

mod architecture;
mod layers;
mod licences;
mod manifest;
mod production;
mod size;
mod source;
mod text;
mod tree;
mod yocto;
