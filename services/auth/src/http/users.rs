//! `/auth/users`: invite people, list them, change their roles, remove them.

use {
    crate::{
        Auth,
        people::{
            links::NewLink,
            users::{Invited, ListedUser, User},
        },
        scopes::AdminAll,
    },
    axum::{extract::State, http::StatusCode},
    portreeve_guard::{
        Caller, Id, Json, Page, Paging, PagingQuery, Problem,
        openapi::{BodyRefusals, Refusals},
        text,
    },
    portreeve_kernel::{Code, Role, Secret, Timestamp, UserId},
    serde::{Deserialize, Serialize, Serializer},
    utoipa::ToSchema,
};

/// Longest name of a person or a passkey, in characters.
pub(crate) const MAX_NAME: usize = 100;

portreeve_guard::problems! {
    /// When a page is asked for.
    pub(crate) ListRefusals = [Code::ValidationInvalidFormat, Code::ValidationOutOfRange];
    /// When the user does not exist, was removed, or is another owner's.
    pub(crate) NoUser = [Code::UserNotFound];
    /// The same, and when nobody would be an owner any more.
    pub(crate) LastOwner = [Code::UserNotFound, Code::UserLastOwner];
}

/// What people can be: `owner`, `viewer`, `auditor`, `member`, or a role that a registered resource server brought along.
/// Agents are no people.
#[derive(Debug, Deserialize)]
#[serde(from = "Role")]
pub(crate) struct PersonRole(Role);

impl From<Role> for PersonRole {
    fn from(role: Role) -> Self {
        Self(match role {
            // Nobody brings a role along that is built in, so this is known to no server.
            Role::Agent => Role::Custom(role.as_str().into()),
            role => role,
        })
    }
}

impl From<PersonRole> for Role {
    fn from(PersonRole(role): PersonRole) -> Self {
        role
    }
}

/// Somebody to invite.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewUserBody {
    /// 1 to 100 characters.
    #[schema(example = "Ada Lovelace", min_length = 1, max_length = 100)]
    name: String,
    /// `owner`, `viewer`, `auditor`, `member`, or one that a registered resource server brought along. Not wider than your own
    /// credential.
    #[schema(value_type = String, example = "viewer")]
    role: PersonRole,
}

/// Another role.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserChangeBody {
    /// `owner`, `viewer`, `auditor`, `member`, or one that a registered resource server brought along. Not wider than your own
    /// credential.
    #[schema(value_type = String, example = "viewer")]
    role: PersonRole,
}

/// Whether somebody can sign in.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum UserStatus {
    /// Has no passkey yet.
    Invited,
    /// Has one.
    Active,
}

/// A person.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = User)]
pub(crate) struct UserView {
    /// Its id.
    #[schema(value_type = String, example = "usr_01ARYZ6S41TSV4RRFFQ69G5FAV")]
    id: UserId,
    /// As it was invited.
    #[schema(example = "Ada Lovelace")]
    name: String,
    /// What it may be granted.
    #[schema(value_type = String, example = "owner")]
    role: Role,
    /// When it was invited.
    #[schema(value_type = String, format = DateTime, example = "2026-11-21T09:00:00Z")]
    created_at: Timestamp,
    /// By which credential.
    #[schema(example = "key_0M5B9XWQ4R1C")]
    created_by: String,
}

/// A person in a list.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UserInList {
    #[serde(flatten)]
    user: UserView,
    /// Whether it can sign in.
    status: UserStatus,
    /// When it last did.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    signed_in_at: Option<Timestamp>,
}

/// A link by which somebody makes a passkey.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LinkAnswer {
    /// Good once. Whoever opens it becomes that person: give it to nobody else. It is not shown again.
    #[serde(serialize_with = "shown_once")]
    #[schema(value_type = String, example = "https://portreeve.example/enrol#wlk_…")]
    link: Secret,
    /// From this moment on it is no longer good.
    #[schema(value_type = String, format = DateTime, example = "2026-11-22T09:00:00Z")]
    link_expires_at: Timestamp,
}

/// Somebody who was invited.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InvitedAnswer {
    #[serde(flatten)]
    user: UserView,
    #[serde(flatten)]
    link: LinkAnswer,
}

/// The one place where a link leaves the process over HTTP.
fn shown_once<S: Serializer>(link: &Secret, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(link.expose())
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        Self {
            id: user.id,
            name: user.name,
            role: user.role,
            created_at: user.created_at,
            created_by: user.created_by,
        }
    }
}

