//! Keys that change and a Token Server that is gone for a while: what is good goes on.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use nix::sys::signal::Signal;

use super::*;
use crate::harness::eventually;

/// Asks with one of the tokens after the other until it is told to stop, and counts.
fn load(proxy: &Proxy, tokens: &Mutex<Vec<String>>, answered: &AtomicUsize, stop: &AtomicBool) {
    let mut client = proxy.client();
    for turn in 0.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let token = {
            let tokens = tokens.lock().unwrap_or_else(PoisonError::into_inner);
            tokens[turn % tokens.len()].clone()
        };
        let answer = ask(&mut client, Some(&token));
        assert_eq!(answer.status(), 200, "request {turn}: {answer:?}");
        answered.fetch_add(1, Ordering::Relaxed);
        if answer.fields.has("connection") {
            client = proxy.client();
        }
    }
}

#[test]
fn keys_that_change_under_load_lose_no_request() {
    let Some((mut server, nginx)) = TokenServer::start().zip(Nginx::start(&[])) else { return };
    for keys in ["discovery = true".to_owned(), format!("jwks_url = \"http://{}/jwks\"", server.address)] {
        let proxy = guard(&nginx, &server.verified(&keys)).cpus("0,0").start();
        let own = || server.token(JWT, READ);
        let tokens = Mutex::new(vec![own(), own()]);
        let (answered, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
        let more = |count: usize| {
            let wanted = answered.load(Ordering::Relaxed) + count;
            eventually("more answers", || {
                let is_over = stop.load(Ordering::Relaxed);
                (is_over || answered.load(Ordering::Relaxed) >= wanted).then_some(())
            });
        };
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let _stops_the_others = StopOnPanic(&stop);
                    load(&proxy, &tokens, &answered, &stop);
                });
            }
            let _stops_the_load = StopOnPanic(&stop);
            more(200);
            server.rotate();
            let new = [(); 4].map(|()| server.token(JWT, READ));
            tokens.lock().unwrap_or_else(PoisonError::into_inner).extend(new);
            more(400);
            stop.store(true, Ordering::Relaxed);
        });
    }
}

/// Lets nobody wait for a thread that is gone.
struct StopOnPanic<'a>(&'a AtomicBool);

impl Drop for StopOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.store(true, Ordering::Relaxed);
        }
    }
}

#[test]
fn a_token_server_that_stands_still_takes_nothing_away() {
    let Some((server, nginx)) = TokenServer::start().zip(Nginx::start(&[])) else { return };
    let opaque = guard(&nginx, &server.asked("")).start();
    let verified = guard(&nginx, &server.verified("discovery = true")).start();
    let (known, unknown) = (server.token(OPAQUE, READ), server.token(OPAQUE, READ));
    let (jwt, unseen) = (server.token(JWT, READ), server.token(JWT, READ));
    assert_eq!(told(&opaque, Some(&known)).status(), 200);
    assert_eq!(told(&verified, Some(&jwt)).status(), 200);
    server.process.signal(Signal::SIGSTOP);
    for (proxy, token) in [(&opaque, &known), (&verified, &jwt), (&verified, &unseen)] {
        assert_eq!(told(proxy, Some(token)).status(), 200);
    }
    let answer = told(&opaque, Some(&unknown));
    assert_eq!((answer.status(), answer.reason().as_str()), (503, "token-server-unavailable"));
    assert!(!answer.fields.has("www-authenticate") && answer.fields.has("retry-after"), "{answer:?}");
    server.process.signal(Signal::SIGCONT);
    eventually("the token to be asked about", || {
        (told(&opaque, Some(&unknown)).status() == 200).then_some(())
    });
}

#[test]
fn a_token_server_that_comes_back_with_other_keys_is_asked_again() {
    let Some((mut server, nginx)) = TokenServer::start().zip(Nginx::start(&[])) else { return };
    let opaque = guard(&nginx, &server.asked("")).start();
    let verified = guard(&nginx, &server.verified("discovery = true")).start();
    let (known, unknown) = (server.token(OPAQUE, READ), server.token(OPAQUE, READ));
    let jwt = server.token(JWT, READ);
    assert_eq!(told(&opaque, Some(&known)).status(), 200);
    assert_eq!(told(&verified, Some(&jwt)).status(), 200);
    server.process.end();
    assert_eq!(told(&opaque, Some(&known)).status(), 200);
    assert_eq!(told(&verified, Some(&jwt)).status(), 200);
    let answer = told(&opaque, Some(&unknown));
    assert_eq!((answer.status(), answer.fields.has("www-authenticate")), (503, false), "{answer:?}");
    server.restart();
    for (proxy, resource) in [(&opaque, OPAQUE), (&verified, JWT)] {
        let new = server.token(resource, READ);
        eventually("a new token to be good", || (told(proxy, Some(&new)).status() == 200).then_some(()));
    }
    // It knows nothing of the token that nobody had asked about, and says so.
    assert_eq!(told(&opaque, Some(&unknown)).status(), 401);
}
