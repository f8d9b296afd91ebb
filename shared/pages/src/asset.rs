//! The script and the style sheet of all pages. Their names hold a hash of what they say, so browsers may keep them for
//! ever, and a page never meets the script of another version.

use {
    axum::{
        extract::{Path, rejection::PathRejection},
        http::{HeaderValue, header},
        response::{IntoResponse, Response},
    },
    portreeve_guard::Problem,
    portreeve_kernel::Code,
    sha2::{Digest, Sha256},
    std::{fmt, sync::LazyLock},
    utoipa_axum::{router::OpenApiRouter, routes},
};

/// The script.
pub static SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new(
        "passkey",
        "js",
        "text/javascript; charset=utf-8",
        include_str!("../assets/passkey.js"),
    )
});

/// The style sheet.
pub static STYLE: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new(
        "style",
        "css",
        "text/css; charset=utf-8",
        include_str!("../assets/style.css"),
    )
});

/// A file that pages refer to. Prints as its address.
#[derive(Debug)]
pub struct Asset {
    file: String,
    media: &'static str,
    text: &'static str,
}

impl Asset {
    fn new(name: &str, ending: &str, media: &'static str, text: &'static str) -> Self {
        let hash = Sha256::digest(text.as_bytes());
        let hash: String = hash.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Self {
            file: format!("{name}.{hash}.{ending}"),
            media,
            text,
        }
    }
}

impl fmt::Display for Asset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/assets/{}", self.file)
    }
}

/// The routes that answer them.
pub fn router() -> OpenApiRouter {
    OpenApiRouter::new().routes(routes!(asset))
}

/// The script or the style sheet of the pages, under the name that pages use.
#[utoipa::path(
    get, path = "/assets/{file}", tag = "pages", operation_id = "getAsset", security(()),
    params(("file" = String, Path, description = "As a page names it")),
    responses((status = 200, description = "The file; it never changes"), (status = 404, description = "`REQUEST_NOT_FOUND`"))
)]
async fn asset(file: Result<Path<String>, PathRejection>) -> Response {
    let named = |asset: &&LazyLock<Asset>| file.as_ref().is_ok_and(|file| file.0 == asset.file);
    let Some(asset) = [&SCRIPT, &STYLE].into_iter().find(named) else {
        return Problem::new(Code::RequestNotFound).into_response();
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(asset.media)),
        (
            header::CACHE_CONTROL,
            HeaderValue::from_static("public, max-age=31536000, immutable"),
        ),
    ];
    (headers, asset.text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_says_something_else_has_another_name() {
        let [one, same, other] = ["a", "a", "b"].map(|text| Asset::new("x", "js", "", text).to_string());
        assert_eq!(one, same);
        assert_ne!(one, other);
        assert!(one.starts_with("/assets/x.") && one.ends_with(".js"));
    }

    #[test]
    fn the_script_makes_no_markup_and_runs_no_text() {
        for way in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "eval(",
            "new Function",
        ] {
            assert!(!SCRIPT.text.contains(way), "{way}");
        }
    }
}
