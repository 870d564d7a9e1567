//! Times as text, by the calendar of ISO 8601.

/// Writes milliseconds since 1970 as `2026-11-27T09:30:00Z`, with `.250` before the `Z` if there is a fraction.
///
/// The calendar is the proleptic Gregorian one, by the algorithm `civil_from_days` of Howard Hinnant's
/// "chrono-Compatible Low-Level Date Algorithms".
///
/// ```
/// use layercheck::table::records::iso;
///
/// assert_eq!(iso(0), "1970-01-01T00:00:00Z");
/// assert_eq!(iso(1_709_251_199_250), "2024-02-29T23:59:59.250Z");
/// assert_eq!(iso(-1), "1969-12-31T23:59:59.999Z");
/// ```
#[must_use]
pub fn iso(milliseconds: i64) -> String {
    const DAY: i64 = 86_400_000;
    let (days, in_day) = (milliseconds.div_euclid(DAY), milliseconds.rem_euclid(DAY));
    // Eras of 400 years begin on 1 March, so that the leap day is the last of its year.
    let since = days + 719_468;
    let (era, day_of_era) = (since.div_euclid(146_097), since.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (hours, minutes) = (in_day / 3_600_000, in_day / 60_000 % 60);
    let (seconds, fraction) = (in_day / 1_000 % 60, in_day % 1_000);
    let fraction = if fraction == 0 { String::new() } else { format!(".{fraction:03}") };
    format!("{year:04}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{seconds:02}{fraction}Z")
}
