//! What the official conformance suite of MCP asks a server for: tools, resources and prompts with certain names and
//! answers, around what the wallet offers and behind the same door. Only a test build has it (`--features conformance`);
//! `portreeve --version` says so, and nothing is released with it.
//!
//! `/mcp` is as the product has it, without sessions. What the older revisions cannot do without them (a server that asks
//! its client, or remembers something) is at `/mcp/sessions`.
#![expect(deprecated, reason = "sampling, roots and logging are what the older revisions have")]

#[cfg(not(debug_assertions))]
compile_error!("the fixtures of the conformance suite are for tests and never released: build without `--release`");

mod asks;
mod fixtures;
mod offered;
mod rounds;

use {
    fixtures::typed,
    portreeve_guard::{
        Gate, Origins,
        mcp::{self, Handler},
    },
    portreeve_kernel::Entropy,
    portreeve_wallet::Wallet,
    rmcp::{
        ErrorData, RoleServer, ServerHandler,
        model::{
            CallToolRequestParams, CallToolResponse, CallToolResult, CompleteRequestMethod, CompleteRequestParams,
            CompleteResult, CompletionInfo, ContentBlock, CustomRequest, CustomResult, GetPromptRequestParams,
            GetPromptResponse, GetPromptResult, InitializeRequestParams, InitializeResult, JsonObject,
            ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, LoggingLevel,
            PaginatedRequestParams, PromptsCapability, ReadResourceRequestParams, ReadResourceResponse,
            ReadResourceResult, Reference, RequestStateCodec, ServerCapabilities, ServerConfig, SetLevelRequestMethod,
            SetLevelRequestParams, SubscribeRequestMethod, SubscribeRequestParams, SubscriptionFilter, Tool,
            UnsubscribeRequestMethod, UnsubscribeRequestParams,
        },
        service::{RequestContext, SubscriptionContext},
    },
    std::{
        collections::HashSet,
        sync::{Arc, Mutex, PoisonError},
    },
    tokio::sync::watch,
};

/// How a build with this calls itself.
pub(crate) const VERSION: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    " (test build with the fixtures of the MCP conformance suite)"
);

/// The endpoints, not yet behind the gate.
pub(crate) fn endpoints(
    gate: &Gate,
    origins: &Origins,
    wallet: &Wallet,
    ending: &watch::Receiver<bool>,
    entropy: &dyn Entropy,
) -> axum::Router {
    tracing::warn!("this is a test build: it serves the fixtures of the MCP conformance suite to every credential");
    let mut key = vec![0; RequestStateCodec::MIN_KEY_LENGTH];
    entropy.fill(&mut key);
    let seal = Arc::new(RequestStateCodec::new_unchecked(key));
    let offer = || offered::with_fixtures(portreeve_wallet::mcp::offer(wallet.clone()));
    let around = |memory: fn() -> Option<Memory>| {
        let seal = Arc::clone(&seal);
        move |ours| Fixtures {
            ours,
            seal: Arc::clone(&seal),
            memory: memory(),
        }
    };
    let (gate, origins) = (|| gate.clone(), || origins.clone());
    let alone = mcp::endpoint_around("/mcp", gate(), origins(), offer(), ending.clone(), around(|| None));
    let remembers = around(|| Some(Memory::default()));
    let in_sessions =
        mcp::endpoint_around_in_sessions("/mcp/sessions", gate(), origins(), offer(), ending.clone(), remembers);
    alone.merge(in_sessions)
}

/// What a session remembers.
#[derive(Debug, Default)]
struct Memory {
    /// What the client wants to be told of.
    watched: Mutex<HashSet<String>>,
    /// From which level on it wants to read a log.
    level: Mutex<Option<LoggingLevel>>,
}

impl Memory {
    /// Whether the client wants to read what is said at level `info`.
    fn tells_info(&self) -> bool {
        let level = self.level.lock().unwrap_or_else(PoisonError::into_inner);
        matches!(*level, None | Some(LoggingLevel::Debug | LoggingLevel::Info))
    }
}

/// Our handler with the fixtures around it; at `/mcp` one for each request, at `/mcp/sessions` one for each session.
struct Fixtures {
    ours: Handler<Wallet>,
    /// Seals what a client hands back.
    seal: Arc<RequestStateCodec>,
    memory: Option<Memory>,
}

impl Fixtures {
    fn adds(&self, capabilities: &mut ServerCapabilities) {
        capabilities.prompts = Some(PromptsCapability::default());
        capabilities.completions = Some(JsonObject::new());
        capabilities.logging = self.memory.is_some().then(JsonObject::new);
    }
}

