//! A plain reverse proxy on Pingora: one thread, pooled upstream connections, one JSON log line per request.
//!
//! Usage: `versus-pingora LISTEN ORIGIN ACCESS_LOG`

use std::fs::File;
use std::io::{BufWriter, Write};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use pingora::prelude::*;
use pingora::proxy::http_proxy_service;
use pingora::server::configuration::ServerConf;

/// Buffered as the other peers' logs are: written when 64 KiB are full, or after a second.
const LOG_BUFFER_BYTES: usize = 64 * 1024;
const LOG_FLUSH_EVERY: Duration = Duration::from_secs(1);
const UPSTREAM_IDLE_CONNECTIONS: usize = 128;

type Log = Arc<Mutex<BufWriter<File>>>;

struct Relay {
    origin: String,
    log: Log,
}

struct Exchange {
    begun: Instant,
}

#[async_trait]
impl ProxyHttp for Relay {
    type CTX = Exchange;

    fn new_ctx(&self) -> Exchange {
        Exchange { begun: Instant::now() }
    }

    async fn upstream_peer(&self, _: &mut Session, _: &mut Exchange) -> Result<Box<HttpPeer>> {
        Ok(Box::new(HttpPeer::new(self.origin.as_str(), false, String::new())))
    }

    async fn logging(&self, session: &mut Session, fault: Option<&Error>, exchange: &mut Exchange) {
        let status = session.response_written().map_or(0, |head| head.status.as_u16());
        let request = session.req_header();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let client = session.client_addr().map(ToString::to_string).unwrap_or_default();
        if let Ok(mut log) = self.log.lock() {
            // A full disk must not stop the measured program.
            let _ = writeln!(
                log,
                r#"{{"time":{:.3},"client":"{client}","method":"{}","target":"{}","status":{status},"bytes":{},"upstream":"{}","duration_us":{},"failed":{}}}"#,
                now.as_secs_f64(),
                request.method,
                request.uri,
                session.body_bytes_sent(),
                self.origin,
                exchange.begun.elapsed().as_micros(),
                fault.is_some(),
            );
        }
    }
}

fn flush_every_second(log: Log) {
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(LOG_FLUSH_EVERY);
            if let Ok(mut log) = log.lock() {
                let _ = log.flush();
            }
        }
    });
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [listen, origin, log] = arguments.as_slice() else {
        eprintln!("usage: versus-pingora LISTEN ORIGIN ACCESS_LOG");
        return ExitCode::from(2);
    };
    let log = match File::create(log) {
        Ok(file) => Arc::new(Mutex::new(BufWriter::with_capacity(LOG_BUFFER_BYTES, file))),
        Err(fault) => {
            eprintln!("cannot create {log}: {fault}");
            return ExitCode::FAILURE;
        }
    };
    flush_every_second(log.clone());
    let conf = ServerConf {
        threads: 1,
        work_stealing: false,
        upstream_keepalive_pool_size: UPSTREAM_IDLE_CONNECTIONS,
        grace_period_seconds: Some(0),
        graceful_shutdown_timeout_seconds: Some(1),
        ..ServerConf::default()
    };
    let mut server = Server::new_with_opt_and_conf(None, conf);
    server.bootstrap();
    let mut service = http_proxy_service(&server.configuration, Relay { origin: origin.clone(), log });
    service.add_tcp(listen);
    server.add_service(service);
    server.run_forever()
}
