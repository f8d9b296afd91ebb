//! Each limit by itself, in a time that stands still.

use {
    super::*,
    portreeve_kernel::{GrantId, KeyId, TokenId, entropy::Seeded},
    std::{iter, net::Ipv4Addr},
    tokio::time::advance,
};

fn limiter(per_credential: u32) -> Limiter {
    Limiter::new(Limits {
        per_credential: NonZeroU32::new(per_credential).unwrap(),
        ..Limits::default()
    })
}

fn key(text: &str) -> Credential {
    Credential::ApiKey(text.parse::<KeyId>().unwrap())
}

fn seconds(exceeded: Exceeded) -> u128 {
    exceeded.retry_after.as_millis().div_ceil(1_000)
}

#[tokio::test(start_paused = true)]
async fn where_a_server_proved_itself_it_asks_beside_what_the_address_has() {
    let limiter = Limiter::new(Limits {
        per_address: NonZeroU32::new(2).unwrap(),
        introspections: NonZeroU32::new(5).unwrap(),
        ..Limits::default()
    });
    let (here, there) = (Ipv4Addr::new(192, 0, 2, 1).into(), Ipv4Addr::new(192, 0, 2, 2).into());
    let asks = |address| {
        iter::repeat_with(|| limiter.introspection(address))
            .take_while(Result::is_ok)
            .count()
    };
    assert_eq!(asks(here), 2, "nobody proved anything");
    limiter.server_asked(here);
    assert!(limiter.address(here).is_err());
    assert_eq!(asks(here), 5, "the address has nothing left, and that is none of it");
    advance(MINUTE).await;
    assert_eq!((asks(here), asks(there)), (5, 2), "and nobody else has it");
    assert!(limiter.address(here).is_ok());
    advance(HOUR).await;
    assert_eq!(asks(here), 2, "it is remembered for an hour");
}

#[tokio::test(start_paused = true)]
async fn who_watches_can_still_ask() {
    let (limiter, key) = (limiter(3), key("key_0123456789AB"));
    while limiter.watch(&key, Tier::Default).is_ok() {}
    for left in (0..3).rev() {
        let share = limiter.credential(&key, Tier::Default, &Method::GET).unwrap();
        assert_eq!(share.remaining, left);
    }
}

