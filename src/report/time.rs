//! Dates and durations as text; always UTC, never locale-dependent.

/// Seconds since 1970-01-01 UTC as `2026-01-31`.
pub fn date(unix: u64) -> String {
    let (year, month, day) = civil(unix / 86_400);
    format!("{year:04}-{month:02}-{day:02}")
}

/// Seconds since 1970-01-01 UTC as `2026-01-31T23:59:59Z`.
pub fn rfc3339(unix: u64) -> String {
    let second = unix % 86_400;
    format!("{}T{:02}:{:02}:{:02}Z", date(unix), second / 3600, second / 60 % 60, second % 60)
}

/// Year, month and day in the Gregorian calendar of a day counted from 1970-01-01.
///
/// Years are taken to begin on March 1, so that the leap day is the last day of a year and months follow one formula
/// (Hinnant, "chrono-compatible low-level date algorithms").
fn civil(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468; // since 0000-03-01
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let months_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * months_from_march + 2) / 5 + 1;
    let month = if months_from_march < 10 { months_from_march + 3 } else { months_from_march - 9 };
    (400 * era + year_of_era + u64::from(month <= 2), month, day)
}

/// A duration in seconds for people: `12.3 s`, `2 min 5 s`, `1 h 20 min`, `3 d 4 h`.
pub(super) fn duration(seconds: f64) -> String {
    if seconds < 59.95 {
        return format!("{seconds:.1} s");
    }
    let whole = seconds.round() as u64;
    match whole {
        0..3600 => format!("{} min {} s", whole / 60, whole % 60),
        3600..86_400 => format!("{} h {} min", whole / 3600, whole / 60 % 60),
        _ => format!("{} d {} h", whole / 86_400, whole / 3600 % 24),
    }
}

/// A duration in seconds that is only an estimate: `40 s`, `2 min`, `1 h 20 min`, `3 d 4 h`.
pub(super) fn rough_duration(seconds: f64) -> String {
    let seconds = seconds.max(1.0);
    let minutes = (seconds / 60.0).round();
    if seconds < 60.0 {
        format!("{} s", seconds.round())
    } else if minutes < 60.0 {
        format!("{minutes} min")
    } else {
        duration(minutes * 60.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_instants() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(rfc3339(951_868_800), "2000-03-01T00:00:00Z");
        assert_eq!(rfc3339(1_000_000_000), "2001-09-09T01:46:40Z");
        assert_eq!(rfc3339(1_709_251_199), "2024-02-29T23:59:59Z");
        assert_eq!(rfc3339(4_107_542_399), "2100-02-28T23:59:59Z");
        assert_eq!(rfc3339(4_107_542_400), "2100-03-01T00:00:00Z");
        assert_eq!(date(u64::MAX).split('-').count(), 3);
    }

    #[test]
    fn days_count_up_one_by_one() {
        let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let (mut year, mut month, mut day) = (1970, 1, 1);
        for days in 0..200_000 {
            assert_eq!(civil(days), (year, month, day));
            let length = match month {
                2 => 28 + u64::from(leap(year)),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            day += 1;
            if day > length {
                (month, day) = (month + 1, 1);
            }
            if month > 12 {
                (year, month) = (year + 1, 1);
            }
        }
    }

    #[test]
    fn durations_carry_into_the_next_unit() {
        let text = [0.0, 12.34, 59.94, 59.96, 125.0, 3599.6, 4800.0, 86_400.0].map(duration).join(" | ");
        insta::assert_snapshot!(
            text,
            @"0.0 s | 12.3 s | 59.9 s | 1 min 0 s | 2 min 5 s | 1 h 0 min | 1 h 20 min | 1 d 0 h"
        );
        let text = [0.2, 41.7, 89.0, 95.0, 3599.0, 4810.0].map(rough_duration).join(" | ");
        insta::assert_snapshot!(text, @"1 s | 42 s | 1 min | 2 min | 1 h 0 min | 1 h 20 min");
    }
}
