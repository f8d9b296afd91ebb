//! Tools, and a prompt, that answer with questions in the stateless revision: the client asks again with what it heard.
//!
//! What a client hands back is a stranger's word. The state says how far the rounds are; it is sealed for this caller and
//! this very request, and good for a while.

use {
    super::fixtures::typed,
    portreeve_kernel::Principal,
    rmcp::{
        ErrorData, RoleServer,
        model::{
            CallToolRequestParams, CallToolResponse, CallToolResult, ClientCapabilities, ContentBlock,
            GetPromptRequestParams, GetPromptResponse, GetPromptResult, InputRequiredResult, InputResponses,
            JsonObject, PromptMessage, RequestStateCodec, Role, SealOptions,
        },
        service::RequestContext,
    },
    serde_json::{Map, Value, json},
    std::{sync::Arc, time::Duration},
};

type Context = RequestContext<RoleServer>;

/// How long a client may take for a round.
const PATIENCE: Duration = Duration::from_secs(300);

/// Calls a tool, when it is one of these.
pub(super) fn call(
    seal: &RequestStateCodec,
    request: &CallToolRequestParams,
    context: &Context,
) -> Result<Option<CallToolResponse>, ErrorData> {
    let round = Round {
        seal,
        context,
        asked: (&request.name, request.arguments.as_ref()),
        heard: request.input_responses.as_ref(),
        state: request.request_state.as_deref(),
    };
    let next = match &*request.name {
        "test_missing_capability" => {
            round.may_ask(&[capital()])?;
            Next::Done("your client has a model".to_owned())
        }
        "test_streaming_elicitation" | "test_input_required_result_elicitation" => round.once(&[name("user_name")])?,
        "test_input_required_result_sampling" => round.once(&[capital()])?,
        "test_input_required_result_list_roots" => round.once(&[roots()])?,
        "test_input_required_result_capabilities" => {
            let all = [name("user_name"), capital(), roots()].into_iter();
            round.once(&all.filter(|question| round.is_declared(question)).collect::<Vec<_>>())?
        }
        "test_input_required_result_request_state" | "test_input_required_result_tampered_state" => {
            round.steps(&[&[confirm()]])?
        }
        "test_input_required_result_multiple_inputs" => round.steps(&[&[name("user_name"), capital(), roots()]])?,
        "test_input_required_result_multi_round" => round.steps(&[&[name("step1")], &[colour()]])?,
        _ => return Ok(None),
    };
    Ok(Some(match next {
        Next::Ask(asks) => asks.into(),
        Next::Done(text) => CallToolResult::success(vec![ContentBlock::text(text)]).into(),
    }))
}

/// Gets a prompt, when it is the one that asks.
pub(super) fn prompt(
    seal: &RequestStateCodec,
    request: &GetPromptRequestParams,
    context: &Context,
) -> Result<Option<GetPromptResponse>, ErrorData> {
    if request.name != "test_input_required_result_prompt" {
        return Ok(None);
    }
    let round = Round {
        seal,
        context,
        asked: (&request.name, request.arguments.as_ref()),
        heard: request.input_responses.as_ref(),
        state: request.request_state.as_deref(),
    };
    let about = elicits(
        "user_context",
        "What context should the prompt use?",
        ("context", "string"),
    );
    Ok(Some(match round.once(&[about])? {
        Next::Ask(asks) => asks.into(),
        Next::Done(text) => GetPromptResult::new(vec![PromptMessage::new_text(Role::User, text)]).into(),
    }))
}

/// Something that only the client can say.
struct Question {
    key: &'static str,
    method: &'static str,
    params: Value,
}

fn elicits(key: &'static str, message: &str, (property, kind): (&str, &str)) -> Question {
    let schema = json!({"type": "object", "properties": {property: {"type": kind}}, "required": [property]});
    Question {
        key,
        method: "elicitation/create",
        params: json!({"mode": "form", "message": message, "requestedSchema": schema}),
    }
}

fn name(key: &'static str) -> Question {
    elicits(key, "What is your name?", ("name", "string"))
}

fn colour() -> Question {
    elicits("step2", "What is your favorite color?", ("color", "string"))
}

fn confirm() -> Question {
    elicits("confirm", "Please confirm", ("ok", "boolean"))
}

fn capital() -> Question {
    let text = json!({"type": "text", "text": "What is the capital of France?"});
    Question {
        key: "capital_question",
        method: "sampling/createMessage",
        params: json!({"messages": [{"role": "user", "content": text}], "maxTokens": 100}),
    }
}

fn roots() -> Question {
    Question {
        key: "client_roots",
        method: "roots/list",
        params: json!({}),
    }
}

