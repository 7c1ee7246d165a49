//! The text of a failure, to and from actors of the base protocol. They usually keep it only in the trace that they
//! render, print and pass on.

use std::fmt::Write;

use super::pack::type_names;
use crate::proto::msg::ErrorMsg;

/// Marks the second and further lines of a text in a trace. The lines behind the text have no mark.
const FURTHER_LINE: &str = "  >";

/// Adds the failure to the trace, as a base-protocol actor would, unless it is there already: the endpoint, the place,
/// `Type: text`, the causes.
pub(crate) fn tell_in_trace(msg: &mut ErrorMsg, endpoint: Option<&str>) {
    if text_in(&msg.tb_str, &msg.src_type_str).is_some() {
        return;
    }
    let mut trace = String::new();
    if let (Some(endpoint), Some(reporter)) = (endpoint, msg.relay_path.last()) {
        _ = writeln!(trace, "`{endpoint}`, reported by actor {reporter}");
    }
    if !msg.tb_str.is_empty() {
        _ = writeln!(trace, "at {}", msg.tb_str);
    }
    trace += &msg.src_type_str;
    if let Some(text) = msg.message.as_deref().filter(|text| !text.is_empty()) {
        _ = write!(trace, ": {}", marked(text));
    }
    for cause in &msg.causes {
        _ = write!(trace, "\ncaused by: {}", marked(cause));
    }
    trace.push('\n');
    msg.tb_str = trace;
}

/// Takes the text of the failure from the trace of a base-protocol actor, if the message has no text or only that of a
/// relay ("remote task raised ..").
pub(crate) fn learn_from_trace(msg: &mut ErrorMsg) {
    let is_relayed = msg.boxed_type_str == type_names::REMOTE_ACTOR_ERROR;
    if !is_relayed && msg.message.as_deref().is_some_and(|text| !text.is_empty()) {
        return;
    }
    if let Some(text) = text_in(&msg.tb_str, &msg.src_type_str) {
        msg.message = Some(text);
    }
}

/// A text with its further lines marked.
fn marked(text: &str) -> String {
    let mut lines = text.lines();
    let mut marked = lines.next().unwrap_or_default().to_owned();
    for line in lines {
        marked.push('\n');
        marked += FURTHER_LINE;
        if !line.is_empty() {
            marked.push(' ');
            marked += line;
        }
    }
    marked
}

/// The text of the last line `Type: text` or `module.Type: text`, with its marked further lines. Notes may follow it; a
/// relay quotes the trace that it got, indented and in a box.
fn text_in(trace: &str, type_name: &str) -> Option<String> {
    let lines: Vec<_> = trace.lines().collect();
    let (at, first) =
        lines.iter().enumerate().rev().find_map(|(at, line)| Some((at, text_of(line, type_name)?)))?;
    let mut text = first.to_owned();
    let margin = &lines[at][..lines[at].len() - lines[at].trim_start().len()];
    let mark = format!("{margin}{FURTHER_LINE}");
    for line in lines[at + 1..].iter().map_while(|line| line.strip_prefix(&mark)) {
        text.push('\n');
        text += line.strip_prefix(' ').unwrap_or(line);
    }
    Some(text)
}

