//! The resource limits of a child's process, as plain data: their form on the way to the child, and their text in
//! errors.

use std::fmt;

/// Bounds that the kernel enforces on a process and on the processes that it starts. `None` keeps the parent's bound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ProcessBounds {
    /// Bytes of address space.
    pub memory_bytes: Option<u64>,
    /// Seconds of CPU time.
    pub cpu_secs: Option<u64>,
    /// Open files.
    pub open_files: Option<u64>,
}

impl ProcessBounds {
    /// The bounds as one word; [`from_text`](Self::from_text) reads it.
    pub fn to_text(&self) -> String {
        let Self { memory_bytes, cpu_secs, open_files } = self;
        let fields = [memory_bytes, cpu_secs, open_files];
        fields.map(|field| field.map_or_else(String::new, |bound| bound.to_string())).join(",")
    }

    /// Reads the output of [`to_text`](Self::to_text).
    pub fn from_text(text: &str) -> Option<Self> {
        let mut fields =
            text.split(',').map(|field| if field.is_empty() { Ok(None) } else { field.parse().map(Some) });
        let mut next = || fields.next()?.ok();
        let bounds = Self { memory_bytes: next()?, cpu_secs: next()?, open_files: next()? };
        fields.next().is_none().then_some(bounds)
    }
}

/// The bounds that are set, each in words and preceded by `under` or a comma; empty without any.
impl fmt::Display for ProcessBounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MIB: u64 = 1024 * 1024;
        let mut before = " under";
        let mut next = || std::mem::replace(&mut before, ",");
        if let Some(bytes) = self.memory_bytes {
            let (count, unit) =
                if bytes >= MIB && bytes % MIB == 0 { (bytes / MIB, "MiB") } else { (bytes, "bytes") };
            write!(f, "{} a memory limit of {count} {unit}", next())?;
        }
        if let Some(secs) = self.cpu_secs {
            write!(f, "{} a CPU limit of {secs} s", next())?;
        }
        if let Some(files) = self.open_files {
            write!(f, "{} a limit of {files} open files", next())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_travel_in_one_word_and_read_as_words() {
        let all =
            ProcessBounds { memory_bytes: Some(64 << 20), cpu_secs: Some(2), open_files: Some(u64::MAX) };
        let one = ProcessBounds { memory_bytes: Some(1_000_000), ..ProcessBounds::default() };
        for (bounds, words) in [
            (ProcessBounds::default(), ""),
            (one, " under a memory limit of 1000000 bytes"),
            (
                all,
                " under a memory limit of 64 MiB, a CPU limit of 2 s, a limit of 18446744073709551615 open files",
            ),
        ] {
            assert!(!bounds.to_text().contains(' '));
            assert_eq!(ProcessBounds::from_text(&bounds.to_text()), Some(bounds));
            assert_eq!(bounds.to_string(), words);
        }
        for text in ["", ",", "1,2", "1,2,3,4", "1,2,x", "-1,,"] {
            assert_eq!(ProcessBounds::from_text(text), None, "{text}");
        }
    }
}
