//! Blocking jobs done again and again by a bounded number of threads, so that a slow one delays no other.
//!
//! What a job is, and what becomes of its result, is the owner's business.

#![expect(clippy::disallowed_types, reason = "threads of the control side meet here, never a worker")]

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use super::clock;
use crate::protocol::moment::Monotonic;

/// When the first turns of new jobs are due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstTurn {
    /// All now.
    AtOnce,
    /// Evenly over each job's interval, so that turns do not come in waves.
    Spread,
}

/// The jobs and their threads. Dropping it ends the threads, each after the job it is at.
pub struct Recurring<J> {
    name: &'static str,
    threads: usize,
    threads_most: usize,
    board: Arc<Board<J>>,
}

struct Board<J> {
    schedule: Mutex<Schedule<J>>,
    changed: Condvar,
    work: Box<dyn Fn(&J) + Send + Sync>,
}

struct Schedule<J> {
    jobs: Arc<[(Duration, J)]>,
    turns: BinaryHeap<Reverse<Turn>>,
    /// Counts replacements: a turn of replaced jobs is not put back.
    edition: u64,
    ended: bool,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Turn {
    due: Monotonic,
    job: usize,
}

impl<J: Send + Sync + 'static> Recurring<J> {
    /// Without jobs and threads so far. `name` is what the threads are called, at most 15 bytes.
    pub fn new(name: &'static str, threads_most: usize, work: impl Fn(&J) + Send + Sync + 'static) -> Self {
        let schedule = Schedule { jobs: Arc::new([]), turns: BinaryHeap::new(), edition: 0, ended: false };
        let board = Board { schedule: Mutex::new(schedule), changed: Condvar::new(), work: Box::new(work) };
        Self { name, threads: 0, threads_most, board: Arc::new(board) }
    }

    /// Does these jobs from now on, each at its interval, and no others. A job under way ends. Fails when a thread
    /// cannot be started; the jobs are then done by those there are.
    pub fn replace(&mut self, jobs: Vec<(Duration, J)>, first: FirstTurn) -> io::Result<()> {
        let wanted = jobs.len().min(self.threads_most);
        self.board.lock().replace(jobs, first, clock::monotonic());
        self.board.changed.notify_all();
        while self.threads < wanted {
            let board = Arc::clone(&self.board);
            thread::Builder::new().name(self.name.into()).spawn(move || board.attend())?;
            self.threads += 1;
        }
        Ok(())
    }
}

impl<J> Drop for Recurring<J> {
    fn drop(&mut self) {
        self.board.lock().ended = true;
        self.board.changed.notify_all();
    }
}

impl<J> Schedule<J> {
    fn replace(&mut self, jobs: Vec<(Duration, J)>, first: FirstTurn, now: Monotonic) {
        let count = jobs.len().max(1) as u32;
        self.turns.clear();
        for (job, (interval, _)) in jobs.iter().enumerate() {
            let wait = match first {
                FirstTurn::AtOnce => Duration::ZERO,
                FirstTurn::Spread => *interval / count * job as u32,
            };
            self.turns.push(Reverse(Turn { due: now.after(wait), job }));
        }
        self.jobs = jobs.into();
        self.edition += 1;
    }
}

impl<J> Board<J> {
    fn lock(&self) -> MutexGuard<'_, Schedule<J>> {
        self.schedule.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a thread does all its life: waits for the next turn, takes it, puts the one after it on the schedule.
    fn attend(&self) {
        let mut schedule = self.lock();
        while !schedule.ended {
            let now = clock::monotonic();
            let Some(Reverse(next)) = schedule.turns.peek() else {
                schedule = self.changed.wait(schedule).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            if next.due > now {
                let wait = next.due.since(now);
                schedule = match self.changed.wait_timeout(schedule, wait) {
                    Ok((schedule, _)) => schedule,
                    Err(poisoned) => poisoned.into_inner().0,
                };
                continue;
            }
            schedule = self.take_turn(schedule);
        }
    }

    fn take_turn<'a>(&'a self, mut schedule: MutexGuard<'a, Schedule<J>>) -> MutexGuard<'a, Schedule<J>> {
        let Some(Reverse(turn)) = schedule.turns.pop() else { return schedule };
        let (jobs, edition) = (Arc::clone(&schedule.jobs), schedule.edition);
        drop(schedule);
        let Some((interval, job)) = jobs.get(turn.job) else { return self.lock() };
        (self.work)(job);
        let mut schedule = self.lock();
        if schedule.edition == edition {
            let due = turn.due.after(*interval).max(clock::monotonic());
            schedule.turns.push(Reverse(Turn { due, job: turn.job }));
            // A thread that waits for a later turn must learn of this one: its owner may be busy when it is due.
            self.changed.notify_one();
        }
        schedule
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, channel};

    use super::*;

    const LONG: Duration = Duration::from_secs(10);

    fn sending(threads: usize) -> (Recurring<u32>, Receiver<u32>) {
        let (sender, receiver) = channel();
        (Recurring::new("test-recurring", threads, move |job| sender.send(*job).unwrap_or(())), receiver)
    }

    #[test]
    fn a_job_is_done_again_and_again() {
        let (mut recurring, receiver) = sending(1);
        recurring.replace(vec![(Duration::from_millis(1), 7)], FirstTurn::AtOnce).unwrap();
        for _ in 0..3 {
            assert_eq!(receiver.recv_timeout(LONG).unwrap(), 7);
        }
    }

    #[test]
    fn replaced_jobs_are_not_done_again() {
        let (mut recurring, receiver) = sending(1);
        recurring.replace(vec![(Duration::from_millis(1), 1)], FirstTurn::AtOnce).unwrap();
        assert_eq!(receiver.recv_timeout(LONG).unwrap(), 1);
        recurring.replace(vec![(Duration::from_millis(1), 2)], FirstTurn::AtOnce).unwrap();
        let after: Vec<u32> = (0..20).map(|_| receiver.recv_timeout(LONG).unwrap()).collect();
        let first_new = after.iter().position(|job| *job == 2).unwrap();
        assert!(after[first_new..].iter().all(|job| *job == 2), "{after:?}");
    }

    #[test]
    fn a_stuck_job_delays_no_other() {
        let (started, starts) = channel();
        let (release, gate) = channel::<()>();
        let gate = Mutex::new(gate);
        let mut recurring = Recurring::new("test-recurring", 2, move |job: &u32| {
            started.send(*job).unwrap_or(());
            if *job == 0 {
                gate.lock().unwrap().recv().unwrap_or(());
            }
        });
        let jobs = vec![(Duration::from_millis(1), 0), (Duration::from_millis(1), 1)];
        recurring.replace(jobs, FirstTurn::AtOnce).unwrap();
        let seen: Vec<u32> = (0..6).map(|_| starts.recv_timeout(LONG).unwrap()).collect();
        assert_eq!(seen.iter().filter(|job| **job == 1).count(), 5, "{seen:?}");
        drop(release);
    }

    #[test]
    fn first_turns_are_spread_over_the_interval() {
        let mut schedule =
            Schedule { jobs: Arc::new([]), turns: BinaryHeap::new(), edition: 0, ended: false };
        let second = Duration::from_secs(1);
        schedule.replace(
            vec![(second, ()), (second, ()), (second, ()), (second, ())],
            FirstTurn::Spread,
            Monotonic(5),
        );
        let mut due: Vec<u64> = schedule.turns.iter().map(|turn| turn.0.due.0 - 5).collect();
        due.sort_unstable();
        assert_eq!(due, [0, 250_000_000, 500_000_000, 750_000_000]);
    }
}
