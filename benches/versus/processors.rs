//! Which CPU does what: the proxy has one for itself; load and origin share another, or have one each.

use std::fmt;
use std::io;

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

#[derive(Clone, Copy)]
pub(crate) struct Processors {
    pub(crate) proxy: usize,
    pub(crate) load: usize,
    pub(crate) origin: usize,
}

impl Processors {
    /// Takes the given CPUs in the order proxy, load, origin, or spreads over those this process may use. Fails on a
    /// single one: the proxy would not be alone.
    pub(crate) fn choose(given: &[usize]) -> Result<Self, String> {
        match *given {
            [proxy, load] => return Ok(Processors { proxy, load, origin: load }),
            [proxy, load, origin] => return Ok(Processors { proxy, load, origin }),
            [] => {}
            _ => return Err("--cpus takes two or three CPUs: proxy, load, origin".into()),
        }
        let allowed = sched_getaffinity(Pid::from_raw(0)).map_err(|fault| fault.to_string())?;
        let allowed: Vec<usize> =
            (0..CpuSet::count()).filter(|&cpu| allowed.is_set(cpu) == Ok(true)).collect();
        match *allowed.as_slice() {
            [] | [_] => Err("at least 2 CPUs are needed: one for the proxy, one for load and origin".into()),
            [load, proxy] => Ok(Processors { proxy, load, origin: load }),
            [load, proxy, origin, ..] => Ok(Processors { proxy, load, origin }),
        }
    }
}

impl fmt::Display for Processors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Processors { proxy, load, origin } = self;
        if load == origin {
            write!(f, "proxy on CPU {proxy}, load and origin in one thread on CPU {load}")
        } else {
            write!(f, "proxy on CPU {proxy}, load on CPU {load}, origin on CPU {origin}")
        }
    }
}

pub(crate) fn pin_this_thread(cpu: usize) -> io::Result<()> {
    let mut set = CpuSet::new();
    set.set(cpu)?;
    Ok(sched_setaffinity(Pid::from_raw(0), &set)?)
}
