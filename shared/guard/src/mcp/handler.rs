//! What rmcp asks us. It knows the protocol; we know what is offered, and to whom.

use {
    super::{
        failure,
        offer::{Effect, Offer, Tool as OfferedTool},
        progress::{Call, Progress},
        resources,
        subscription::Asked,
    },
    crate::{context::RequestContext, gate::Gate},
    portreeve_kernel::Principal,
    rmcp::{
        ErrorData, RoleServer, ServerHandler,
        model::{
            CallToolRequestParams, CallToolResponse, CallToolResult, CompleteRequestMethod, CompleteRequestParams,
            CompleteResult, ConstString, ContentBlock, CustomRequest, CustomResult, Implementation,
            InitializeRequestParams, InitializeResult, ListPromptsRequestMethod, ListPromptsResult,
            ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, PaginatedRequestParams, ProtocolVersion,
            ReadResourceRequestParams, ReadResourceResponse, ServerCapabilities, ServerConfig, SubscriptionFilter,
            Tool, ToolAnnotations,
        },
        service::{RequestContext as RpcContext, SubscriptionContext},
    },
    std::sync::Arc,
    tokio::sync::watch,
};

/// What stands behind every request.
pub(super) struct Behind<S> {
    pub(super) offer: Offer<S>,
    pub(super) gate: Gate,
    /// True once the server ends.
    pub(super) ending: watch::Receiver<bool>,
}

/// One request's view of it.
#[cfg_attr(
    not(feature = "conformance"),
    expect(unreachable_pub, reason = "a test build puts its own things around it")
)]
pub struct Handler<S>(pub(super) Arc<Behind<S>>);

/// Who asks, and in which HTTP request; put there by the endpoint.
fn asked_by(context: &RpcContext<RoleServer>) -> Result<(Arc<Principal>, RequestContext), ErrorData> {
    let parts = context.extensions.get::<axum::http::request::Parts>();
    let asked = parts.and_then(|parts| {
        let principal = parts.extensions.get::<Arc<Principal>>()?;
        Some((Arc::clone(principal), parts.extensions.get::<RequestContext>()?.clone()))
    });
    asked.ok_or_else(|| ErrorData::internal_error("nobody was authenticated", None))
}

