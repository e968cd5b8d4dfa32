//! The OpenAPI document: what every operation shares is added here once, so that no route forgets it.

use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Components, ContentBuilder, OpenApi, Ref, RefOr, Response, ResponseBuilder};
use utoipa::{PartialSchema, ToSchema};

use crate::problem;

/// Name of the security scheme that routes refer to: `security(("bearer" = []))`.
pub const BEARER: &str = "bearer";

/// Adds the bearer scheme, the schema of problems, and to every operation the refusals that it can meet.
pub(super) fn complete(api: &mut OpenApi) {
    let components = api.components.get_or_insert_with(Components::default);
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .bearer_format("JWT")
        .description(Some("A token with tenant and roles"))
        .build();
    components.add_security_scheme(BEARER, SecurityScheme::Http(bearer));
    let mut schemas = vec![(problem::Body::name().into_owned(), problem::Body::schema())];
    problem::Body::schemas(&mut schemas);
    components.schemas.extend(schemas);
    for (path, item) in &mut api.paths.paths {
        let takes_parameters = path.contains('{');
        for operation in operations(item) {
            complete_operation(operation, takes_parameters);
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.post, &mut item.put, &mut item.patch, &mut item.delete].into_iter().flatten()
}

fn complete_operation(operation: &mut Operation, path_has_parameters: bool) {
    let mut refusals =
        vec![("503", "Something that is needed is away for the moment; Retry-After says when to try again")];
    let with_input =
        operation.request_body.is_some() || operation.parameters.as_ref().is_some_and(|list| !list.is_empty());
    if with_input || path_has_parameters {
        refusals.push(("400", "The request cannot be read"));
        refusals.push(("422", "Understood but refused; names the field"));
    }
    if path_has_parameters {
        refusals.push(("404", "There is no such thing, or it is not the caller's"));
    }
    if operation.request_body.is_some() {
        refusals.push(("413", "The body is too large"));
        refusals.push(("415", "The media type is not supported"));
    }
    if operation.security.as_ref().is_some_and(|schemes| !schemes.is_empty()) {
        refusals.push(("401", "A valid token is needed"));
        refusals.push(("403", "The token's roles do not allow it"));
        refusals.push(("429", "Too many requests; Retry-After says when to try again"));
    }
    for (status, description) in refusals {
        let documented = &mut operation.responses.responses;
        documented.entry(status.to_owned()).or_insert_with(|| RefOr::T(refusal(description)));
    }
}

fn refusal(description: &str) -> Response {
    let body = ContentBuilder::new().schema(Some(Ref::from_schema_name(problem::Body::name()))).build();
    ResponseBuilder::new().description(description).content(problem::MEDIA_TYPE, body).build()
}
