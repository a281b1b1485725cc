//! An owner's own profiles: every `*.toml` of one folder.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::Arc;

use super::load::FILE_BYTES_MAX;
use super::{Profile, ProfileFault, built_in, load};

/// A profile that an owner added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnProfile {
    /// What it says.
    pub profile: Arc<Profile>,
    /// The text of its file.
    pub text: String,
}

/// Reads the profiles of an owner's folder, in the order of their file names. A folder that does not exist has none.
///
/// # Errors
/// [`ProfileFault`] for the first file that cannot be read or is wrong, and for a name that is built in or used twice:
/// a profile never silently replaces another.
pub fn load_folder(folder: &Path) -> Result<Vec<OwnProfile>, ProfileFault> {
    let fault = |file: &Path, place: &str, text: String| ProfileFault {
        file: file.display().to_string(),
        place: place.to_owned(),
        text,
    };
    let unreadable = |file: &Path, error: &io::Error| {
        fault(file, "the file", format!("could not be read ({error}); check its permissions or remove it"))
    };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(folder, &error)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| unreadable(folder, &error))?.path();
        // Anything but a plain file, such as a pipe, could be waited for in vain.
        if path.extension().is_some_and(|extension| extension == "toml") && path.is_file() {
            paths.push(path);
        }
        if paths.len() > FILES_MAX {
            let text = format!("holds more than {FILES_MAX} files; keep those of your devices");
            return Err(fault(folder, "the folder", text));
        }
    }
    paths.sort();
    let mut profiles: Vec<OwnProfile> = Vec::new();
    for path in paths {
        let text = read_bounded(&path).map_err(|error| unreadable(&path, &error))?;
        let profile = load(&text, &path.display().to_string())?;
        let name = &profile.name;
        if built_in::names().any(|known| known == name) {
            return Err(fault(&path, "name", format!("{name:?} is built in; choose another, such as \"my-{name}\"")));
        }
        if profiles.iter().any(|other| other.profile.name == *name) {
            return Err(fault(&path, "name", format!("{name:?} is the name of another file too; choose another")));
        }
        profiles.push(OwnProfile { profile: Arc::new(profile), text });
    }
    Ok(profiles)
}

/// One byte more than a profile may have, so that a larger file is refused by [`load`].
fn read_bounded(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let limit = u64::try_from(FILE_BYTES_MAX + 1).expect("a small constant");
    File::open(path)?.take(limit).read_to_string(&mut text)?;
    Ok(text)
}

const FILES_MAX: usize = 200;