#[tokio::test(start_paused = true)]
async fn the_limit_is_exact_and_whoever_is_refused_is_told_when_it_passes() {
    let (limiter, key) = (limiter(60), key("key_000000000001"));
    for left in (0..60).rev() {
        assert_eq!(
            limiter.credential(&key, Tier::Default, &Method::GET).unwrap().remaining,
            left
        );
    }
    let refused = limiter.credential(&key, Tier::Default, &Method::GET).unwrap_err();
    assert_eq!(seconds(refused), 1);
    advance(Duration::from_millis(999)).await;
    limiter.credential(&key, Tier::Default, &Method::GET).unwrap_err();
    advance(Duration::from_millis(1)).await;
    limiter.credential(&key, Tier::Default, &Method::GET).unwrap();
    limiter.credential(&key, Tier::Default, &Method::GET).unwrap_err();
    limiter
        .credential(&self::key("key_000000000002"), Tier::Default, &Method::GET)
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_key_may_ask_as_much_as_its_tier_says() {
    let limiter = Limiter::new(Limits::default());
    let told = |tier| {
        limiter
            .credential(&key("key_000000000001"), tier, &Method::GET)
            .unwrap()
    };
    for (tier, limit) in Tier::ALL.into_iter().zip([100, 500, 5_000]) {
        let share = told(tier);
        assert_eq!((share.limit.get(), share.remaining), (limit, limit - 1), "{tier}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_gets_no_new_share_with_a_new_token() {
    let limiter = limiter(2);
    let token = |grant: u64, token: u64| {
        let grant = GrantId::new(Timestamp::EPOCH, &Seeded::new(grant));
        Credential::Token(TokenId::new(&grant, &Seeded::new(token)))
    };
    for number in 0..2 {
        limiter
            .credential(&token(1, number), Tier::Default, &Method::GET)
            .unwrap();
    }
    limiter
        .credential(&token(1, 2), Tier::Default, &Method::GET)
        .unwrap_err();
    limiter.credential(&token(2, 3), Tier::Default, &Method::GET).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_write_weighs_as_much_as_five_reads() {
    let (limiter, key) = (limiter(10), key("key_000000000001"));
    for method in [Method::POST, Method::DELETE] {
        limiter.credential(&key, Tier::Default, &method).unwrap();
    }
    limiter.credential(&key, Tier::Default, &Method::HEAD).unwrap_err();
    advance(Duration::from_secs(6)).await;
    limiter.credential(&key, Tier::Default, &Method::PUT).unwrap_err();
    limiter.credential(&key, Tier::Default, &Method::GET).unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_limit_below_the_weight_of_a_write_lets_one_write_pass_at_a_time() {
    let (limiter, key) = (limiter(1), key("key_000000000001"));
    limiter.credential(&key, Tier::Default, &Method::POST).unwrap();
    assert_eq!(
        seconds(limiter.credential(&key, Tier::Default, &Method::POST).unwrap_err()),
        60
    );
}

#[tokio::test(start_paused = true)]
async fn an_ipv6_neighbour_shares_the_limit_and_another_64_and_a_mapped_v4_do_not() {
    let limiter = Limiter::new(Limits {
        per_address: NonZeroU32::MIN,
        ..Limits::default()
    });
    let ask = |address: &str| limiter.address(address.parse().unwrap());
    ask("2001:db8:1:2::1").unwrap();
    ask("2001:db8:1:2:ffff::1").unwrap_err();
    ask("2001:db8:1:3::1").unwrap();
    ask("192.0.2.1").unwrap();
    ask("::ffff:192.0.2.1").unwrap_err();
    ask("::ffff:192.0.2.2").unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_address_registers_as_many_clients_an_hour_as_the_limit_says_and_is_told_when_the_next() {
    let limiter = limiter(1);
    let register = |address: [u8; 4]| limiter.registration(address.into());
    for left in (0..10).rev() {
        assert_eq!(register([192, 0, 2, 1]).unwrap().remaining, left);
    }
    let refused = register([192, 0, 2, 1]).unwrap_err();
    assert_eq!(seconds(refused), 6 * 60);
    let told = Problem::from(refused);
    assert!(told.to_string().contains("10 clients an hour"), "{told}");
    let whole = refused.share.headers(Timestamp::EPOCH).map(|(_, value)| value);
    assert_eq!(whole, ["10", "0", "3600"]);
    register([192, 0, 2, 2]).unwrap();
    advance(Duration::from_secs(6 * 60)).await;
    register([192, 0, 2, 1]).unwrap();
    register([192, 0, 2, 1]).unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn an_address_with_ten_wrong_credentials_is_told_nothing_for_a_quarter_of_an_hour() {
    let limiter = limiter(100);
    let address = IpAddr::from([192, 0, 2, 1]);
    for _ in 0..10 {
        limiter.wrong_credential(address).unwrap();
        advance(Duration::from_secs(59)).await;
    }
    assert_eq!(seconds(limiter.wrong_credential(address).unwrap_err()), 15 * 60 - 59);
    limiter.wrong_credential([192, 0, 2, 2].into()).unwrap();
    limiter.address(address).unwrap();
    advance(Duration::from_secs(15 * 60 - 59)).await;
    limiter.wrong_credential(address).unwrap();
}

#[tokio::test(start_paused = true)]
async fn whoever_does_not_wait_waits_longer_and_passes_in_the_end() {
    let (limiter, key) = (limiter(1), key("key_000000000001"));
    limiter.credential(&key, Tier::Default, &Method::GET).unwrap();
    for _ in 0..10 {
        assert!(
            !limiter
                .credential(&key, Tier::Default, &Method::GET)
                .unwrap_err()
                .blocked
        );
    }
    for _ in 0..40 {
        let refused = limiter.credential(&key, Tier::Default, &Method::GET).unwrap_err();
        assert!(refused.blocked);
        assert_eq!(seconds(refused), 15 * 60);
    }
    assert_eq!(
        seconds(limiter.credential(&key, Tier::Default, &Method::GET).unwrap_err()),
        60 * 60
    );
    // Asking on does not make it longer.
    for _ in 0..60 {
        limiter.credential(&key, Tier::Default, &Method::GET).unwrap_err();
        advance(Duration::from_secs(60)).await;
    }
    limiter.credential(&key, Tier::Default, &Method::GET).unwrap();
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_addresses_are_forgotten_again() {
    let limiter = limiter(100);
    for number in 0..10_000 {
        let address = IpAddr::from(Ipv4Addr::from_bits(number));
        limiter.address(address).unwrap();
        limiter.registration(address).unwrap();
        limiter.wrong_credential(address).unwrap();
    }
    let known = || {
        let (addresses, registrations) = (&limiter.addresses.cells, &limiter.registrations.cells);
        (addresses.len(), registrations.len(), limiter.wrong.len())
    };
    limiter.forget_idle();
    assert_eq!(known(), (10_000, 10_000, 10_000));
    advance(HOUR).await;
    limiter.forget_idle();
    assert_eq!(known(), (0, 0, 0));
}

#[test]
fn the_tightest_share_is_the_one_told_of_and_its_reset_is_when_it_is_whole() {
    let share = |limit: u32, remaining| Share {
        limit: NonZeroU32::new(limit).unwrap(),
        remaining,
        per: Per::Minute,
    };
    let (wide, tight) = (share(1_000, 500), share(100, 49));
    assert_eq!(tight.tightest(Some(wide)), tight);
    assert_eq!(wide.tightest(Some(tight)), tight);
    assert_eq!(wide.tightest(None), wide);
    let now: Timestamp = "2027-06-15T10:30:00.001Z".parse().unwrap();
    let values = tight.headers(now).map(|(_, value)| value.to_str().unwrap().to_owned());
    let reset = (now.millis() / 1_000 + 31).to_string();
    assert_eq!(values, ["100", "49", &reset]);
}

#[test]
fn whoever_waits_as_long_as_is_said_is_not_too_early() {
    for (millis, seconds) in [(0, "1"), (999, "1"), (1_000, "1"), (1_001, "2")] {
        let exceeded = Exceeded {
            layer: "this address",
            share: Share {
                limit: NonZeroU32::MIN,
                remaining: 0,
                per: Per::Minute,
            },
            retry_after: Duration::from_millis(millis),
            blocked: false,
        };
        let told = Problem::from(exceeded).response(None, None);
        assert_eq!(told.headers()[header::RETRY_AFTER], seconds, "{millis} ms");
    }
}

#[test]
fn no_limit_can_be_zero() {
    for limits in [
        r#"{"per_address": 0}"#,
        r#"{"per_credential": -1}"#,
        r#"{"payments": 1}"#,
    ] {
        serde_json::from_str::<Limits>(limits).unwrap_err();
    }
}
