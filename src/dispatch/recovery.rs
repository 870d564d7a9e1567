//! How far a rate falls when the service throttles, and by which curve it comes back.

/// The factor of an ordinary decrease.
pub const DECREASE: f64 = 0.8;
/// The smallest factor of one decrease, however few calls were accepted.
pub const DEEPEST: f64 = 0.3;
/// Without a ceiling: the factor from which on there is no limit any more.
pub const OUTGROWN: f64 = 4.0;
/// Seconds from a decrease until the rate that was too much is reached again.
pub const PLATEAU_S: f64 = 2.0;
/// How much steeper the cubic curve is beyond that rate than below it.
const PROBING: f64 = 4.0;

/// The curve of a rate after a throttle. It is a policy without state: it maps seconds to factors.
///
/// `bench/studies/pacing.py` chose the numbers in a simulation, and
/// `tests/python/dispatch/rate/test_pacer_simulation.py` checks their limits: at least 90 % of what the
/// service gives, and under 2 % throttled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Recovery {
    /// The curve of TCP CUBIC (RFC 9438) on a time scale of its own. The rate comes back quickly at first,
    /// slowly around the rate that was too much, and ever faster beyond it, in case the service allows more
    /// by now.
    #[default]
    Cubic,
    /// Additive increase: the rate grows by the same amount in each second (AIMD, as in RFC 5681). It is
    /// easier to predict than the cubic curve, and it meets the limit of the service more often.
    Linear,
}

impl Recovery {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Cubic, Self::Linear];

    /// Returns the name by which it is chosen.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cubic => "cubic",
            Self::Linear => "linear",
        }
    }

    /// Returns the recovery of this name; none if no recovery has it.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|recovery| recovery.name() == name)
    }

    /// Returns the rate so many seconds after a decrease, as a factor of the rate that was too much:
    /// [`DECREASE`] at zero seconds, 1 after [`PLATEAU_S`].
    ///
    /// ```
    /// use layercheck::dispatch::Recovery;
    ///
    /// let curve = |recovery: Recovery| [0.0, 1.0, 2.0, 3.0].map(|s| (recovery.growth(s) * 1e3).round() / 1e3);
    /// assert_eq!(curve(Recovery::Cubic), [0.8, 0.975, 1.0, 1.1]);
    /// assert_eq!(curve(Recovery::Linear), [0.8, 0.9, 1.0, 1.1]);
    /// ```
    #[must_use]
    pub fn growth(self, since_s: f64) -> f64 {
        match self {
            Self::Cubic => {
                let away = since_s / PLATEAU_S - 1.0;
                let steepness = if away < 0.0 { 1.0 } else { PROBING };
                1.0 + (1.0 - DECREASE) * steepness * away.powi(3)
            }
            Self::Linear => DECREASE + (1.0 - DECREASE) * since_s / PLATEAU_S,
        }
    }
}
