//! Tokens as the chain holds them: what a mint is, where a payment in it goes, and what a vault has of it.
//!
//! What is read here decides nothing by itself: the signer knows the owner's word on program and decimals, and the chain
//! refuses what does not fit. It is read so that a payment that cannot be is refused before anything is reserved, in
//! words that say why.

use {
    crate::{
        error,
        ports::{Account, Chain, ChainError, Commitment},
        transactions::Order,
    },
    portreeve_chain::{
        TokenProgram,
        account::{Concern, MintAccount, TokenAccount},
        pda,
        squads::Currency,
    },
    portreeve_guard::Problem,
    portreeve_kernel::{Address, Code, Mint},
    portreeve_payment::Nature,
    portreeve_policy::{AgentPolicy, PinnedToken},
    serde::Serialize,
    utoipa::ToSchema,
};

/// How a payment in a token is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Route {
    /// Which program holds the token.
    pub(crate) program: TokenProgram,
    /// The mint's.
    pub(crate) decimals: u8,
    /// True when the fee payer has to open an account for whoever is paid.
    pub(crate) opens_account: bool,
}

impl Route {
    /// What moves by it.
    pub(crate) const fn currency(&self, mint: Mint) -> Currency {
        Currency::Token {
            mint,
            program: self.program,
            decimals: self.decimals,
        }
    }
}

/// A route, and what the owner has to know of the token.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found {
    pub(crate) route: Route,
    /// The gravest.
    pub(crate) concern: Option<Concern>,
}

impl Found {
    pub(crate) const fn nature(&self) -> Nature {
        match self.concern {
            None => Nature::Plain,
            Some(Concern::Risk(_)) => Nature::Unusual,
            Some(Concern::Obstacle(_)) => Nature::Unpayable,
        }
    }

    /// Why a payment in such a token is refused.
    pub(crate) fn refusal(&self) -> Option<String> {
        Some(match self.concern? {
            Concern::Risk(words) => format!(
                "the mint {words}; the owner's policy has to list it in whitelist.allowedTokenMints before it is paid"
            ),
            Concern::Obstacle(words) => format!("the mint {words}; it cannot be paid, listed or not"),
        })
    }
}

/// A mint and the program that holds it.
struct Token {
    program: TokenProgram,
    mint: MintAccount,
}

impl Token {
    /// `None` when the account is no mint of either program.
    fn read(account: &Account) -> Option<Self> {
        let program = TokenProgram::at(account.owner)?;
        let mint = MintAccount::decode(&account.data).ok()?;
        Some(Self { program, mint })
    }

    fn concern(&self) -> Option<Concern> {
        self.mint.concerns().max()
    }
}

/// Looks up how `order`, which is in `mint`, would be paid.
///
/// # Errors
/// A problem that names the field: no mint, no wallet, or a token account that is somebody else's.
pub(crate) async fn find(chain: &dyn Chain, order: &Order, mint: Mint, policy: &AgentPolicy) -> Result<Found, Problem> {
    let associated = |program| pda::associated_token(&order.to, &mint, program);
    let wanted = [
        mint.address(),
        order.to,
        associated(TokenProgram::Token),
        associated(TokenProgram::Token2022),
    ];
    let found = chain.accounts(&wanted, Commitment::Confirmed).await;
    let found: [Option<Account>; 4] = found
        .and_then(|found| {
            let count = found.len();
            let wrong = |_| ChainError::Malformed(format!("{count} accounts where {} were asked for", wanted.len()));
            found.try_into().map_err(wrong)
        })
        .map_err(|error| error::chain(&error))?;
    let [mint_account, wallet, plain, extended] = found;
    let token = mint_account.as_ref().and_then(Token::read).ok_or_else(|| {
        Problem::new(Code::ValidationOutOfRange)
            .detail(format_args!("`{mint}` is no token mint on this chain"))
            .param("mint")
    })?;
    let pinned = policy.pinned_of(order.asset).map(|pinned| pinned.decimals);
    let changed = pinned.is_some_and(|decimals| decimals != token.mint.decimals);
    let changed = changed.then_some(Concern::Obstacle("has other decimals than the owner approved"));
    let listed = policy.whitelist.allowed_destinations.contains(&order.to);
    let account = match token.program {
        TokenProgram::Token => plain,
        TokenProgram::Token2022 => extended,
    };
    let check = is_wallet(&order.to, wallet.as_ref(), listed).and_then(|()| opens(&order.to, mint, account.as_ref()));
    let opens_account = check.map_err(|why| Problem::new(Code::ValidationOutOfRange).detail(why).param("to"))?;
    Ok(Found {
        route: Route {
            program: token.program,
            decimals: token.mint.decimals,
            opens_account,
        },
        concern: changed.max(token.concern()),
    })
}

