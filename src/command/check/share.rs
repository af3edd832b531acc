//! `--shards N`: which share of the list this run is, as the scheduler that started it says in the environment.

use crate::check::shard::Shard;

/// The schedulers, by the variable in which each numbers its tasks from 0.
const FROM_ZERO: [&str; 3] = ["JOB_COMPLETION_INDEX", "AWS_BATCH_JOB_ARRAY_INDEX", "CLOUD_RUN_TASK_INDEX"];

/// Slurm numbers them as the user says: from a smallest one, by a step.
const SLURM: [&str; 3] = ["SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_STEP"];

/// The share of `count` that is ours. `find` looks a variable up.
///
/// # Errors
/// No scheduler says, or what it says is no such share; in words.
pub(super) fn from_scheduler(count: u32, find: impl Fn(&str) -> Option<String>) -> Result<Shard, String> {
    let find = |name: &str| find(name).filter(|value| !value.is_empty());
    let number = |name: &str, value: &str| {
        value.parse::<u32>().map_err(|_| format!("{name} is '{}', which is no number", value.escape_debug()))
    };
    let from_zero = FROM_ZERO.iter().find_map(|name| Some((*name, find(name)?)));
    let (name, index) = match (from_zero, find(SLURM[0])) {
        (Some((name, value)), _) => (name, number(name, &value)?),
        (None, Some(value)) => {
            let or = |name: &str, default| find(name).map_or(Ok(default), |value| number(name, &value));
            let (first, step) = (or(SLURM[1], 0)?, or(SLURM[2], 1)?.max(1));
            let id = number(SLURM[0], &value)?;
            (SLURM[0], id.checked_sub(first).ok_or(format!("{} is less than {}", SLURM[0], SLURM[1]))? / step)
        }
        (None, None) => {
            let names = FROM_ZERO.join(", ");
            return Err(format!("no scheduler says which share this is ({names} or {}); --shard I/N does", SLURM[0]));
        }
    };
    let shard = index.checked_add(1).and_then(|index| Shard::new(index, count));
    shard.ok_or_else(|| format!("{name} says that this is share {} of {count}", u64::from(index) + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(count: u32, variables: &[(&str, &str)]) -> Result<Shard, String> {
        from_scheduler(count, |name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn each_scheduler_is_understood() {
        let third = Ok(Shard { index: 3, count: 8 });
        assert_eq!(told(8, &[("JOB_COMPLETION_INDEX", "2")]), third);
        assert_eq!(told(8, &[("AWS_BATCH_JOB_ARRAY_INDEX", "2")]), third);
        assert_eq!(told(8, &[("CLOUD_RUN_TASK_INDEX", "2"), ("JOB_COMPLETION_INDEX", "")]), third);
        assert_eq!(told(8, &[("SLURM_ARRAY_TASK_ID", "2")]), third);
        let slurm = [("SLURM_ARRAY_TASK_ID", "14"), ("SLURM_ARRAY_TASK_MIN", "10"), ("SLURM_ARRAY_TASK_STEP", "2")];
        assert_eq!(told(8, &slurm), third);
    }

    #[test]
    fn what_is_no_share_is_said() {
        for (count, variables, expected) in [
            (8, &[][..], "no scheduler says"),
            (8, &[("JOB_COMPLETION_INDEX", "8")], "share 9 of 8"),
            (8, &[("JOB_COMPLETION_INDEX", "4294967295")], "share 4294967296 of 8"),
            (8, &[("JOB_COMPLETION_INDEX", "x")], "JOB_COMPLETION_INDEX is 'x'"),
            (8, &[("SLURM_ARRAY_TASK_ID", "1"), ("SLURM_ARRAY_TASK_MIN", "2")], "is less than"),
        ] {
            let error = told(count, variables).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
