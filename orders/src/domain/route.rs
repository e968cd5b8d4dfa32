//! In which order the shipments of an order leave. The rule is plain: the cheapest first, of those the nearest, of those by name. It is a
//! rule, not a prediction; where it is off, the warehouses' names alone decide.

/// Where a shipment leaves from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stop {
    /// The warehouse.
    pub warehouse: String,
    /// What one shipment from it costs, in minor units.
    pub cost_minor: i64,
    /// How far the customer is, in kilometres.
    pub distance_km: i64,
}

/// Who decides in which order shipments leave.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Router {
    /// The names of the warehouses.
    #[default]
    ByName,
    /// Cheapest first, then nearest.
    CheapestThenNearest,
}

/// A decision: the stops in the order in which they leave, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// First to last.
    pub stops: Vec<Stop>,
    /// In words; nothing where nothing was decided.
    pub why: Option<String>,
}

impl Router {
    /// Decides.
    pub fn route(self, mut stops: Vec<Stop>) -> Route {
        match self {
            Self::ByName => {
                stops.sort_by(|one, other| one.warehouse.cmp(&other.warehouse));
                Route { stops, why: None }
            }
            Self::CheapestThenNearest => {
                stops.sort_by(|one, other| {
                    let rank = |stop: &Stop| (stop.cost_minor, stop.distance_km);
                    rank(one).cmp(&rank(other)).then_with(|| one.warehouse.cmp(&other.warehouse))
                });
                let words: Vec<String> = stops
                    .iter()
                    .map(|stop| format!("{} (cost {}, {} km)", stop.warehouse, stop.cost_minor, stop.distance_km))
                    .collect();
                let why = format!("cheapest first, then nearest: {}", words.join(", "));
                Route { stops, why: Some(why) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stop(warehouse: &str, cost_minor: i64, distance_km: i64) -> Stop {
        Stop { warehouse: warehouse.into(), cost_minor, distance_km }
    }

    #[test]
    fn the_cheapest_leaves_first_then_the_nearest_then_by_name() {
        let stops = vec![stop("a", 500, 10), stop("d", 400, 20), stop("c", 400, 20), stop("b", 400, 900)];
        let names = |route: &Route| route.stops.iter().map(|stop| stop.warehouse.clone()).collect::<Vec<_>>().concat();
        let route = Router::CheapestThenNearest.route(stops.clone());
        assert_eq!(names(&route), "cdba");
        assert!(route.why.is_some_and(|why| why.starts_with("cheapest first, then nearest: c (cost 400, 20 km), d")));
        let plain = Router::default().route(stops);
        assert_eq!((names(&plain).as_str(), plain.why), ("abcd", None));
    }
}
