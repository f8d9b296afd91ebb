//! The device flow (RFC 8628): a program without a browser shows a code, a person types it elsewhere, and the program asks
//! until they have decided.
//!
//! What must stay true: a code is decided once and fetched once, at whatever node; and a code that people type cannot be
//! tried by who has the database alone.

use {
    crate::{
        oauth::{
            IssueError, Issued, Issuer, clients::Registered, consent::Wanted, exchange::Exchanged, grants, refresh,
        },
        token,
    },
    portreeve_kernel::{GrantId, Now, OwnerId, ScopeSet, Seconds, Secret},
    portreeve_oauth::{
        ClientId, Device, DeviceState, Grant, Params, Polled, Resource, UNKNOWN_DEVICE, UserCode, asked_scopes, polled,
    },
    portreeve_store::{Fetch, Row, Sql, StoreError, Tx},
    std::{net::IpAddr, sync::Arc},
};

/// How many codes of one client can be waited with: whoever knows its id may begin.
const MOST: i64 = 1000;

/// What a program is told that begins.
pub(crate) struct Begun {
    /// For the program alone.
    pub(crate) device_code: Secret,
    /// For people.
    pub(crate) user_code: UserCode,
    /// How long to wait between two questions.
    pub(crate) interval: Seconds,
}

/// A program that waits for a person.
pub(crate) struct Waiting {
    /// Who asks.
    pub(crate) client: Arc<Registered>,
    /// For which resource server.
    pub(crate) resource: Resource,
    /// For what.
    pub(crate) scopes: ScopeSet,
}

impl Waiting {
    /// The same, however the answer goes.
    pub(crate) fn wanted(&self) -> Wanted<'_> {
        Wanted {
            client: &self.client.client,
            resource: &self.resource,
            scopes: &self.scopes,
            is_stranger: self.client.owner.is_none(),
        }
    }
}

/// A device code as it is kept.
struct Kept {
    device: Device,
    scopes: ScopeSet,
    grant: Option<GrantId>,
}

impl Kept {
    fn read(row: &Row) -> Result<Self, StoreError> {
        let scopes: ScopeSet = row.json("scopes")?;
        let state = match &*row.get::<String>("state")? {
            "waiting" => DeviceState::Waiting,
            // What was granted of it stands in the grant.
            "approved" => DeviceState::Approved(scopes.clone()),
            "denied" => DeviceState::Denied,
            "used" => DeviceState::Used,
            _ => return Err(StoreError::unreadable("state")),
        };
        let interval: i64 = row.get("interval_s")?;
        Ok(Self {
            device: Device {
                client: row.text_as("client_id", ClientId::parse)?,
                resource: Resource::configured(&row.get::<String>("resource")?),
                issued_at: row.get("issued_at")?,
                interval: Seconds(u32::try_from(interval).map_err(|_| StoreError::unreadable("interval_s"))?),
                polled_at: row.get_optional("polled_at")?,
                state,
            },
            scopes,
            grant: row.get_optional("grant_id")?,
        })
    }
}

impl Issuer {
    /// Begins for `client`, which has proven who it is.
    ///
    /// # Errors
    /// [`IssueError`].
    pub(crate) async fn begin_device(
        self: &Arc<Self>,
        client: &Registered,
        params: &Params,
    ) -> Result<Begun, IssueError> {
        client.client.grants.allow(Grant::DeviceCode)?;
        let server = self.asked(params)?;
        let scopes = asked_scopes(params, &server.all(), server.offered())?;
        let at = self.clock.now().for_expiry();
        let (device_code, user_code) = (token::device(&*self.entropy), UserCode::new(&*self.entropy));
        let device = Device::new(client.client.id.clone(), server.resource.clone(), at);
        let interval = device.interval;
        let insert = Sql::new(
            "INSERT INTO oauth_devices (hash, user_hash, client_id, resource, scopes, issued_at, interval_s, state) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, 'waiting')",
        )
        .bind(&token::hash(device_code.expose()))
        .bind(&self.signing.user_code(&user_code)?)
        .bind(device.client.as_str())
        .bind(device.resource.as_str())
        .bind_json(&scopes)
        .bind(device.issued_at)
        .bind(i64::from(interval.0));
        let (of, since) = (client.client.id.clone(), at.minus(Device::TTL));
        let unit = async move |tx: &mut Tx| {
            let waiting = Sql::new("SELECT COUNT(*) AS n FROM oauth_devices WHERE issued_at > $1 AND client_id = $2");
            let waiting: i64 = tx.fetch_one(waiting.bind(since).bind(of.as_str())).await?.get("n")?;
            if waiting >= MOST {
                return Ok(false);
            }
            tx.execute(insert.clone()).await?;
            Ok(true)
        };
        if !self.db.write::<_, StoreError, _>(unit).await? {
            return Err(IssueError::Unavailable(
                "too many devices of this client wait".to_owned(),
            ));
        }
        Ok(Begun {
            device_code,
            user_code,
            interval,
        })
    }

