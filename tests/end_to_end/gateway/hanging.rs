//! A server that takes a question and never answers it: it is left out for a while, as one that breaks off is.

use super::introspection::token_server;
use super::*;

#[test]
fn a_server_that_hangs_does_not_take_every_other_question() {
    let (server, tokens) = (ScriptedServer::ok(), token_server());
    let hanging = ScriptedServer::start(|connection| drop(connection.until_end()));
    let proxy = guarded(&server, "{ issuer = \"main\" }", "")
        .with(
            "[issuer.main]\nkind = \"introspection\"\nupstream = \"login\"\npath = \"/introspect\"\ntimeout = \"100ms\"",
        )
        .with(format!(
            "[upstream.login]\nservers = [\"http://{}\", \"http://{}\"]\nbalance = \"round-robin\"",
            hanging.address(),
            tokens.address()
        ))
        .start();
    let failed =
        (0..24).filter(|number| get(&proxy, Some(&format!("good-{number}"))).status() != 200).count();
    // Three, and now and then a trial; asked in turn it would be every other one.
    assert!((1..9).contains(&failed), "{failed} of 24");
}
