//! Log lines of the ready-made subscriber, and the spans that other subscribers get.

use std::process::Command;

const PROGRAM_ENV: &str = "TRACTOR_TEST_LOG_PROGRAM";

#[tractor::actor_fn]
async fn speak() -> u32 {
    tracing::info!(answer = 42, "spoken in a task");
    std::process::id()
}

#[tractor::actor_fn]
async fn panics() {
    panic!("it has\nfallen over");
}

/// A program that the tests below run, to read its standard error.
#[tractor::test]
async fn program() -> tractor::Result<()> {
    let Some(level) = std::env::var_os(PROGRAM_ENV) else { return Ok(()) };
    tractor::log::init(level.to_str().expect("the level is UTF-8")).expect("a filter");
    tractor::open_nursery(async |an| -> tractor::Result<()> {
        tracing::info!("spoken in the root");
        tracing::info!(said = %"a\n00:00:00.000 (b)\x1b[2J", "passed on\r\nfor another");
        let speaker = an.start_actor("speaker").expose(speak).await?;
        let pid = speaker.run(speak()).await?;
        assert_ne!(pid, std::process::id());
        speaker.cancel_actor().await?;
        let clumsy = an.start_actor("clumsy").expose(panics).await?;
        clumsy.run(panics()).await.expect_err("it panics");
        clumsy.cancel_actor().await?;
        std::thread::spawn(|| panic!("in the root")).join().expect_err("it panics");
        Ok(())
    })
    .await
}

fn lines_at(level: &str, variable: Option<&str>) -> Vec<String> {
    let mut command = Command::new(std::env::current_exe().expect("this binary"));
    command
        .args(["log_lines::program", "--exact", "--nocapture", "--test-threads=1"])
        .env(PROGRAM_ENV, level);
    command.env_remove("TRACTOR_LOGLEVEL");
    if let Some(level) = variable {
        command.env("TRACTOR_LOGLEVEL", level);
    }
    let output = command.output().expect("this binary runs");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stderr).expect("UTF-8").lines().map(str::to_owned).collect()
}

/// The line with this message, without its time.
fn line<'a>(lines: &'a [String], message: &str) -> &'a str {
    let line = lines.iter().find(|line| line.contains(message));
    let line = line.unwrap_or_else(|| panic!("no `{message}` in {lines:#?}"));
    line.split_once(' ').expect("a line begins with the time").1
}

#[test]
fn a_line_names_actor_process_and_task_wherever_it_was_written() {
    let lines = lines_at("info", None);
    let root = line(&lines, "spoken in the root");
    assert!(root.starts_with("(root["), "{root}");
    assert!(root.contains(", main) [INFO ] process::log_lines: spoken in the root"), "{root}");
    let child = line(&lines, "spoken in a task");
    assert!(child.starts_with("(speaker["), "{child}");
    assert!(
        child.contains(
            ", process::log_lines:speak[a0]) [INFO ] process::log_lines: spoken in a task answer=42"
        ),
        "{child}"
    );
    let pid = |line: &str| line.split(", ").nth(1).expect("the process follows the name").to_owned();
    assert_ne!(pid(root), pid(child));
}

/// The default panic hook prints a thread's name, which is the same in every process.
#[test]
fn a_panic_in_a_child_is_headed_with_its_actor() {
    let lines = lines_at("off", None);
    let at = |words: &str| lines.iter().position(|line| line.contains(words));
    let head = at("`process::log_lines:panics` in actor clumsy[").unwrap_or_else(|| panic!("{lines:#?}"));
    assert!(lines[head].ends_with(" panics:"), "{}", lines[head]);
    let said = at("it has").expect("the hook has printed it");
    assert!(head < said && said <= head + 3, "{lines:#?}");
    assert!(at("in the root").is_some());
    assert_eq!(
        lines.iter().filter(|line| line.ends_with(" panics:")).count(),
        1,
        "only the child's panic has a heading"
    );
}

#[test]
fn text_of_another_actor_stays_on_one_line() {
    let lines = lines_at("info", None);
    let root = line(&lines, "passed on");
    assert!(root.contains(r"passed on\r\nfor another said=a\n00:00:00.000 (b)\"), "{root}");
    assert!(!root.contains('\x1b'), "{root}");
}

#[test]
fn the_runtime_says_what_it_does_when_asked() {
    let lines = lines_at("debug", None);
    let started = line(&lines, "started actor `speaker` as process");
    assert!(started.starts_with("(root["), "{started}");
    line(&lines, "reaped actor `speaker`");
}

#[test]
fn the_environment_wins_over_the_program_in_every_actor() {
    let lines = lines_at("trace", Some("off"));
    assert!(!lines.iter().any(|line| line.contains("spoken")), "{lines:#?}");
}

#[test]
fn a_filter_that_cannot_be_read_is_an_error_that_says_what_can() {
    let error = tractor::log::init("tractor=loud").expect_err("no filter");
    assert!(error.to_string().contains("write a level"), "{error}");
}
