//! Which CPUs get a worker: `auto`, or a list such as `2-5,8`.

use nix::sched::{CpuSet, sched_getaffinity};
use nix::unistd::Pid;

use super::reader::Field;
use crate::limits::WORKERS;

/// The CPUs this process may run on, ascending.
pub(super) fn allowed_cpus() -> Result<Vec<usize>, String> {
    let set = sched_getaffinity(Pid::from_raw(0))
        .map_err(|error| format!("cannot ask the kernel which CPUs this process may use: {error}"))?;
    Ok((0..CpuSet::count()).filter(|cpu| set.is_set(*cpu).unwrap_or(false)).collect())
}

/// One entry per worker: what `field` says, all of `allowed` where it is absent or `auto`.
pub(super) fn worker_cpus(field: Option<&Field<'_>>, allowed: &[usize]) -> Vec<usize> {
    let auto = || allowed.to_vec();
    let Some(field) = field else { return auto() };
    let expected = "\"auto\" or a list of CPUs such as \"2-5,8\"";
    let Some(text) = field.text(expected) else { return auto() };
    if text == "auto" {
        return auto();
    }
    let cpus = match parse_list(text) {
        Ok(cpus) => cpus,
        Err(reason) => {
            field.fault(reason);
            return auto();
        }
    };
    let refused: Vec<usize> = ascending(&cpus).into_iter().filter(|cpu| !allowed.contains(cpu)).collect();
    if !refused.is_empty() {
        let (refused, allowed) = (list_text(&refused), list_text(allowed));
        field.fault(format!("this process may not use CPU {refused}; allowed are {allowed}"));
    }
    warn_about(field, &cpus, allowed);
    cpus
}

fn warn_about(field: &Field<'_>, cpus: &[usize], allowed: &[usize]) {
    let mut repeated = cpus.to_vec();
    for cpu in ascending(cpus) {
        if let Some(at) = repeated.iter().position(|other| *other == cpu) {
            repeated.swap_remove(at);
        }
    }
    if !repeated.is_empty() {
        let repeated = list_text(&ascending(&repeated));
        field.warn(format!("CPU {repeated} has several workers, which take turns; name it once"));
    }
    if cpus.len() > allowed.len() {
        let (workers, cpus) = (cpus.len(), allowed.len());
        field.warn(format!("{workers} workers share {cpus} usable CPUs; have at most one worker for each"));
    }
}

fn ascending(cpus: &[usize]) -> Vec<usize> {
    let mut cpus = cpus.to_vec();
    cpus.sort_unstable();
    cpus.dedup();
    cpus
}

fn parse_list(text: &str) -> Result<Vec<usize>, String> {
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse::<usize>().ok()).flatten().filter(|cpu| *cpu < CpuSet::count())
    };
    let mut cpus = Vec::new();
    for part in text.split(',').map(str::trim) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        match (number(first), number(last)) {
            (Some(first), Some(last)) if first <= last => cpus.extend(first..=last),
            _ => {
                return Err(format!(
                    "{part:?} is neither a CPU nor a range; write \"auto\" or, say, \"2-5,8\""
                ));
            }
        }
        if cpus.len() > WORKERS {
            return Err(format!("that is more than {WORKERS} workers"));
        }
    }
    Ok(cpus)
}

/// Ascending CPUs as [`parse_list`] reads them, runs joined.
fn list_text(cpus: &[usize]) -> String {
    let follows = |a: &usize, b: &usize| *a + 1 == *b;
    let runs = cpus.chunk_by(follows).filter_map(|run| match run {
        [] => None,
        [only] => Some(only.to_string()),
        [first, .., last] => Some(format!("{first}-{last}")),
    });
    runs.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::super::document::parse_document;
    use super::super::reader::Section;
    use super::super::report::{Place, Report};
    use super::super::schema;
    use super::*;

    #[test]
    fn lists_name_cpus_and_ranges() {
        let check = |text: &str, expected: Option<&[usize]>| {
            assert_eq!(parse_list(text).ok().as_deref(), expected, "{text}");
        };
        check("3", Some(&[3]));
        check("2-5,8", Some(&[2, 3, 4, 5, 8]));
        check("1, 0 ,1", Some(&[1, 0, 1]));
        check("", None);
        check("1,", None);
        check("5-2", None);
        check("1-2-3", None);
        check("+1", None);
        check("99999999999999999999", None);
        check("0-99999", None);
        check("all", None);
    }

    /// The workers on `allowed` CPUs under `cpus = value`, and all that is found.
    fn workers(value: &str, allowed: &[usize]) -> (Vec<usize>, Vec<String>) {
        let (report, file) = (Report::default(), "test.toml".into());
        let text = format!("cpus = {value}");
        let table = parse_document(&text, &file, &report).expect("TOML");
        let section = Section::root(&table, &Place::start_of(&file), schema::WORKERS, &report);
        let cpus = worker_cpus(section.get("cpus").as_ref(), allowed);
        let found = match report.finish() {
            Ok(warnings) => warnings.iter().map(|warning| format!("warning {warning}")).collect(),
            Err(errors) => errors.iter().map(ToString::to_string).collect(),
        };
        (cpus, found)
    }

    #[test]
    fn workers_run_on_allowed_cpus_only() {
        let check = |value: &str, expected: &[usize], findings: &[&str]| {
            assert_eq!(
                workers(value, &[0, 1, 4]),
                (expected.to_vec(), findings.iter().map(ToString::to_string).collect())
            );
        };
        check("'auto'", &[0, 1, 4], &[]);
        check("'4,0'", &[4, 0], &[]);
        check("'0,1,4'", &[0, 1, 4], &[]);
        check(
            "'0-5'",
            &[0, 1, 2, 3, 4, 5],
            &["test.toml:1:8: `cpus` is \"0-5\": this process may not use CPU 2-3,5; allowed are 0-1,4"],
        );
        check(
            "'1,1'",
            &[1, 1],
            &["warning test.toml:1:8: CPU 1 has several workers, which take turns; name it once"],
        );
        check(
            "'1,4,1,1,4'",
            &[1, 4, 1, 1, 4],
            &[
                "warning test.toml:1:8: CPU 1,4 has several workers, which take turns; name it once",
                "warning test.toml:1:8: 5 workers share 3 usable CPUs; have at most one worker for each",
            ],
        );
        check(
            "2",
            &[0, 1, 4],
            &[
                "test.toml:1:8: `cpus` must be \"auto\" or a list of CPUs such as \"2-5,8\", not the integer 2",
            ],
        );
    }

    #[test]
    fn absent_means_every_allowed_cpu() {
        assert_eq!(worker_cpus(None, &[3, 5]), [3, 5]);
    }

    #[test]
    fn runs_are_joined() {
        let check = |cpus: &[usize], expected: &str| assert_eq!(list_text(cpus), expected);
        check(&[], "");
        check(&[1], "1");
        check(&[0, 1, 2, 4, 6, 7], "0-2,4,6-7");
    }
}
