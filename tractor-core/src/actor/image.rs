//! The program image that this process runs, and who else runs it.
//!
//! Actors of one image have the same types and the same endpoints. The root draws the image's token; a child takes over
//! its parent's if it runs the same file. Where the system does not tell which file that is, there is no token.

use std::fs;
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::sync::LazyLock;

use crate::proto::id::Image;
use crate::proto::msg::ParentImage;

/// The executable of this process: also of one whose file was replaced since.
const EXECUTABLE: &str = "/proc/self/exe";

/// Device and inode of the executable.
fn executable() -> Option<[u8; 16]> {
    let file = fs::metadata(EXECUTABLE).ok()?;
    let mut id = [0; 16];
    id[..8].copy_from_slice(&file.dev().to_be_bytes());
    id[8..].copy_from_slice(&file.ino().to_be_bytes());
    Some(id)
}

/// The token of a new tree.
pub(crate) fn draw() -> Option<Image> {
    executable().map(|_known| Image::from_bytes(*uuid::Uuid::new_v4().as_bytes()))
}

/// What a child gets to know.
pub(crate) fn for_child(image: Option<Image>) -> Option<ParentImage> {
    Some(ParentImage { image: image?, executable: executable()? })
}

/// The token of a child that knows this.
pub(crate) fn of_child(parent: Option<ParentImage>) -> Option<Image> {
    let ParentImage { image, executable: theirs } = parent?;
    (executable()? == theirs).then_some(image)
}

/// Whether there is code of the executable itself at this address, and not of a library, which another process may have
/// in another version.
pub(super) fn contains(code: *const ()) -> bool {
    static CODE: LazyLock<Vec<Range<usize>>> = LazyLock::new(|| mapped().unwrap_or_default());
    CODE.iter().any(|range| range.contains(&code.addr()))
}

/// Where the executable is in memory.
fn mapped() -> Option<Vec<Range<usize>>> {
    let path = fs::read_link(EXECUTABLE).ok()?;
    let path = path.to_str()?;
    let maps = fs::read_to_string("/proc/self/maps").ok()?;
    // Each line: range, permissions, offset, device, inode, path.
    let range = |line: &str| {
        let mut fields = line.splitn(6, ' ');
        let (start, end) = fields.next()?.split_once('-')?;
        let is_ours = fields.nth(4)?.trim_start() == path;
        is_ours.then_some(usize::from_str_radix(start, 16).ok()?..usize::from_str_radix(end, 16).ok()?)
    };
    Some(maps.lines().filter_map(range).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_keeps_the_token_only_if_it_runs_the_same_file() {
        let image = draw().expect("the system tells");
        let known = for_child(Some(image)).expect("the system tells");
        assert_eq!(of_child(Some(known)), Some(image));
        for place in [0, 7, 15] {
            let mut other = known;
            other.executable[place] ^= 1;
            assert_eq!(of_child(Some(other)), None);
        }
        assert_eq!(of_child(None), None);
        assert_eq!(for_child(None), None);
    }

    #[test]
    fn code_of_libraries_is_none_of_the_executable() {
        let own: fn() -> Option<Image> = draw;
        assert!(contains(own as *const ()));
        assert!(!contains(std::ptr::null()));
        let on_the_heap = Box::new(0u8);
        assert!(!contains((&raw const *on_the_heap).cast()));
    }
}
