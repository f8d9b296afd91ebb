//! When: hours, days, dates, and the next moment that passes.

use crate::support::{at, codes, moment, open_policy, sol};
use portreeve_kernel::{Code, Now, Timestamp};
use portreeve_policy::{AgentPolicy, Decision, Hours, Outcome, TimeControl, Usage, Weekday, evaluate};

pub(crate) fn hours(start: u8, end: u8) -> TimeControl {
    TimeControl {
        operating_hours_utc: Some(Hours { start, end }),
        ..TimeControl::default()
    }
}

pub(crate) fn blackout(dates: &[&str]) -> TimeControl {
    TimeControl {
        blackout_dates: dates.iter().map(|date| date.parse().unwrap()).collect(),
        ..TimeControl::default()
    }
}

fn weekdays() -> TimeControl {
    TimeControl {
        weekdays: Weekday::ALL[..5].iter().copied().collect(),
        ..TimeControl::default()
    }
}

pub(crate) fn timed(time_control: TimeControl) -> AgentPolicy {
    AgentPolicy {
        time_control,
        ..open_policy()
    }
}

fn ask(policy: &AgentPolicy, now: Now) -> Decision {
    evaluate(policy, &sol(1), &Usage::default(), now)
}

/// Code and moment of passing of the only violation; `None` when it passes.
fn refusal(control: &TimeControl, now: &str) -> Option<(Code, Option<String>)> {
    let decision = ask(&timed(control.clone()), at(now));
    assert!(decision.violations.len() <= 1, "{decision:?}");
    let violation = decision.violations.first()?;
    assert_eq!(decision.passes_at(), violation.passes_at);
    Some((violation.code, violation.passes_at.map(|at| at.to_string())))
}

fn closed_until(moment: &str) -> Option<(Code, Option<String>)> {
    Some((Code::PolicyOutsideOperatingHours, Some(moment.into())))
}

fn blacked_out_until(moment: &str) -> Option<(Code, Option<String>)> {
    Some((Code::PolicyBlackoutDate, Some(moment.into())))
}

#[test]
fn hours_begin_with_their_first_millisecond_and_end_before_the_end_hour() {
    let office = hours(9, 17);
    assert_eq!(
        refusal(&office, "2027-06-15T08:59:59.999Z"),
        closed_until("2027-06-15T09:00:00Z")
    );
    assert_eq!(refusal(&office, "2027-06-15T09:00:00Z"), None);
    assert_eq!(refusal(&office, "2027-06-15T16:59:59.999Z"), None);
    assert_eq!(
        refusal(&office, "2027-06-15T17:00:00Z"),
        closed_until("2027-06-16T09:00:00Z")
    );
    assert_eq!(
        refusal(&office, "2027-06-15T23:59:59Z"),
        closed_until("2027-06-16T09:00:00Z")
    );
}

#[test]
fn hours_that_start_later_than_they_end_wrap_midnight() {
    let night = hours(22, 6);
    assert_eq!(
        refusal(&night, "2027-06-15T21:59:59Z"),
        closed_until("2027-06-15T22:00:00Z")
    );
    assert_eq!(refusal(&night, "2027-06-15T22:00:00Z"), None);
    assert_eq!(refusal(&night, "2027-06-15T23:59:59Z"), None);
    assert_eq!(refusal(&night, "2027-06-16T00:00:00Z"), None);
    assert_eq!(refusal(&night, "2027-06-16T05:59:59Z"), None);
    assert_eq!(
        refusal(&night, "2027-06-16T06:00:00Z"),
        closed_until("2027-06-16T22:00:00Z")
    );
    let until_midnight = hours(20, 0);
    assert_eq!(refusal(&until_midnight, "2027-06-15T23:59:59Z"), None);
    assert_eq!(
        refusal(&until_midnight, "2027-06-16T00:00:00Z"),
        closed_until("2027-06-16T20:00:00Z")
    );
    let from_midnight = hours(0, 1);
    assert_eq!(refusal(&from_midnight, "2027-06-15T00:59:59Z"), None);
    assert_eq!(
        refusal(&from_midnight, "2027-06-15T01:00:00Z"),
        closed_until("2027-06-16T00:00:00Z")
    );
}

#[test]
fn hours_do_not_move_with_anybodys_summer_time() {
    for date in ["2027-03-28", "2027-10-31", "2027-03-14", "2027-11-07"] {
        for hour in 0..24 {
            let now = format!("{date}T{hour:02}:30:00Z");
            assert_eq!(refusal(&hours(1, 3), &now).is_none(), hour == 1 || hour == 2, "{now}");
        }
    }
}

#[test]
fn a_weekday_is_the_day_in_utc() {
    assert_eq!(refusal(&weekdays(), "2027-06-18T23:59:59.999Z"), None, "Friday");
    let monday = closed_until("2027-06-21T00:00:00Z");
    assert_eq!(refusal(&weekdays(), "2027-06-19T00:00:00Z"), monday, "Saturday");
    assert_eq!(refusal(&weekdays(), "2027-06-20T23:59:59.999Z"), monday, "Sunday");
    assert_eq!(refusal(&weekdays(), "2027-06-21T00:00:00Z"), None, "Monday");
}

