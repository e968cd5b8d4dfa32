//! Who brought a conversion. An explicitly named partner first, then a coupon, then the clicks in the campaign's window, then the
//! tenant's default. The answer depends on what is known, never on the order in which it came in.

use std::cmp::Reverse;

use chrono::{DateTime, SecondsFormat, Utc};
use shared_events::tracking::AttributionModel;
use shared_events::{CampaignId, PartnerId};

use super::campaign::CampaignState;
use super::catalog::{Campaign, Catalog};
use super::event::{Decision, Touchpoint, Tracked, Won};
use super::weights::{WHOLE, weights};

/// So many clicks of a visitor, the latest before the conversion, are looked at. Bounds the work that one event can cause.
pub const MOST_CLICKS: usize = 100;

/// Decides whose `conversion` is. `clicks` are those of its visitor and of its click id, each once; those outside the window do not matter.
pub fn attribute<'a>(conversion: &Tracked, clicks: impl Iterator<Item = &'a Tracked>, catalog: &Catalog) -> Decision {
    if let Some(partner) = &conversion.partner {
        return match campaign_for(partner, conversion.campaign, conversion, catalog) {
            Ok(won) => alone(won, partner, format!("partner {partner} was named explicitly")),
            Err(why) => Decision::nobody(why),
        };
    }
    let mut notes = Vec::new();
    if let Some(coupon) = &conversion.coupon {
        match by_coupon(coupon, conversion, catalog) {
            Ok((won, partner)) => return alone(won, partner, format!("coupon {coupon} belongs to partner {partner}")),
            Err(why) => notes.push(why),
        }
    }
    match by_clicks(conversion, clicks, catalog) {
        Ok(mut decision) => {
            if let Some(note) = notes.first() {
                decision.reason = format!("{note}; {}", decision.reason);
            }
            return decision;
        }
        Err(why) => notes.push(why),
    }
    if let Some((campaign, partner)) = default_for(conversion, catalog) {
        match eligible(*campaign, partner, conversion, catalog) {
            Ok(won) => {
                return alone(won, partner, format!("nothing to go by: the tenant's default is partner {partner}"));
            }
            Err(why) => notes.push(format!("the tenant's default does not hold: {why}")),
        }
    }
    Decision::nobody(notes.join("; "))
}

/// A click earns by itself where its campaign rewards clicks: the credit is its own partner's.
pub fn attribute_click(click: &Tracked, catalog: &Catalog) -> Option<Decision> {
    let partner = click.partner.as_ref().filter(|_| catalog.rewards_clicks)?;
    let won = campaign_for(partner, click.campaign, click, catalog).ok()?;
    let touchpoints = vec![touchpoint(click, partner, WHOLE)];
    Some(Decision { won: Some(won), touchpoints, reason: format!("the click of partner {partner} itself") })
}

fn touchpoint(click: &Tracked, partner: &PartnerId, weight_bps: u32) -> Touchpoint {
    Touchpoint { partner: partner.clone(), weight_bps, click: Some(click.id), at: Some(click.occurred_at) }
}

fn alone(won: Won, partner: &PartnerId, reason: String) -> Decision {
    let touchpoint = Touchpoint { partner: partner.clone(), weight_bps: WHOLE, click: None, at: None };
    Decision { won: Some(won), touchpoints: vec![touchpoint], reason }
}

/// The default is for what names nothing: no partner, coupon or click, and no other campaign.
fn default_for<'a>(conversion: &Tracked, catalog: &'a Catalog) -> Option<&'a (CampaignId, PartnerId)> {
    let default = catalog.default.as_ref()?;
    let names_nothing = conversion.coupon.is_none() && conversion.click_id.is_none();
    (names_nothing && conversion.campaign.is_none_or(|campaign| campaign == default.0)).then_some(default)
}

fn by_coupon<'a>(coupon: &str, conversion: &Tracked, catalog: &'a Catalog) -> Result<(Won, &'a PartnerId), String> {
    let (campaign, partner) =
        catalog.coupons.get(coupon).ok_or_else(|| format!("coupon {coupon} belongs to no partner"))?;
    if conversion.campaign.is_some_and(|named| named != *campaign) {
        return Err(format!("coupon {coupon} is for another campaign"));
    }
    let won = eligible(*campaign, partner, conversion, catalog)
        .map_err(|why| format!("coupon {coupon} does not count: {why}"))?;
    Ok((won, partner))
}

/// Whether `partner` can earn by `event` in `campaign`, and by which rules.
fn eligible(campaign: CampaignId, partner: &PartnerId, event: &Tracked, catalog: &Catalog) -> Result<Won, String> {
    let campaign = catalog.campaigns.get(&campaign).ok_or_else(|| format!("campaign {campaign} is unknown"))?;
    let code = &campaign.code;
    let state = campaign.state_at(event.occurred_at);
    if state != CampaignState::Active {
        return Err(format!("campaign {code} is {}", state.name()));
    }
    if !campaign.enrolled.contains_key(partner) {
        return Err(format!("partner {partner} does not take part in campaign {code}"));
    }
    if let Some(amount) = event.amount.filter(|amount| amount.currency != campaign.currency) {
        return Err(format!("campaign {code} pays in {}, the amount is in {}", campaign.currency, amount.currency));
    }
    let rewarded_as = event.kind.rewarded_as().ok_or("such events earn nothing")?;
    let rules = campaign.rules_at(event.occurred_at).ok_or_else(|| format!("campaign {code} has no rules"))?;
    if !rules.rewards.contains(&rewarded_as) {
        return Err(format!(
            "the rules of campaign {code} (version {}) reward no {}",
            rules.version,
            rewarded_as.name()
        ));
    }
    Ok(Won { campaign: campaign.id, rules_version: rules.version })
}

