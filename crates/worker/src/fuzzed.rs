//! What fuzzing feeds bytes to.

use prost::Message as _;

use crate::proto;
use crate::proto::run_command::Command;
use crate::proto::run_event::Event;
use crate::proto::statement::Statement;

/// Reads bytes as each message that a worker or its client takes from outside, as far as that goes without a session.
pub fn read_messages(bytes: &[u8]) {
    if let Ok(command) = proto::RunCommand::decode(bytes)
        && let Some(Command::Submit(request)) = command.command
    {
        // What is refused is refused; the point is that nothing panics.
        let _ = agreement::Agreement::from_text(&request.agreement);
    }
    if let Ok(request) = proto::DescribeRequest::decode(bytes) {
        let _ = ir::text::parse(&request.computation).map(check::check);
    }
    if let Ok(event) = proto::RunEvent::decode(bytes)
        && let Some(Event::Outcome(outcome)) = event.event
    {
        outcome.outputs.values().for_each(|t| drop(crate::tensor::from_proto(t)));
    }
    if let Ok(request) = proto::PostRequest::decode(bytes) {
        for statement in request.statements {
            match statement.statement {
                Some(Statement::Ratification(text)) => drop(agreement::Ratification::from_text(&text)),
                Some(Statement::Decline(text)) => drop(agreement::Decline::from_text(&text)),
                None => {}
            }
        }
    }
    if let Ok(request) = proto::ReceiptsRequest::decode(bytes) {
        request.receipts.iter().for_each(|r| drop(serde_json::from_str::<agreement::SignedReceipt>(r)));
    }
    let _ = crate::release::SealedTable::parse(bytes);
    let _ = proto::ReleaseRequest::decode(bytes);
    let _ = proto::AnswerRequest::decode(bytes);
    let _ = proto::InboxReply::decode(bytes);
    let _ = proto::WatchRequest::decode(bytes);
    let _ = proto::JobsReply::decode(bytes);
    let _ = proto::Failure::decode(bytes);
}