#[test]
fn hours_that_wrap_midnight_belong_to_the_day_they_are_in() {
    let friday_nights = TimeControl {
        weekdays: [Weekday::Friday].into(),
        ..hours(22, 6)
    };
    assert_eq!(refusal(&friday_nights, "2027-06-18T03:00:00Z"), None, "Friday, early");
    assert_eq!(refusal(&friday_nights, "2027-06-18T23:00:00Z"), None, "Friday, late");
    assert_eq!(
        refusal(&friday_nights, "2027-06-19T00:00:00Z"),
        closed_until("2027-06-25T00:00:00Z"),
        "Saturday, though the night began on Friday"
    );
}

#[test]
fn a_blackout_closes_the_whole_date_in_utc() {
    let closed = blackout(&["2027-12-25"]);
    assert_eq!(refusal(&closed, "2027-12-24T23:59:59.999Z"), None);
    assert_eq!(
        refusal(&closed, "2027-12-25T00:00:00Z"),
        blacked_out_until("2027-12-26T00:00:00Z")
    );
    assert_eq!(
        refusal(&closed, "2027-12-25T23:59:59.999Z"),
        blacked_out_until("2027-12-26T00:00:00Z")
    );
    assert_eq!(refusal(&closed, "2027-12-26T00:00:00Z"), None);
}

#[test]
fn leap_day_and_the_turn_of_the_year_are_dates_like_others() {
    let leap = blackout(&["2028-02-29"]);
    assert_eq!(refusal(&leap, "2028-02-28T23:59:59Z"), None);
    assert_eq!(
        refusal(&leap, "2028-02-29T12:00:00Z"),
        blacked_out_until("2028-03-01T00:00:00Z")
    );
    assert_eq!(refusal(&leap, "2028-03-01T00:00:00Z"), None);
    let new_year = blackout(&["2027-12-31", "2028-01-01"]);
    assert_eq!(
        refusal(&new_year, "2027-12-31T00:00:00Z"),
        blacked_out_until("2028-01-02T00:00:00Z")
    );
    assert_eq!(
        refusal(&hours(9, 17), "2027-12-31T17:00:00Z"),
        closed_until("2028-01-01T09:00:00Z")
    );
    assert_eq!(
        refusal(&hours(9, 17), "2028-02-28T17:00:00Z"),
        closed_until("2028-02-29T09:00:00Z")
    );
}

#[test]
fn the_next_moment_that_passes_takes_hours_weekdays_and_dates_together() {
    let office = TimeControl {
        operating_hours_utc: Some(Hours { start: 9, end: 17 }),
        ..weekdays()
    };
    let with_holiday = TimeControl {
        blackout_dates: blackout(&["2027-06-21"]).blackout_dates,
        ..office
    };
    // Friday evening; Monday the 21st is a holiday.
    assert_eq!(
        refusal(&with_holiday, "2027-06-18T17:00:00Z"),
        closed_until("2027-06-22T09:00:00Z")
    );
    let on_the_holiday = ask(&timed(with_holiday), at("2027-06-21T08:00:00Z"));
    assert_eq!(
        codes(&on_the_holiday),
        [Code::PolicyOutsideOperatingHours, Code::PolicyBlackoutDate]
    );
    for violation in &on_the_holiday.violations {
        assert_eq!(violation.passes_at, Some(moment("2027-06-22T09:00:00Z")));
    }
}

#[test]
fn no_moment_is_promised_when_none_comes_within_370_days() {
    let never = hours(9, 9);
    assert_eq!(
        refusal(&never, "2027-06-15T09:00:00Z"),
        Some((Code::PolicyOutsideOperatingHours, None))
    );
    let mut date: jiff::civil::Date = "2027-06-15".parse().unwrap();
    let mut control = TimeControl::default();
    for _ in 0..370 {
        control.blackout_dates.insert(date);
        date = date.tomorrow().unwrap();
    }
    assert_eq!(
        refusal(&control, "2027-06-15T09:00:00Z"),
        blacked_out_until("2028-06-19T00:00:00Z")
    );
    control.blackout_dates.insert(date);
    assert_eq!(
        refusal(&control, "2027-06-15T09:00:00Z"),
        Some((Code::PolicyBlackoutDate, None))
    );
}

#[test]
fn outside_the_calendar_every_rule_about_time_refuses() {
    let beyond = Now::at(Timestamp::from_millis(i64::MAX));
    assert_eq!(
        ask(&open_policy(), beyond).outcome,
        Outcome::Allow,
        "no rule about time"
    );
    for control in [hours(0, 23), weekdays(), blackout(&["2027-06-15"])] {
        let no = ask(&timed(control), beyond);
        assert_eq!((no.outcome, no.passes_at()), (Outcome::Deny, None));
    }
}

#[test]
fn the_opening_after_a_given_moment_can_be_asked_for() {
    let office = hours(9, 17);
    assert_eq!(
        office.opens_at(moment("2027-06-15T10:10:10Z")),
        Some(moment("2027-06-15T10:10:10Z"))
    );
    assert_eq!(
        office.opens_at(moment("2027-06-15T20:10:10Z")),
        Some(moment("2027-06-16T09:00:00Z"))
    );
}