impl ServerHandler for Fixtures {
    fn get_info(&self) -> ServerConfig {
        let mut info = self.ours.get_info();
        self.adds(&mut info.capabilities);
        info
    }

    async fn initialize(
        &self,
        request: InitializeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<InitializeResult, ErrorData> {
        let mut answer = self.ours.initialize(request, context).await?;
        self.adds(&mut answer.capabilities);
        if let Some(resources) = &mut answer.capabilities.resources {
            resources.subscribe = self.memory.is_some().then_some(true);
        }
        Ok(answer)
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let mut tools: Vec<Tool> = typed(fixtures::tools())?;
        tools.extend(self.ours.list_tools(request, context).await?.tools);
        Ok(ListToolsResult::with_all_items(tools))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        let tools: Vec<Tool> = typed(fixtures::tools()).ok()?;
        let fixture = tools.into_iter().find(|tool| tool.name == name);
        fixture.or_else(|| self.ours.get_tool(name))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        if let Some(content) = fixtures::content(&request.name) {
            let content: Vec<ContentBlock> = typed(content)?;
            return Ok(CallToolResult::success(content).into());
        }
        if let Some(response) = rounds::call(&self.seal, &request, &context)? {
            return Ok(response);
        }
        if let Some(result) = asks::call(&request, &context, self.memory.as_ref()).await? {
            return Ok(result.into());
        }
        self.ours.call_tool(request, context).await
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let mut resources: Vec<_> = typed(fixtures::resources())?;
        resources.extend(self.ours.list_resources(request, context).await?.resources);
        Ok(ListResourcesResult::with_all_items(resources))
    }

    async fn list_resource_templates(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        self.ours.list_resource_templates(request, context).await
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        match fixtures::contents(&request.uri) {
            Some(contents) => Ok(ReadResourceResult::new(typed(contents)?).into()),
            None => self.ours.read_resource(request, context).await,
        }
    }

    async fn subscribe(&self, request: SubscribeRequestParams, _: RequestContext<RoleServer>) -> Result<(), ErrorData> {
        let memory = self.memory.as_ref();
        let memory = memory.ok_or_else(ErrorData::method_not_found::<SubscribeRequestMethod>)?;
        let mut watched = memory.watched.lock().unwrap_or_else(PoisonError::into_inner);
        watched.insert(request.uri);
        Ok(())
    }

    async fn unsubscribe(
        &self,
        request: UnsubscribeRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let memory = self.memory.as_ref();
        let memory = memory.ok_or_else(ErrorData::method_not_found::<UnsubscribeRequestMethod>)?;
        let mut watched = memory.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let was_watched = watched.remove(&request.uri);
        let unknown = || ErrorData::invalid_params("nobody subscribed to it", None);
        was_watched.then_some(()).ok_or_else(unknown)
    }

    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        self.ours.accepted_subscription_filter(requested)
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        self.ours.listen(context).await
    }

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        Ok(ListPromptsResult::with_all_items(typed(fixtures::prompts())?))
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        if let Some(response) = rounds::prompt(&self.seal, &request, &context)? {
            return Ok(response);
        }
        let unknown = || ErrorData::invalid_params(format!("unknown prompt: {}", request.name), None);
        let arguments = request.arguments.clone().unwrap_or_default();
        let messages = fixtures::messages(&request.name, &arguments).ok_or_else(unknown)?;
        Ok(GetPromptResult::new(typed(messages)?).into())
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        let Reference::Prompt(_) = request.r#ref else {
            return Err(ErrorData::method_not_found::<CompleteRequestMethod>());
        };
        let known = ["testing", "testValue1", "testValue2"].into_iter();
        let fits = known.filter(|value| value.starts_with(&request.argument.value));
        let values = CompletionInfo::new(fits.map(str::to_owned).collect());
        let values = values.map_err(|why| ErrorData::internal_error(why, None))?;
        Ok(CompleteResult::new(values))
    }

    async fn set_level(&self, request: SetLevelRequestParams, _: RequestContext<RoleServer>) -> Result<(), ErrorData> {
        let memory = self.memory.as_ref();
        let memory = memory.ok_or_else(ErrorData::method_not_found::<SetLevelRequestMethod>)?;
        *memory.level.lock().unwrap_or_else(PoisonError::into_inner) = Some(request.level);
        Ok(())
    }

    async fn on_custom_request(
        &self,
        request: CustomRequest,
        context: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        self.ours.on_custom_request(request, context).await
    }
}
