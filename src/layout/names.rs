//! Names in archives: cleaned, and followed over links.

/// Longest name of an entry or of a link's target, in bytes. Paths of Linux are no longer.
pub(super) const MAX_NAME: usize = 4_096;

/// Most links from one name to a file.
pub(super) const MAX_LINKS: usize = 8;

/// Returns a path within the archive without `.`, empty parts and slashes at the ends, as programs write it in
/// different ways: `./a//b/` is `a/b`. Returns None for a path that leaves the archive.
pub(super) fn clean(name: &[u8]) -> Option<Vec<u8>> {
    let mut clean: Vec<u8> = Vec::with_capacity(name.len());
    for part in name.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                let end = clean.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
                if clean.is_empty() {
                    return None;
                }
                clean.truncate(end);
            }
            part => {
                if !clean.is_empty() {
                    clean.push(b'/');
                }
                clean.extend_from_slice(part);
            }
        }
    }
    Some(clean)
}

/// Returns the name that a symbolic link in the folder of `name` points to.
pub(super) fn beside(name: &[u8], target: &[u8]) -> Option<Vec<u8>> {
    if target.first() == Some(&b'/') {
        return clean(target);
    }
    let folder = name.iter().rposition(|byte| *byte == b'/').map_or(&b""[..], |end| &name[..end]);
    clean(&[folder, b"/", target].concat())
}

/// Returns the hex digits of a name such as `blobs/sha256/<hex>`.
pub(super) fn of_blob(name: &[u8]) -> Option<&[u8; 64]> {
    name.strip_prefix(b"blobs/sha256/")?.try_into().ok()
}

/// Returns the hex digits of a file whose name tells the hash of its content: `blobs/sha256/<hex>`,
/// `sha256:<hex>`, `<hex>.json` and `<hex>.tar.gz`, as builders name configs and compressed layers.
pub(super) fn told_hash(name: &[u8]) -> Option<&[u8; 64]> {
    if let Some(hex) = of_blob(name) {
        return Some(hex);
    }
    let file = name.rsplit(|byte| *byte == b'/').next()?;
    let bare = file.strip_prefix(b"sha256:");
    let stem = bare.or_else(|| file.strip_suffix(b".json")).or_else(|| file.strip_suffix(b".tar.gz"))?;
    stem.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::{beside, clean};

    #[test]
    fn names_are_cleaned_and_never_leave_the_archive() {
        let rows = [
            ("./a//b/", Some("a/b")),
            ("/a/./b", Some("a/b")),
            ("a/../b", Some("b")),
            ("a/b/../../c", Some("c")),
            ("../a", None),
            ("a/../../b", None),
            ("", Some("")),
            (".", Some("")),
        ];
        for (name, expected) in rows {
            assert_eq!(clean(name.as_bytes()).as_deref(), expected.map(str::as_bytes), "{name}");
        }
        assert_eq!(beside(b"one/layer.tar", b"../two/layer.tar").unwrap(), b"two/layer.tar");
        assert_eq!(beside(b"layer.tar", b"two").unwrap(), b"two");
        assert_eq!(beside(b"one/layer.tar", b"/two").unwrap(), b"two");
        assert_eq!(beside(b"one/layer.tar", b"../../two"), None);
    }
}