impl<S: Clone + Send + Sync + 'static> ServerHandler for Handler<S> {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_resources()
            .enable_resources_subscribe()
            .build();
        let server = Implementation::new(self.0.offer.name, env!("CARGO_PKG_VERSION")).with_title(self.0.offer.title);
        ServerConfig::new(capabilities)
            .with_server_info(server)
            .with_instructions(self.0.offer.instructions)
    }

    async fn initialize(
        &self,
        request: InitializeRequestParams,
        context: RpcContext<RoleServer>,
    ) -> Result<InitializeResult, ErrorData> {
        context.peer.set_peer_info(request.clone());
        let mut answer = self.negotiate_initialize(&request)?;
        // To be told of changes takes a session in these revisions, and there are none.
        if let Some(resources) = &mut answer.capabilities.resources {
            resources.subscribe = None;
        }
        Ok(answer)
    }

    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        // Each was read before this is asked. What else can be told of does not change here while a token lives.
        let mut accepted = SubscriptionFilter::new();
        accepted
            .resource_subscriptions
            .clone_from(&requested.resource_subscriptions);
        Some(accepted)
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        let parts = context.request_context().extensions.get::<axum::http::request::Parts>();
        let asked = parts.and_then(|parts| parts.extensions.get::<Arc<Asked>>()).cloned();
        let asked = asked.ok_or_else(|| ErrorData::internal_error("nobody asked", None))?;
        let Behind { offer, gate, ending } = &*self.0;
        asked.tell(offer, gate, &context, ending.clone()).await;
        Ok(())
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        context: RpcContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let (caller, _) = asked_by(&context)?;
        let offered = self.0.offer.tools.iter().filter(|tool| caller.may(&tool.scope));
        Ok(ListToolsResult::with_all_items(offered.map(described).collect()))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.0.offer.find_tool(name).map(described)
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RpcContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let (caller, http) = asked_by(&context)?;
        let unknown = || ErrorData::invalid_params(format!("unknown tool: {}", request.name), None);
        let tool = self.0.offer.find_tool(&request.name).ok_or_else(unknown)?;
        let token = context.meta.get_progress_token();
        let progress = Progress::to(token.map(|token| (context.peer.clone(), token)));
        let arguments = request.arguments.clone().unwrap_or_default().into();
        let call = Call {
            context: http.clone(),
            progress,
        };
        let call = (tool.run)(self.0.offer.state.clone(), caller, arguments, call);
        let outcome = tokio::select! {
            outcome = call => outcome,
            // Nobody waits for the answer. What was decided is carried on without us.
            () = context.ct.cancelled() => return Err(ErrorData::internal_error("cancelled", None)),
        };
        Ok(match outcome {
            Ok(view) => CallToolResult::structured(view),
            Err(problem) => {
                problem.log(&http);
                let text = failure::told(&problem, &http, self.0.offer.words).to_string();
                CallToolResult::error(vec![ContentBlock::text(text)])
            }
        }
        .into())
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        context: RpcContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let (caller, http) = asked_by(&context)?;
        let cursor = request.and_then(|request| request.cursor);
        let listed = resources::list(&self.0.offer, &caller, cursor.as_deref()).await;
        listed.map_err(|problem| resources::refused(&problem, &http, &self.0.offer, None))
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        context: RpcContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let (caller, _) = asked_by(&context)?;
        let templates = resources::templates(&self.0.offer, &caller);
        Ok(ListResourceTemplatesResult::with_all_items(templates))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RpcContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let (caller, http) = asked_by(&context)?;
        Ok(resources::read(&self.0.offer, caller, &http, request.uri).await?.into())
    }

    async fn on_custom_request(
        &self,
        request: CustomRequest,
        context: RpcContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        // What rmcp knows by name and could not read.
        if is_known(&request.method, context.protocol_version().as_ref()) {
            return Err(ErrorData::invalid_params(
                format!("the parameters of {} are not valid", request.method),
                None,
            ));
        }
        let text = format!("unknown method: {}", request.method);
        Err(ErrorData::new(rmcp::model::ErrorCode::METHOD_NOT_FOUND, text, None))
    }

    // Not offered, so not there: rmcp would answer with empty lists.

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RpcContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        Err(ErrorData::method_not_found::<ListPromptsRequestMethod>())
    }

    async fn complete(&self, _: CompleteRequestParams, _: RpcContext<RoleServer>) -> Result<CompleteResult, ErrorData> {
        Err(ErrorData::method_not_found::<CompleteRequestMethod>())
    }
}

/// The methods that we answer in this version and whose parameters can be wrong. The stateless revision has no handshake.
fn is_known(method: &str, version: Option<&ProtocolVersion>) -> bool {
    use rmcp::model::{
        CallToolRequestMethod, InitializeResultMethod, ListResourceTemplatesRequestMethod, ListResourcesRequestMethod,
        ListToolsRequestMethod, ReadResourceRequestMethod,
    };
    if method == InitializeResultMethod::VALUE {
        // Versions are dates.
        return version.is_none_or(|version| version.as_str() < ProtocolVersion::V_2026_07_28.as_str());
    }
    [
        ListToolsRequestMethod::VALUE,
        CallToolRequestMethod::VALUE,
        ListResourcesRequestMethod::VALUE,
        ListResourceTemplatesRequestMethod::VALUE,
        ReadResourceRequestMethod::VALUE,
    ]
    .contains(&method)
}

fn described<S>(tool: &OfferedTool<S>) -> Tool {
    let hints = ToolAnnotations::new();
    let hints = match tool.about.effect {
        Effect::Looks => hints.read_only(true).open_world(false),
        Effect::Acts => hints
            .read_only(false)
            .destructive(true)
            .idempotent(false)
            .open_world(true),
        Effect::Adds => hints
            .read_only(false)
            .destructive(false)
            .idempotent(false)
            .open_world(false),
        Effect::Stops | Effect::Changes => hints
            .read_only(false)
            .destructive(true)
            .idempotent(true)
            .open_world(false),
    };
    Tool::new(tool.about.name, tool.about.about, Arc::clone(&tool.input))
        .with_title(tool.about.title)
        .with_raw_output_schema(Arc::clone(&tool.output))
        .with_annotations(hints)
}
