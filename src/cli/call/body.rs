//! What a request carries: text of the command line, a file, or standard input.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::path::Path;

use super::CallArguments;
use crate::client::Content;

/// The content that the arguments ask for.
pub(super) fn content(arguments: &CallArguments) -> Result<Box<dyn Content>, String> {
    match (&arguments.data, &arguments.data_file) {
        (Some(text), _) => Ok(Box::new(Text::new(text.clone().into_bytes()))),
        (None, Some(file)) if file == Path::new("-") => Ok(Box::new(Input)),
        (None, Some(path)) => {
            let opened = File::open(path).and_then(Regular::new);
            let opened = opened.map_err(|error| format!("cannot read `{}`: {error}", path.display()))?;
            Ok(Box::new(opened))
        }
        (None, None) => Ok(Box::new(Text::new(Vec::new()))),
    }
}

/// Bytes at hand.
pub(in crate::cli) struct Text {
    bytes: Vec<u8>,
    at: usize,
}

impl Text {
    pub(in crate::cli) fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, at: 0 }
    }
}

impl Content for Text {
    fn length(&self) -> Option<u64> {
        Some(self.bytes.len() as u64)
    }

    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.bytes.get(self.at..).unwrap_or_default().read(into)?;
        self.at += count;
        Ok(count)
    }

    fn is_repeatable(&self) -> bool {
        true
    }

    fn rewind(&mut self) -> io::Result<()> {
        self.at = 0;
        Ok(())
    }
}

/// A file, as long as it was when it was opened; a pipe with a name is read to its end, once.
struct Regular {
    file: File,
    length: Option<u64>,
    left: u64,
}

impl Regular {
    fn new(file: File) -> io::Result<Self> {
        let facts = file.metadata()?;
        if facts.is_dir() {
            return Err(io::Error::other("it is a folder"));
        }
        let length = facts.is_file().then_some(facts.len());
        Ok(Self { file, length, left: length.unwrap_or(u64::MAX) })
    }
}

impl Content for Regular {
    fn length(&self) -> Option<u64> {
        self.length
    }

    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let max = into.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let count = self.file.read(&mut into[..max])?;
        if count == 0 && self.length.is_some() && self.left > 0 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the file became shorter while it was read",
            ));
        }
        self.left -= count as u64;
        Ok(count)
    }

    fn is_repeatable(&self) -> bool {
        self.length.is_some()
    }

    fn rewind(&mut self) -> io::Result<()> {
        self.left = self.length.unwrap_or(u64::MAX);
        self.file.rewind()
    }
}

/// Standard input.
struct Input;

impl Content for Input {
    fn length(&self) -> Option<u64> {
        None
    }

    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        io::stdin().read(into)
    }

    fn is_repeatable(&self) -> bool {
        false
    }

    fn rewind(&mut self) -> io::Result<()> {
        Err(io::Error::other("standard input cannot be read twice"))
    }
}