/// Whether tokens for `to` would be in somebody's hands. What belongs to a program is so only when the owner says so, by
/// listing it: the vault of another multisig is such an address, and so is many a place nothing comes back from.
fn is_wallet(to: &Address, account: Option<&Account>, listed: bool) -> Result<(), String> {
    match account {
        Some(account) if TokenProgram::at(account.owner).is_some() => Err(format!(
            "`{to}` is a token account or a mint; say the wallet that owns it, and its token account is found"
        )),
        Some(account) if account.owner != Address::SYSTEM_PROGRAM && !listed => Err(format!(
            "`{to}` is no wallet: it belongs to the program `{}`; the owner's policy can list it in \
             whitelist.allowedDestinations",
            account.owner
        )),
        None if !pda::is_on_curve(to) && !listed => Err(format!(
            "`{to}` is no wallet: no key can sign for it, and nothing is there yet; the owner's policy can list it in \
             whitelist.allowedDestinations"
        )),
        _ => Ok(()),
    }
}

/// Whether a token account has to be opened for `to`. `account` is what stands in its place.
fn opens(to: &Address, mint: Mint, account: Option<&Account>) -> Result<bool, String> {
    // Somebody may have sent lamports ahead; opening takes them over.
    let Some(account) = account.filter(|account| account.owner != Address::SYSTEM_PROGRAM) else {
        return Ok(true);
    };
    match TokenAccount::decode(&account.data) {
        Ok(tokens) if tokens.mint == mint && tokens.owner == *to => Ok(false),
        Ok(tokens) => Err(format!(
            "the token account of `{to}` has been given to `{}`",
            tokens.owner
        )),
        Err(error) => Err(format!("the token account of `{to}` cannot be read: {error}")),
    }
}

/// Writes into `policy` what the chain says of its tokens, for the owner to approve with it.
///
/// # Errors
/// A problem that names the field: what is no mint, and what the policy would have to list, or can never be paid.
pub(crate) async fn pin(chain: &dyn Chain, policy: &mut AgentPolicy) -> Result<(), Problem> {
    let mints: Vec<Mint> = policy.tokens.keys().copied().collect();
    if mints.is_empty() {
        return Ok(());
    }
    let addresses: Vec<Address> = mints.iter().map(Mint::address).collect();
    let found = chain.accounts(&addresses, Commitment::Confirmed).await;
    let found = found.map_err(|error| error::chain(&error))?;
    for (mint, account) in mints.into_iter().zip(found) {
        let refuse = |detail: String| {
            let param = format!("policy.tokens.{mint}");
            Err(Problem::new(Code::PolicyInvalid).detail(detail).param(param))
        };
        let Some(token) = account.as_ref().and_then(Token::read) else {
            return refuse(format!("`{mint}` is no token mint on this chain"));
        };
        let listed = policy.whitelist.allowed_token_mints.contains(&mint);
        match token.concern() {
            Some(Concern::Risk(words)) if !listed => {
                return refuse(format!(
                    "the mint {words}; list it in whitelist.allowedTokenMints too if that is wanted"
                ));
            }
            Some(Concern::Obstacle(words)) => return refuse(format!("the mint {words}")),
            _ => {}
        }
        if let Some(rules) = policy.tokens.get_mut(&mint) {
            rules.pinned = Some(PinnedToken {
                program: token.program.address(),
                decimals: token.mint.decimals,
            });
        }
    }
    Ok(())
}

