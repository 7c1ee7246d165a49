//! The program image that this process runs, and which actors run the same one.
//!
//! The root draws the image's token at random; a child uses its parent's token if it runs the same file. If the system
//! does not say which file that is, there is no token.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::sync::LazyLock;

use crate::proto::id::Image;
use crate::proto::msg::ParentImage;

/// The executable of this process, even if its file was replaced since.
const EXECUTABLE: &str = "/proc/self/exe";
/// Room for the lines of the executable in the list of mappings: the kernel makes only as many lines as are read.
const MAPS_READ_BYTES: usize = 1024;

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

/// The data that a child gets.
pub(crate) fn for_child(image: Option<Image>) -> Option<ParentImage> {
    Some(ParentImage { image: image?, executable: executable()? })
}

/// The token of a child that got this data.
pub(crate) fn of_child(parent: Option<ParentImage>) -> Option<Image> {
    let ParentImage { image, executable: theirs } = parent?;
    (executable()? == theirs).then_some(image)
}

/// Whether the code at this address belongs to the executable itself, and not to a library, which another process may
/// have in another version.
pub(super) fn contains(code: *const ()) -> bool {
    static CODE: LazyLock<Vec<Range<usize>>> = LazyLock::new(|| mapped().unwrap_or_default());
    CODE.iter().any(|range| range.contains(&code.addr()))
}

/// The address range of the executable in memory.
fn mapped() -> Option<Vec<Range<usize>>> {
    let path = fs::read_link(EXECUTABLE).ok()?;
    let path = path.to_str()?;
    let maps = BufReader::with_capacity(MAPS_READ_BYTES, File::open("/proc/self/maps").ok()?);
    Some(ranges_of(path, maps))
}

/// The address ranges of a file in memory. They follow each other, with only anonymous memory between them, and are
/// usually the first of the list. The rest of the list is not read, to save time in every child.
fn ranges_of(path: &str, maps: impl BufRead) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    for line in maps.lines().map_while(Result::ok) {
        // Each line: range, permissions, offset, device, inode, path.
        let mut fields = line.splitn(6, ' ');
        let range = fields.next().and_then(|range| {
            let (start, end) = range.split_once('-')?;
            Some(usize::from_str_radix(start, 16).ok()?..usize::from_str_radix(end, 16).ok()?)
        });
        match fields.nth(4).map_or("", str::trim_start) {
            found if found == path => ranges.extend(range),
            "" => {}
            _ if ranges.is_empty() => {}
            _ => break,
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_keeps_the_token_only_if_it_runs_the_same_file() {
        let image = draw().expect("the file is known");
        let known = for_child(Some(image)).expect("the file is known");
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
    fn the_parts_of_a_file_are_found_wherever_they_begin() {
        let maps = b"1000-2000 r--p 00000000 fd:01 76                         /lib\n\
            3000-4000 r--p 00000000 fd:01 77                         /a b\n\
            4000-5000 rw-p 00000000 00:00 0 \n\
            5000-6000 r-xp 00001000 fd:01 77                         /a b\n\
            6000-7000 rw-p 00000000 00:00 0                          [heap]\n";
        assert_eq!(ranges_of("/a b", &maps[..]), [0x3000..0x4000, 0x5000..0x6000]);
        assert_eq!(ranges_of("/lib", &maps[..]), [Range { start: 0x1000, end: 0x2000 }]);
        assert_eq!(ranges_of("/other", &maps[..]), []);
    }

    #[test]
    fn code_of_libraries_does_not_belong_to_the_executable() {
        let own: fn() -> Option<Image> = draw;
        assert!(contains(own as *const ()));
        assert!(!contains(std::ptr::null()));
        let on_the_heap = Box::new(0u8);
        assert!(!contains((&raw const *on_the_heap).cast()));
    }
}
