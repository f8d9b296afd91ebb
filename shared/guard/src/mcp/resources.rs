//! The resources of an offer, as a caller finds, lists and reads them.

use {
    super::{
        collection::Position,
        failure,
        offer::{JSON, Offer},
        place::Resource as Offered,
    },
    crate::{context::RequestContext, page::bad_cursor, problem::Problem},
    portreeve_kernel::Principal,
    rmcp::{
        ErrorData,
        model::{ListResourcesResult, ReadResourceResult, Resource, ResourceContents, ResourceTemplate},
    },
    serde_json::{Value, json},
    std::sync::Arc,
};

/// A page of what the caller may read: first what is the caller's own, then one collection after the other.
pub(super) async fn list<S: Clone>(
    offer: &Offer<S>,
    caller: &Arc<Principal>,
    cursor: Option<&str>,
) -> Result<ListResourcesResult, Problem> {
    let begun = cursor.map(Position::read).transpose()?;
    // Who speaks for no agent has no resources of its own, only those that the templates lead to.
    let places = readable(&offer.resources, caller).filter(|_| caller.agent.is_some() && begun.is_none());
    let mut resources: Vec<Resource> = places.map(own).collect();
    let Position(from, after) = begun.unwrap_or_default();
    let shelves = offer.shelves.iter().enumerate().skip(from);
    let shelves = shelves.filter(|(_, shelf)| caller.may(&shelf.scope));
    let mut listed = shelves.filter_map(|(place, shelf)| Some((place, shelf, shelf.list.as_ref()?)));
    let mut next = None;
    if let Some((place, shelf, list)) = listed.next() {
        if place != from && after.is_some() {
            return Err(bad_cursor());
        }
        let page = list(offer.state.clone(), Arc::clone(caller), after).await?;
        resources.extend(page.members.into_iter().map(|member| {
            let mut resource = Resource::new(shelf.collection.address(&member.variable), member.name);
            (resource.title, resource.description) = (member.title, member.about);
            resource.with_mime_type(shelf.collection.mime_type)
        }));
        next = match page.next {
            Some(after) => Some(Position(place, Some(after))),
            None => listed.next().map(|(place, ..)| Position(place, None)),
        };
    } else if cursor.is_some() {
        return Err(bad_cursor());
    }
    let mut result = ListResourcesResult::with_all_items(resources);
    result.next_cursor = next.map(|next| next.write()).transpose()?;
    Ok(result)
}

/// How addresses are made that the caller may read.
pub(super) fn templates<S>(offer: &Offer<S>, caller: &Principal) -> Vec<ResourceTemplate> {
    let places = readable(&offer.resources, caller).filter(|_| caller.agent.is_none());
    let places = places.map(|resource| {
        let place = resource.place;
        template(place.template, place.name, (place.title, place.about), JSON)
    });
    let shelves = offer.shelves.iter().filter(|shelf| caller.may(&shelf.scope));
    let shelves = shelves.map(|shelf| {
        let those = shelf.collection;
        template(those.template, those.name, (those.title, those.about), those.mime_type)
    });
    places.chain(shelves).collect()
}

/// What is at `uri`.
pub(super) async fn read<S: Clone>(
    offer: &Offer<S>,
    caller: Arc<Principal>,
    http: &RequestContext,
    uri: String,
) -> Result<ReadResourceResult, ErrorData> {
    let Some(found) = offer.find(&uri) else {
        let text = format!("unknown resource: {uri}");
        return Err(ErrorData::resource_not_found(text, Some(json!({"uri": uri}))));
    };
    let mime_type = found.mime_type();
    let text = found.read(offer.state.clone(), caller).await;
    let text = text.map_err(|problem| refused(&problem, http, offer, Some(&uri)))?;
    let contents = ResourceContents::text(text, uri).with_mime_type(mime_type);
    Ok(ReadResourceResult::new(vec![contents]))
}

/// A problem with resources, for which the protocol has no place but an error.
pub(super) fn refused<S>(problem: &Problem, http: &RequestContext, offer: &Offer<S>, uri: Option<&str>) -> ErrorData {
    problem.log(http);
    let mut told = failure::told(problem, http, offer.words);
    if let (Value::Object(members), Some(uri)) = (&mut told, uri) {
        members.insert("uri".to_owned(), uri.into());
    }
    let told = Some(told);
    match problem.code().status() {
        404 => ErrorData::resource_not_found(problem.said().to_owned(), told),
        status if status < 500 => ErrorData::invalid_params(problem.said().to_owned(), told),
        _ => ErrorData::internal_error(problem.said().to_owned(), told),
    }
}

fn readable<'a, S>(all: &'a [Offered<S>], caller: &'a Principal) -> impl Iterator<Item = &'a Offered<S>> {
    all.iter().filter(|resource| caller.may(&resource.scope))
}

fn own<S>(resource: &Offered<S>) -> Resource {
    let place = resource.place;
    Resource::new(place.own, place.name)
        .with_title(place.title)
        .with_description(place.about)
        .with_mime_type(JSON)
}

fn template(address: &str, name: &str, (title, about): (&str, &str), mime_type: &str) -> ResourceTemplate {
    ResourceTemplate::new(address, name)
        .with_title(title)
        .with_description(about)
        .with_mime_type(mime_type)
}