/// What a vault holds of one token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TokenBalance {
    /// Which.
    #[schema(example = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v")]
    pub(crate) mint: String,
    /// The program that holds it.
    pub(crate) token_program: String,
    /// The vault's token account. It is there once something has been sent to it.
    pub(crate) token_account: String,
    /// In the mint's smallest unit.
    #[schema(example = "2500000")]
    pub(crate) amount: String,
    /// Digits after the point.
    pub(crate) decimals: u8,
    /// The same in whole tokens, for people.
    #[schema(example = "2.500000")]
    pub(crate) ui_amount: String,
}

/// What `vault` holds of every token that `policy` gives limits, in the accounts that payments are made from.
pub(crate) async fn held(
    chain: &dyn Chain,
    vault: &Address,
    policy: &AgentPolicy,
) -> Result<Vec<TokenBalance>, ChainError> {
    let mints: Vec<Mint> = policy.tokens.keys().copied().collect();
    if mints.is_empty() {
        return Ok(Vec::new());
    }
    let addresses: Vec<Address> = mints.iter().map(Mint::address).collect();
    let found = chain.accounts(&addresses, Commitment::Confirmed).await?;
    let tokens: Vec<(Mint, Token, Address)> = mints
        .into_iter()
        .zip(&found)
        .filter_map(|(mint, account)| {
            let token = Token::read(account.as_ref()?)?;
            let place = pda::associated_token(vault, &mint, token.program);
            Some((mint, token, place))
        })
        .collect();
    let places: Vec<Address> = tokens.iter().map(|(_, _, place)| *place).collect();
    let found = chain.accounts(&places, Commitment::Confirmed).await?;
    let held = tokens.iter().zip(found).map(|((mint, token, place), account)| {
        let units = account.and_then(|account| units_in(&account, *mint)).unwrap_or(0);
        TokenBalance {
            mint: mint.to_string(),
            token_program: token.program.address().to_string(),
            token_account: place.to_string(),
            amount: units.to_string(),
            decimals: token.mint.decimals,
            ui_amount: ui_amount(units, token.mint.decimals),
        }
    });
    Ok(held.collect())
}

/// What the token account at `place` holds of `mint`; `None` when there is none.
pub(crate) async fn units_at(chain: &dyn Chain, place: Address, mint: Mint) -> Result<Option<u64>, ChainError> {
    let mut found = chain.accounts(&[place], Commitment::Processed).await?;
    Ok(found.pop().flatten().and_then(|account| units_in(&account, mint)))
}

fn units_in(account: &Account, mint: Mint) -> Option<u64> {
    TokenProgram::at(account.owner)?;
    let tokens = TokenAccount::decode(&account.data).ok()?;
    (tokens.mint == mint).then_some(tokens.amount)
}