/// A request that may be one of several.
struct Round<'a> {
    seal: &'a RequestStateCodec,
    context: &'a Context,
    /// The name, and the arguments.
    asked: (&'a str, Option<&'a JsonObject>),
    heard: Option<&'a InputResponses>,
    state: Option<&'a str>,
}

enum Next {
    Ask(InputRequiredResult),
    Done(String),
}

impl Round<'_> {
    /// One round without a state.
    fn once(&self, questions: &[Question]) -> Result<Next, ErrorData> {
        if self.has_heard(questions)? {
            return self.done();
        }
        self.ask(questions, None)
    }

    /// Rounds that follow one another. The state is the number of the one that was asked.
    fn steps(&self, steps: &[&[Question]]) -> Result<Next, ErrorData> {
        let wrong = || ErrorData::invalid_params("the requestState is not ours", None);
        let ask = |step: usize| self.ask(steps.get(step).ok_or_else(wrong)?, Some(step));
        let Some(state) = self.state else {
            return ask(0);
        };
        let step: usize = self
            .seal
            .open_json_with(state, self.bound_to()?.as_bytes())
            .map_err(|_| wrong())?;
        if !self.has_heard(steps.get(step).ok_or_else(wrong)?)? {
            return ask(step);
        }
        let next = step.saturating_add(1);
        if next < steps.len() { ask(next) } else { self.done() }
    }

    fn ask(&self, questions: &[Question], step: Option<usize>) -> Result<Next, ErrorData> {
        self.may_ask(questions)?;
        let requests = questions.iter().map(|question| {
            let request = json!({"method": question.method, "params": question.params});
            (question.key.to_owned(), request)
        });
        let state = match step {
            Some(step) => Some(self.sealed(step)?),
            None => None,
        };
        let requests = typed(Value::Object(requests.collect::<Map<_, _>>()))?;
        Ok(Next::Ask(InputRequiredResult::new(Some(requests), state)))
    }

    /// Nothing is asked of a client that has not said that it can be asked.
    fn may_ask(&self, questions: &[Question]) -> Result<(), ErrorData> {
        let lacking = questions.iter().filter(|question| !self.is_declared(question));
        let lacking: Map<_, _> = lacking
            .map(|question| (capability(question.method).to_owned(), json!({})))
            .collect();
        if lacking.is_empty() {
            return Ok(());
        }
        let lacking: ClientCapabilities = typed(Value::Object(lacking))?;
        Err(ErrorData::missing_required_client_capability(lacking))
    }

    fn is_declared(&self, question: &Question) -> bool {
        let declared = self.context.client_capabilities();
        declared.is_some_and(|declared| match capability(question.method) {
            "elicitation" => declared.elicitation.is_some(),
            "sampling" => declared.sampling.is_some(),
            _ => declared.roots.is_some(),
        })
    }

    /// Whether there is an answer to each question. Others do not matter.
    fn has_heard(&self, questions: &[Question]) -> Result<bool, ErrorData> {
        for question in questions {
            match self.heard.and_then(|heard| heard.get(question.key)) {
                Some(Value::Object(_)) => {}
                None => return Ok(false),
                Some(_) => {
                    let why = format!("inputResponses.{} is no answer", question.key);
                    return Err(ErrorData::invalid_params(why, None));
                }
            }
        }
        Ok(!questions.is_empty())
    }

    fn done(&self) -> Result<Next, ErrorData> {
        let heard = serde_json::to_string(&self.heard);
        let heard = heard.map_err(|why| ErrorData::internal_error(why.to_string(), None))?;
        let state = if self.state.is_some() { "state-ok, " } else { "" };
        Ok(Next::Done(format!("{state}heard: {heard}")))
    }

    fn sealed(&self, step: usize) -> Result<String, ErrorData> {
        let bound_to = self.bound_to()?;
        let options = SealOptions::new().associated_data(bound_to.as_bytes()).ttl(PATIENCE);
        let sealed = self.seal.seal_json_with(&step, &options);
        sealed.map_err(|why| ErrorData::internal_error(why.to_string(), None))
    }

    /// Who asks for what.
    fn bound_to(&self) -> Result<String, ErrorData> {
        let parts = self.context.extensions.get::<axum::http::request::Parts>();
        let caller = parts.and_then(|parts| parts.extensions.get::<Arc<Principal>>());
        let caller = caller.ok_or_else(|| ErrorData::internal_error("nobody was authenticated", None))?;
        let (name, arguments) = self.asked;
        Ok(json!([caller.credential.to_string(), name, arguments]).to_string())
    }
}

fn capability(method: &str) -> &str {
    method.split('/').next().unwrap_or(method)
}
