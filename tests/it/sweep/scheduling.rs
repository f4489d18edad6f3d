//! What a sweep file says about when and where jobs run.

use ablate::sweep::{Terms, parse};

use super::VALID;

/// [`VALID`] with this list.
fn with(list: &str) -> String {
    let end = VALID.trim_end().strip_suffix(')').unwrap();
    format!("{end}    scheduling: {list},\n)")
}

fn wrong(list: &str) -> String {
    parse("file.ron", &with(list)).unwrap_err().to_string()
}

#[test]
fn later_entries_go_before_earlier_ones_and_say_nothing_of_other_trials() {
    let sweep = parse(
        "file.ron",
        &with(
            r#"[
                (minutes: 90),
                (when: {"training": "long"}, priority: -1, minutes: 600),
                (when: {"training": ["long", "cold"]}, priority: 2.5, devices: 1),
            ]"#,
        ),
    )
    .unwrap();
    let terms = |priority, minutes, devices| Terms { priority, minutes, devices };
    let of: Vec<Terms> = sweep.points().take(3).map(|point| sweep.terms(&point)).collect();
    assert_eq!(
        of,
        [terms(Some(2.5), Some(600.0), Some(1)), terms(Some(2.5), Some(90.0), Some(1)), terms(None, Some(90.0), None)]
    );
    assert_eq!(parse("file.ron", VALID).unwrap().terms(&[0, 0]), Terms::default());
}

#[test]
fn a_job_of_two_trials_gets_what_either_needs() {
    let one = Terms { priority: Some(-1.0), minutes: Some(10.0), devices: None };
    let two = Terms { priority: None, minutes: Some(20.0), devices: Some(2) };
    assert_eq!(one.and(two), Terms { priority: Some(0.0), minutes: Some(20.0), devices: Some(2) });
    assert_eq!(one.and(Terms::default()), Terms { priority: Some(0.0), minutes: None, devices: None });
}

#[test]
fn it_changes_no_trial() {
    let plain = parse("file.ron", VALID).unwrap();
    let arranged = parse("file.ron", &with("[(priority: 1)]")).unwrap();
    assert!(plain.trials().eq(arranged.trials()));
}

#[test]
fn what_is_wrong_is_shown_with_its_place() {
    insta::assert_snapshot!(wrong("[(minutes: 0, devices: 0)]"), @"
    error: `minutes` cannot be 0
      --> file.ron:28:28
       |
    28 |     scheduling: [(minutes: 0, devices: 0)],
       |                            ^ impossible value
       |
       = help: write how many minutes a job may run

    error: `devices` cannot be 0
      --> file.ron:28:40
       |
    28 |     scheduling: [(minutes: 0, devices: 0)],
       |                                        ^ impossible value
       |
       = help: write how many whole devices a job gets, or leave it out: it then shares one
    ");
    insta::assert_snapshot!(wrong(r#"[(when: {"trainin": "long"}, priority: 1), (when: {"training": "long"})]"#), @r#"
    error: there is no axis `trainin`
      --> file.ron:28:26
       |
    28 |     scheduling: [(when: {"trainin": "long"}, priority: 1), (when: {"training": "long"})],
       |                          ^^^^^^^^^ unknown axis
       |
       = help: did you mean `training`? The axes here are `width` and `training`
    "#);
    insta::assert_snapshot!(wrong(r#"[(where: {"training": "long"}, priority: high)]"#), @r#"
    error: this entry of `scheduling` has no field `where`
      --> file.ron:28:19
       |
    28 |     scheduling: [(where: {"training": "long"}, priority: high)],
       |                   ^^^^^ unknown field
       |
       = help: the fields here are `when`, `priority`, `minutes` and `devices`

    error: `priority` must be a number, not the word `high`
      --> file.ron:28:58
       |
    28 |     scheduling: [(where: {"training": "long"}, priority: high)],
       |                                                          ^^^^ expected a number
       |
       = help: numbers are written like `20`, `0.5` or `1e-6`
    "#);
    insta::assert_snapshot!(wrong("[()]"), @"
    error: this entry of `scheduling` says nothing
      --> file.ron:28:18
       |
    28 |     scheduling: [()],
       |                  ^^ neither when nor where
       |
       = help: add `priority`, `minutes` or `devices`, or delete it
    ");
}