/// `units` with a decimal point and all digits behind it.
pub(crate) fn ui_amount(units: u64, decimals: u8) -> String {
    let decimals = usize::from(decimals);
    let digits = format!("{units:0>width$}", width = decimals.saturating_add(1));
    let (whole, fraction) = digits.split_at(digits.len().saturating_sub(decimals));
    if fraction.is_empty() {
        whole.to_owned()
    } else {
        format!("{whole}.{fraction}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wallet_key() -> Address {
        "9xQeWvG816bUx9EPjHmaT23yvVM2ZWbrrpZb9PusVFin".parse().unwrap()
    }

    fn mint() -> Mint {
        Mint::new(Address::new([9; 32]))
    }

    fn account(owner: Address, data: Vec<u8>) -> Account {
        Account {
            lamports: 1,
            owner,
            data,
        }
    }

    fn tokens(mint: Mint, owner: Address) -> Vec<u8> {
        let mut data = [mint.address().as_bytes().as_slice(), owner.as_bytes()].concat();
        data.resize(165, 0);
        data[108] = 1;
        data
    }

    #[test]
    fn a_wallet_is_on_the_curve_or_there_or_listed_and_never_a_token_account() {
        let (key, program) = (wallet_key(), Address::new([5; 32]));
        let off_curve = pda::associated_token(&key, &mint(), TokenProgram::Token);
        assert!(is_wallet(&key, None, false).is_ok(), "nobody has paid it yet");
        assert!(is_wallet(&key, Some(&account(Address::SYSTEM_PROGRAM, vec![])), false).is_ok());
        assert!(
            is_wallet(&off_curve, Some(&account(Address::SYSTEM_PROGRAM, vec![])), false).is_ok(),
            "a vault"
        );
        for (to, there) in [(off_curve, None), (key, Some(account(program, vec![])))] {
            assert!(is_wallet(&to, there.as_ref(), false).is_err());
            assert!(is_wallet(&to, there.as_ref(), true).is_ok());
        }
        for program in [TokenProgram::Token, TokenProgram::Token2022] {
            let there = account(program.address(), tokens(mint(), key));
            assert!(
                is_wallet(&off_curve, Some(&there), true).is_err(),
                "not even when it is listed"
            );
        }
    }

    #[test]
    fn an_account_is_opened_where_there_is_none_and_used_only_when_it_is_whose_it_should_be() {
        let (to, program) = (wallet_key(), TokenProgram::Token.address());
        let there = |mint, owner| account(program, tokens(mint, owner));
        assert_eq!(opens(&to, mint(), None), Ok(true));
        assert_eq!(
            opens(&to, mint(), Some(&account(Address::SYSTEM_PROGRAM, vec![]))),
            Ok(true)
        );
        assert_eq!(opens(&to, mint(), Some(&there(mint(), to))), Ok(false));
        assert!(opens(&to, mint(), Some(&there(mint(), Address::new([3; 32])))).is_err());
        assert!(opens(&to, mint(), Some(&there(Mint::new(Address::new([3; 32])), to))).is_err());
        assert!(opens(&to, mint(), Some(&account(program, vec![0; 165]))).is_err());
    }

    #[test]
    fn a_mint_belongs_to_one_of_two_programs_and_reads_as_a_mint() {
        let mut data = vec![0; 82];
        data[45] = 1;
        for program in [TokenProgram::Token, TokenProgram::Token2022] {
            let read = Token::read(&account(program.address(), data.clone())).unwrap();
            assert_eq!((read.program, read.concern()), (program, None));
        }
        assert!(Token::read(&account(Address::SYSTEM_PROGRAM, data.clone())).is_none());
        assert!(Token::read(&account(TokenProgram::Token.address(), tokens(mint(), wallet_key()))).is_none());
    }

    /// Or payments would be allowed here and refused there.
    #[test]
    fn as_many_accounts_are_opened_here_as_the_signer_allows_and_they_count_for_longer() {
        use portreeve_payment::{DEADLINE, OPENED_MAX, OPENED_WINDOW};
        assert_eq!(OPENED_MAX, portreeve_signing::ACCOUNTS_PER_DAY);
        let on_the_way = DEADLINE.0 + portreeve_signing::LANDING_MARGIN.0 + portreeve_payment::CLOCKS_APART.0;
        assert!(OPENED_WINDOW.0 >= 86_400 + on_the_way);
    }

    #[test]
    fn the_gravest_concern_is_the_one_that_counts() {
        assert!(Concern::Obstacle("a") > Concern::Risk("z"));
    }

    #[test]
    fn whole_tokens_are_written_with_every_digit() {
        assert_eq!(ui_amount(2_500_000, 6), "2.500000");
        assert_eq!(ui_amount(1, 6), "0.000001");
        assert_eq!(ui_amount(0, 9), "0.000000000");
        assert_eq!(ui_amount(7, 0), "7");
        assert_eq!(ui_amount(u64::MAX, 19), "1.8446744073709551615");
    }
}
