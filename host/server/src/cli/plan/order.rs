//! Puts the steps of a plan into an order in which each can be taken.
//!
//! `steps` asks where each one stands. What is needed comes before what needs it; the kinds are declared in that order, and here is what
//! depends on more than a kind: what must make room, and what shows something that another step brings.

use jackfield_domain::id::TenantId;
use serde_json::Value;

use super::steps::{Id, Kind, Step, What};

/// Where a step stands: what is new or other from tenant to tenant, then what goes, backwards; `wanted` is what it makes of its thing.
pub(super) fn place(tenants: &[TenantId], steps: &[Step], step: &Step, wanted: Option<&Value>) -> (u8, usize, u8, String, bool) {
    let Id { tenant, kind, name } = &step.thing;
    let position = |tenant: &TenantId| tenants.iter().position(|id| id == tenant).unwrap_or(tenants.len());
    let at = position(tenant);
    let added = |kind: Kind| steps.iter().filter(move |other| other.what == What::Add && other.thing.kind == kind);
    // Twice as far apart as they are, for what stands between two kinds.
    let rank = *kind as u8 * 2;
    match (step.what, kind) {
        // Another tenant of the file is to have it, and until then it answers.
        (What::Remove, Kind::Address) if let Some(next) = added(Kind::Address).find(|other| other.thing.name == *name) => {
            (1, position(&next.thing.tenant), rank, name.clone(), false)
        }
        // The release takes them along: neither would suit the other's schema alone.
        (_, Kind::FlowSettings)
            if steps
                .iter()
                .any(|other| other.thing.kind == Kind::Release && (&other.thing.tenant, &other.thing.name) == (tenant, name)) =>
        {
            (1, at, Kind::Release as u8 * 2 + 1, name.clone(), true)
        }
        // An upload would be tried with it, and a release made of it.
        (What::Remove, Kind::Cases | Kind::Settings | Kind::FlowSettings) => (1, at, rank, name.clone(), true),
        (What::Remove, _) => (2, tenants.len() - at.min(tenants.len()), u8::MAX - rank, name.clone(), true),
        // There is no plugin yet whose cases they could be.
        (_, Kind::Cases)
            if name.split_once('/').is_some_and(|(plugin, _)| {
                added(Kind::Plugin).any(|other| other.thing.name == plugin && other.thing.tenant == *tenant)
            }) =>
        {
            (1, at, Kind::Plugin as u8 * 2 + 1, name.clone(), true)
        }
        // They show a number that is the tenant's only then.
        (_, Kind::Routes | Kind::FlowRoutes)
            if added(Kind::Address).any(|other| other.thing.tenant == *tenant && says(wanted, &other.thing.name)) =>
        {
            (1, at, Kind::Address as u8 * 2 + 1, name.clone(), true)
        }
        _ => (1, at, rank, name.clone(), true),
    }
}

/// Whether a value holds the number of an address as a text.
fn says(value: Option<&Value>, address: &str) -> bool {
    let number = address.rsplit(':').next().unwrap_or(address);
    match value {
        Some(Value::String(text)) => text == number,
        Some(Value::Array(items)) => items.iter().any(|item| says(Some(item), address)),
        Some(Value::Object(members)) => members.values().any(|member| says(Some(member), address)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::steps::tests::{compare, things, told};
    use super::super::steps::{Applied, Things, difference};
    use super::*;

    #[test]
    fn what_is_needed_comes_before_what_needs_it() {
        let wanted = things(&[
            (Kind::Address, "voice:number:+1", json!({})),
            (Kind::Release, "main", json!({})),
            (Kind::Cases, "logic/menu", json!({})),
            (Kind::Cases, "all", json!({})),
            (Kind::Plugin, "logic", json!({})),
            (Kind::Routes, "", json!({})),
            (Kind::Queue, "sales", json!({})),
            (Kind::Hours, "shop", json!({})),
            (Kind::Tenant, "acme", json!({})),
        ]);
        let all = told(&compare(&wanted, &Things::new(), &Applied::new(), false));
        let order = [
            "acme tenant",
            "acme hours/shop",
            "acme queue/sales",
            "acme cases/all",
            "acme plugin/logic",
            "acme cases/logic/menu",
            "acme routes",
            "acme release/main",
            "acme address/voice:number:+1",
        ];
        assert_eq!(all, order.map(|thing| format!("Add {thing}")));
        // Of a plugin that is there the cases come first, because the upload is tried with them.
        let found = things(&[(Kind::Plugin, "logic", json!({"digest": "a"})), (Kind::Cases, "logic/old", json!({}))]);
        let wanted = things(&[(Kind::Plugin, "logic", json!({"digest": "b"})), (Kind::Cases, "logic/menu", json!({}))]);
        let all = told(&compare(&wanted, &found, &Applied::new(), true));
        assert_eq!(all, ["Add acme cases/logic/menu", "Remove acme cases/logic/old", "Change acme plugin/logic"]);
    }

    #[test]
    fn an_address_that_moves_to_another_tenant_of_the_file_answers_until_that_one_takes_it() {
        let (above, below): (TenantId, TenantId) = ("acme".parse().unwrap(), "acme-shop".parse().unwrap());
        let numbers = ["voice:number:+1", "voice:number:+2"];
        let of = |tenant: &TenantId| numbers.map(|number| (Id::new(tenant, Kind::Address, number), json!({})));
        let mut wanted = Things::from(of(&below));
        wanted.insert(Id::new(&above, Kind::Queue, "a"), json!({}));
        let found = Things::from(of(&above));
        let all = told(&difference(&[above, below], &wanted, &found, &Applied::new(), true));
        let order = [
            "Add acme queue/a",
            "Remove acme address/voice:number:+1",
            "Add acme-shop address/voice:number:+1",
            "Remove acme address/voice:number:+2",
            "Add acme-shop address/voice:number:+2",
        ];
        assert_eq!(all, order, "one after the other");
    }

    #[test]
    fn settings_go_before_the_release_that_is_made_without_them_and_routes_follow_the_number_that_they_show() {
        let routes = json!({"routes": [{"open": {"actions": [{"transfer": {"caller_id": "+1"}}]}}]});
        let wanted = things(&[
            (Kind::Address, "voice:number:+1", json!({})),
            (Kind::Routes, "", routes),
            (Kind::FlowRoutes, "main", json!({"routes": [{"open": {"say": "+11"}}]})),
            (Kind::Release, "main", json!({})),
            (Kind::FlowSettings, "main", json!({"value": {"a": 1}})),
            (Kind::FlowSettings, "other", json!({"value": {"a": 1}})),
        ]);
        let found = things(&[(Kind::Settings, "", json!({"value": {}})), (Kind::Quota, "", json!({"concurrency": 1}))]);
        let all = told(&compare(&wanted, &found, &Applied::new(), true));
        let order = [
            "Remove acme settings",
            "Add acme settings/other",
            "Add acme routes/main",
            "Add acme release/main",
            "Add acme settings/main",
            "Add acme address/voice:number:+1",
            "Add acme routes",
        ];
        assert_eq!(all, order, "and a quota stays");
    }
}