impl From<ListedUser> for UserInList {
    fn from(listed: ListedUser) -> Self {
        Self {
            user: listed.user.into(),
            status: match listed.passkeys {
                0 => UserStatus::Invited,
                _ => UserStatus::Active,
            },
            signed_in_at: listed.signed_in_at,
        }
    }
}

impl From<NewLink> for LinkAnswer {
    fn from(link: NewLink) -> Self {
        Self {
            link: link.url,
            link_expires_at: link.expires_at,
        }
    }
}

/// Invite somebody. The link is in this answer and nowhere else.
#[utoipa::path(
    post, path = "/auth/users", tag = "users", operation_id = "inviteUser", security(("bearer" = ["admin:all"])),
    request_body = NewUserBody,
    responses((status = 201, description = "Invited", body = InvitedAnswer), Refusals, BodyRefusals),
)]
pub(crate) async fn invite(
    caller: Caller<AdminAll>,
    State(auth): State<Auth>,
    Json(body): Json<NewUserBody>,
) -> Result<(StatusCode, Json<InvitedAnswer>), Problem> {
    text::check("name", "a name", &body.name, 1..=MAX_NAME)?;
    let invited = auth
        .people
        .invite(&caller.principal, body.name, body.role.into())
        .await?;
    let Invited { user, link } = invited;
    let answer = InvitedAnswer {
        user: user.into(),
        link: link.into(),
    };
    Ok((StatusCode::CREATED, Json(answer)))
}

/// List the people, newest first.
#[utoipa::path(
    get, path = "/auth/users", tag = "users", operation_id = "listUsers", security(("bearer" = ["admin:all"])),
    params(PagingQuery),
    responses((status = 200, description = "A page of people", body = Page<UserInList>), Refusals, ListRefusals),
)]
pub(crate) async fn list(
    caller: Caller<AdminAll>,
    State(auth): State<Auth>,
    paging: Paging,
) -> Result<Page<UserInList>, Problem> {
    let page = auth.people.list(&caller.principal, &paging).await?;
    Ok(page.map(UserInList::from))
}

/// Give somebody another role. What it was granted before ends at once, and it has to sign in again.
#[utoipa::path(
    patch, path = "/auth/users/{userId}", tag = "users", operation_id = "changeUser",
    security(("bearer" = ["admin:all"])),
    params(("userId" = String, Path, description = "The user's id", example = "usr_01ARYZ6S41TSV4RRFFQ69G5FAV")),
    request_body = UserChangeBody,
    responses((status = 200, description = "Changed", body = UserView), Refusals, BodyRefusals, LastOwner),
)]
pub(crate) async fn change(
    caller: Caller<AdminAll>,
    State(auth): State<Auth>,
    Id(user): Id<UserId>,
    Json(body): Json<UserChangeBody>,
) -> Result<Json<UserView>, Problem> {
    let user = auth
        .people
        .change_role(&caller.principal, &user, body.role.into())
        .await?;
    Ok(Json(user.into()))
}

/// Remove somebody: passkeys, sessions and what was granted end with this answer.
#[utoipa::path(
    delete, path = "/auth/users/{userId}", tag = "users", operation_id = "removeUser",
    security(("bearer" = ["admin:all"])),
    params(("userId" = String, Path, description = "The user's id", example = "usr_01ARYZ6S41TSV4RRFFQ69G5FAV")),
    responses((status = 204, description = "Removed"), Refusals, LastOwner),
)]
pub(crate) async fn remove(
    caller: Caller<AdminAll>,
    State(auth): State<Auth>,
    Id(user): Id<UserId>,
) -> Result<StatusCode, Problem> {
    auth.people.remove(&caller.principal, &user).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Make a new link for somebody who has lost the old one, or the device. The old one is no longer good.
#[utoipa::path(
    post, path = "/auth/users/{userId}/link", tag = "users", operation_id = "makeUserLink",
    security(("bearer" = ["admin:all"])),
    params(("userId" = String, Path, description = "The user's id", example = "usr_01ARYZ6S41TSV4RRFFQ69G5FAV")),
    responses((status = 201, description = "Made", body = LinkAnswer), Refusals, NoUser),
)]
pub(crate) async fn link(
    caller: Caller<AdminAll>,
    State(auth): State<Auth>,
    Id(user): Id<UserId>,
) -> Result<(StatusCode, Json<LinkAnswer>), Problem> {
    let link = auth.people.link(&caller.principal, &user).await?;
    Ok((StatusCode::CREATED, Json(link.into())))
}
