//! From a session to the keys of one message.