/// The text of a line `Type: text` or `module.Type: text`.
fn text_of<'t>(line: &'t str, type_name: &str) -> Option<&'t str> {
    let line = line.trim_start_matches([' ', '\t', '|']);
    let (path, text) = line.split_once(": ").unwrap_or((line.trim_end(), ""));
    let module = path.strip_suffix(type_name)?;
    let is_module = |module: &str| {
        module.ends_with('.') && module.chars().all(|c| c.is_alphanumeric() || "._<>".contains(c))
    };
    (module.is_empty() || is_module(module)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::id::Uid;

    fn uid(name: &str) -> Uid {
        Uid::new(name, name)
    }

    /// The message of a Python actor.
    fn received(type_name: &str, message: &str, trace: &str) -> ErrorMsg {
        let mut msg = ErrorMsg::new(uid("kid"), type_name, message);
        trace.clone_into(&mut msg.tb_str);
        msg
    }

    #[track_caller]
    fn learns(mut msg: ErrorMsg, text: &str) {
        learn_from_trace(&mut msg);
        assert_eq!(msg.message.as_deref(), Some(text));
    }

    #[test]
    fn the_text_is_that_of_the_last_line_with_the_type() {
        let frames = "Traceback (most recent call last):\n  File \"a.py\", line 3, in f\n    raise ValueError('bad')\n";
        for (type_name, end, text) in [
            ("ValueError", "ValueError: bad value\n", "bad value"),
            ("MyErr", "__mp_main__.MyErr: mine: with colon\nsecond line\n", "mine: with colon"),
            ("E", "m.f.<locals>.E: inner\n", "inner"),
            (
                "ValueError",
                "ValueError: noted\na note\n( ^^^ this exc was collapsed from a group ^^^ )\n\n",
                "noted",
            ),
            (
                "ValueError",
                "ValueError: first\n\nDuring handling of the above ..:\n\nValueError: second\n",
                "second",
            ),
            ("ValueError", "ValueError\n", ""),
            ("ValueError", "NoValueError: other\n", ""),
            (
                "ExceptionGroup",
                "  | ExceptionGroup: two (2 sub-exceptions)\n  +-+--- 1 ---\n    | E: x\n",
                "two (2 sub-exceptions)",
            ),
        ] {
            learns(received(type_name, "", &format!("{frames}{end}")), text);
        }
    }

    #[test]
    fn a_relay_has_the_text_in_a_box() {
        let trace = "Traceback (most recent call last):\n  File \"r.py\", line 1, in relay\n\
                     tractor._exceptions.RemoteActorError: remote task raised a 'ValueError'\n \
                     |_src_uid=('kid', 'u')\n |\n  ------ ('kid', 'u') ------\n  \
                     Traceback (most recent call last):\n  ValueError: bad value\n  ------ ('kid', 'u')- ------\n _|\n";
        let mut msg = received("ValueError", "remote task raised a 'ValueError'\n", trace);
        msg.boxed_type_str = type_names::REMOTE_ACTOR_ERROR.to_owned();
        learns(msg, "bad value");
    }

    #[test]
    fn a_message_that_says_more_is_kept() {
        learns(
            received("ContextCancelled", "cancelled by us", "ContextCancelled: else\n"),
            "cancelled by us",
        );
        let mut msg = received("ValueError", "remote task raised", "nothing of the kind");
        msg.boxed_type_str = type_names::REMOTE_ACTOR_ERROR.to_owned();
        learns(msg, "remote task raised");
    }

    #[test]
    fn the_text_written_to_a_trace_is_read_from_it() {
        for (text, place, causes) in [
            ("bad value", "", vec!["io: gone".to_owned()]),
            ("", "src/a.rs:1:2", vec![]),
            ("one\n  two\n\nshop::Error: four", "", vec!["a\nshop::Error: b".to_owned()]),
        ] {
            let mut msg = ErrorMsg::new(uid("kid"), "shop::Error", text);
            place.clone_into(&mut msg.tb_str);
            msg.causes = causes;
            tell_in_trace(&mut msg, Some("shop:buy"));
            let told = msg.tb_str.clone();
            assert!(told.contains("shop:buy") && told.contains(place), "{told}");
            tell_in_trace(&mut msg, None);
            assert_eq!(msg.tb_str, told);
            msg.message = None;
            learns(msg.clone(), text);
            // As quoted by a relay, and quoted again by a second relay.
            for _ in 0..2 {
                let quoted: String = msg.tb_str.lines().map(|line| format!("  {line}\n")).collect();
                msg.tb_str =
                    format!("m.Error: remote task raised\n |\n  ------ x ------\n{quoted}  ------ x\n _|\n");
                learns(msg.clone(), text);
            }
        }
    }
}
