//! A message as sealed chunks.