/// In which campaign `partner` earns by `event`: the named one, else the only one in which it can, else the default's.
fn campaign_for(
    partner: &PartnerId,
    named: Option<CampaignId>,
    event: &Tracked,
    catalog: &Catalog,
) -> Result<Won, String> {
    if let Some(named) = named {
        return eligible(named, partner, event, catalog);
    }
    let joined =
        catalog.by_partner.get(partner).ok_or_else(|| format!("partner {partner} takes part in no campaign"))?;
    let mut reason = String::new();
    let mut possible = Vec::with_capacity(1);
    for campaign in joined {
        match eligible(*campaign, partner, event, catalog) {
            Ok(won) => possible.push(won),
            Err(why) => reason = why,
        }
    }
    let default = catalog.default.as_ref().map(|(campaign, _)| *campaign);
    match possible.as_slice() {
        [] => Err(reason),
        [only] => Ok(*only),
        several => several.iter().find(|won| Some(won.campaign) == default).copied().ok_or_else(|| {
            format!("partner {partner} takes part in {} campaigns, and the event names none", several.len())
        }),
    }
}

/// The campaign of the latest click that counts gets the conversion; its model divides the credit among its clicks.
fn by_clicks<'a>(
    conversion: &Tracked,
    clicks: impl Iterator<Item = &'a Tracked>,
    catalog: &Catalog,
) -> Result<Decision, String> {
    let reach = conversion.occurred_at - catalog.longest_window;
    let mut latest_first: Vec<&Tracked> =
        clicks.filter(|click| click.occurred_at <= conversion.occurred_at && click.occurred_at >= reach).collect();
    let latest = |click: &&Tracked| Reverse((click.occurred_at, click.id));
    let cut = latest_first.len() > MOST_CLICKS;
    if cut {
        // Not sorted whole: a batch may hold thousands of clicks and thousands of purchases of one visitor.
        latest_first.select_nth_unstable_by_key(MOST_CLICKS - 1, latest);
        latest_first.truncate(MOST_CLICKS);
    }
    latest_first.sort_unstable_by_key(latest);
    let mut why_not = None;
    let mut won: Option<(Won, &Campaign)> = None;
    let mut counting: Vec<(&Tracked, &PartnerId)> = Vec::new();
    for click in latest_first {
        let Some(partner) = &click.partner else { continue };
        match counts(click, partner, conversion, catalog) {
            Ok((here, campaign)) if won.is_none_or(|(winner, _)| winner == here) => {
                won = Some((here, campaign));
                counting.push((click, partner));
            }
            Ok(_) => {}
            Err(why) => why_not = why_not.or(Some(why)),
        }
    }
    let Some((won, campaign)) = won else { return Err(why_not.unwrap_or_else(|| no_click(conversion))) };
    counting.reverse();
    let shares = weights(campaign.policy.model, counting.len());
    let touchpoints: Vec<Touchpoint> =
        counting.iter().zip(shares).map(|((click, partner), share)| touchpoint(click, partner, share)).collect();
    let mut reason = words(campaign, &touchpoints);
    if cut {
        reason += &format!("; there were more, and only the latest {MOST_CLICKS} were looked at");
    }
    Ok(Decision { won: Some(won), reason, touchpoints })
}

fn counts<'a>(
    click: &Tracked,
    partner: &PartnerId,
    conversion: &Tracked,
    catalog: &'a Catalog,
) -> Result<(Won, &'a Campaign), String> {
    let does_not = |why: String| format!("the click of {} does not count: {why}", text(click.occurred_at));
    if let (Some(of_click), Some(named)) = (click.campaign, conversion.campaign)
        && of_click != named
    {
        return Err(does_not("it was for another campaign".into()));
    }
    let won = campaign_for(partner, click.campaign.or(conversion.campaign), conversion, catalog).map_err(does_not)?;
    let campaign = catalog.campaigns.get(&won.campaign).ok_or("an eligible campaign is in the catalog")?;
    if click.occurred_at < conversion.occurred_at - campaign.window() {
        return Err(does_not(format!(
            "it is older than the {} days of campaign {}",
            campaign.policy.click_window_days, campaign.code
        )));
    }
    Ok((won, campaign))
}

fn no_click(conversion: &Tracked) -> String {
    match (&conversion.click_id, conversion.visitor) {
        (Some(click_id), _) => format!("no click {click_id} and no other click of the visitor in time is known"),
        (None, Some(_)) => "it names no partner or coupon, and no click of the visitor in time is known".into(),
        (None, None) => "it names no partner, coupon, click or visitor".into(),
    }
}

fn words(campaign: &Campaign, touchpoints: &[Touchpoint]) -> String {
    let (clicks, code, days) = (touchpoints.len(), &campaign.code, campaign.policy.click_window_days);
    let among =
        format!("{clicks} click{} within the {days} days of campaign {code}", if clicks == 1 { "" } else { "s" });
    match campaign.policy.model {
        AttributionModel::LastClick => format!("last of {among}"),
        AttributionModel::FirstClick => format!("first of {among}"),
        AttributionModel::Linear => format!("{among}, in equal parts"),
        AttributionModel::PositionBased => format!("{among}, by position: first and last get most"),
    }
}

fn text(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

#[cfg(test)]
#[path = "attribution_tests.rs"]
mod tests;
