//! The platforms that are asked about: `OS/ARCH` or `OS/ARCH/VARIANT`.

use crate::manifest::Platform;

/// The platforms whose children of an index are required. Without any, all are.
#[derive(Clone, Debug, Default)]
pub struct PlatformFilter {
    wanted: Vec<[String; 3]>,
}

impl PlatformFilter {
    /// Reads platforms such as `linux/amd64` and `linux/arm/v7`.
    ///
    /// # Errors
    /// The first text that is not a platform.
    pub fn new<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, &'a str> {
        let mut wanted = Vec::new();
        for text in texts {
            let words: Vec<_> = text.split('/').collect();
            match words[..] {
                [os, architecture] if !os.is_empty() && !architecture.is_empty() => {
                    wanted.push(normal(os, architecture, ""));
                }
                [os, architecture, variant] if words.iter().all(|word| !word.is_empty()) => {
                    wanted.push(normal(os, architecture, variant));
                }
                _ => return Err(text),
            }
        }
        Ok(Self { wanted })
    }

    /// Returns true if a child for this platform is required. A child of an unknown platform is required,
    /// because it may be for any.
    #[must_use]
    pub fn admits(&self, platform: &Platform<'_>) -> bool {
        let given = normal(&platform.os, &platform.architecture, &platform.variant);
        let is_unknown = given[0].is_empty() || given[1].is_empty();
        let is_wanted = |wanted: &[String; 3]| {
            // An `arm` without a variant is `v7`.
            let variant = if given[1] == "arm" && given[2].is_empty() { "v7" } else { &given[2] };
            wanted[..2] == given[..2] && (wanted[2].is_empty() || wanted[2] == variant)
        };
        self.wanted.is_empty() || is_unknown || self.wanted.iter().any(is_wanted)
    }
}

/// Returns the words as containerd compares them: in lower case, `arm64/v8` and `arm/v7` with and without their
/// variant alike, and other names of an architecture by its own (`platforms/database.go` of containerd).
fn normal(os: &str, architecture: &str, variant: &str) -> [String; 3] {
    let [os, architecture, variant] =
        [os, architecture, variant].map(|word| word.trim().to_ascii_lowercase());
    let (architecture, variant) = match (architecture.as_str(), variant.as_str()) {
        ("x86_64" | "x86-64", _) => ("amd64", variant.as_str()),
        ("aarch64" | "arm64", "" | "8" | "v8") => ("arm64", ""),
        ("aarch64", other) => ("arm64", other),
        ("arm", "7") => ("arm", "v7"),
        ("arm", "6") => ("arm", "v6"),
        ("arm", "5") => ("arm", "v5"),
        (architecture, variant) => (architecture, variant),
    };
    [os.clone(), architecture.to_owned(), variant.to_owned()]
}