    /// What a person of `owner` decides about who types `code`; `None` when no program waits with it that is for them.
    ///
    /// # Errors
    /// When the store cannot be asked.
    pub(crate) async fn waiting(&self, code: &UserCode, owner: &OwnerId) -> Result<Option<Waiting>, IssueError> {
        let sql = Sql::new("SELECT * FROM oauth_devices WHERE user_hash = $1");
        let by = self.signing.user_code(code)?;
        let found = self.db.read().fetch_optional(sql.bind(&by)).await?;
        let Some(row) = token::confirmed(found, "user_hash", &by)? else {
            return Ok(None);
        };
        let kept = Kept::read(&row)?;
        if !kept.device.can_be_decided(self.clock.now()) {
            return Ok(None);
        }
        let client = self.registered(&kept.device.client).await?;
        let client = client.filter(|client| client.client.enabled && client.is_for(owner));
        Ok(client.map(|client| Waiting {
            client,
            resource: kept.device.resource,
            scopes: kept.scopes,
        }))
    }

    /// Whether a person has decided, for `client`, which has proven who it is and asks from `address`.
    ///
    /// # Errors
    /// `authorization_pending` and `slow_down` while it has to wait; [`IssueError`].
    pub(crate) async fn poll_device(
        self: &Arc<Self>,
        client: &Registered,
        code: &Secret,
        address: IpAddr,
    ) -> Result<Issued, IssueError> {
        client.client.grants.allow(Grant::DeviceCode)?;
        let (hash, of) = (token::hash(code.expose()), client.client.id.clone());
        let first = self.first_refresh(client);
        let issuer = Arc::clone(self);
        let unit = async move |tx: &mut Tx| poll(tx, &issuer, &hash, &of, first.as_ref()).await;
        self.settle(self.db.write::<_, StoreError, _>(unit).await?, address)
    }
}

async fn poll(
    tx: &mut Tx,
    issuer: &Issuer,
    hash: &token::Hash,
    client: &ClientId,
    first: Option<&Secret>,
) -> Result<Exchanged, StoreError> {
    let now = issuer.clock.now();
    let sql = Sql::new("SELECT * FROM oauth_devices WHERE hash = $1").bind(hash);
    let found = tx.fetch_optional(sql.for_update()).await?;
    let Some(row) = token::confirmed(found, "hash", hash)? else {
        return Ok(Exchanged::Refused(UNKNOWN_DEVICE));
    };
    let kept = Kept::read(&row)?;
    match polled(&kept.device, client, now) {
        Polled::Refused(error) => Ok(Exchanged::Refused(error)),
        Polled::Wait(device, error) => {
            let update = Sql::new("UPDATE oauth_devices SET polled_at = $1, interval_s = $2 WHERE hash = $3");
            let update = update
                .bind(device.polled_at)
                .bind(i64::from(device.interval.0))
                .bind(hash);
            tx.execute(update).await?;
            Ok(Exchanged::Refused(error))
        }
        Polled::Grant(_) => {
            let given = match &kept.grant {
                Some(grant) => grants::lock(tx, grant).await?,
                None => None,
            };
            let Some(given) = given.filter(|given| !given.is_revoked) else {
                return Ok(Exchanged::Refused(UNKNOWN_DEVICE));
            };
            // What cannot be given costs the code nothing: its tokens would never be seen.
            if let Err(error) = issuer.left_of(&given, &given.scopes) {
                return Ok(Exchanged::Refused(error));
            }
            let used = Sql::new("UPDATE oauth_devices SET state = 'used' WHERE hash = $1");
            tx.execute(used.bind(hash)).await?;
            if let Some(first) = first {
                refresh::insert(tx, first, &given.id, now.for_expiry()).await?;
            }
            let scopes = given.scopes.clone();
            Ok(Exchanged::Granted(Box::new(given), scopes, first.cloned()))
        }
    }
}

/// Writes down what a person decided about the program whose code this stands for: `grant`, or nothing. False when somebody
/// had decided before, or it is over.
pub(crate) async fn decide(
    tx: &mut Tx,
    by: &token::Hash,
    now: Now,
    grant: Option<&GrantId>,
) -> Result<bool, StoreError> {
    let sql = Sql::new("SELECT * FROM oauth_devices WHERE user_hash = $1").bind(by);
    let found = tx.fetch_optional(sql.for_update()).await?;
    let Some(row) = token::confirmed(found, "user_hash", by)? else {
        return Ok(false);
    };
    if !Kept::read(&row)?.device.can_be_decided(now) {
        return Ok(false);
    }
    let state = if grant.is_some() { "approved" } else { "denied" };
    let update = Sql::new("UPDATE oauth_devices SET state = $1, grant_id = $2 WHERE user_hash = $3");
    tx.execute(update.bind(state).bind(grant).bind(by)).await?;
    Ok(true)
}
