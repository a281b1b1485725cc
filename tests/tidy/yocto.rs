//! The Yocto recipe fetches the libraries of the lock file, each with its sum.

use crate::tree;

#[test]
fn the_yocto_recipe_fetches_what_the_lock_file_names() {
    let wanted = recipe(&crates(&tree::read("Cargo.lock")));
    if std::env::var_os("KILOSAT_RENEW").is_some() {
        #[allow(clippy::disallowed_methods)] // a file of the tree, which git keeps
        std::fs::write(tree::root().join(LIST), &wanted).expect("the list can be written");
    }
    let listed = tree::read(LIST);
    let missing = wanted.lines().filter(|line| !listed.contains(line)).map(|line| format!("missing: {line}"));
    let gone = listed.lines().filter(|line| !wanted.contains(line)).map(|line| format!("gone: {line}"));
    let findings: Vec<_> = missing.chain(gone).collect();
    tree::assert_none(&format!("KILOSAT_RENEW=1 cargo test --test tidy yocto writes {LIST} anew"), &findings);
}

const LIST: &str = "yocto/meta-kilosat/recipes-kilosat/kilosat/kilosat-crates.inc";

/// Name, version and SHA-256 sum of each library.
fn crates(lock: &str) -> Vec<[String; 3]> {
    let packages = lock.split("[[package]]").skip(1);
    let value = |package: &str, key: &str| {
        let line = package.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = \""))?;
        Some(line.trim_end_matches('"').to_owned())
    };
    packages
        .filter_map(|package| Some([value(package, "name")?, value(package, "version")?, value(package, "checksum")?]))
        .collect()
}

fn recipe(crates: &[[String; 3]]) -> String {
    let mut text = "# Written by the test tidy::yocto from Cargo.lock.\nSRC_URI += \"\\\n".to_owned();
    text.extend(crates.iter().map(|[name, version, _]| format!("    crate://crates.io/{name}/{version} \\\n")));
    text += "\"\n\n";
    text.extend(crates.iter().map(|[name, version, sum]| format!("SRC_URI[{name}-{version}.sha256sum] = \"{sum}\"\n")));
    text
}

#[test]
fn a_lock_file_is_read_package_by_package() {
    let lock = "version = 4\n\n[[package]]\nname = \"own\"\nversion = \"1.0.0\"\n\n[[package]]\nname = \"aead\"\nversion = \"0.5.2\"\n\
                source = \"registry\"\nchecksum = \"d1\"\ndependencies = [\n \"name\",\n]\n";
    assert_eq!(crates(lock), [["aead", "0.5.2", "d1"].map(str::to_owned)]);
    assert!(
        recipe(&crates(lock))
            .contains("crate://crates.io/aead/0.5.2 \\\n\"\n\nSRC_URI[aead-0.5.2.sha256sum] = \"d1\"\n")
    );
}
