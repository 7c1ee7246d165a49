//! A default is an expression whose type is known.

#![allow(clippy::unwrap_used, clippy::unnecessary_to_owned, reason = "what a user may write")]

#[tractor::actor_fn]
async fn inferred(
    #[tractor(default = "x".into())] _into: String,
    #[tractor(default = Default::default())] _default: String,
    #[tractor(default = "5".parse().unwrap())] _parsed: u16,
    #[tractor(default = (0..4).collect())] _collected: Vec<u8>,
    #[tractor(default = 5_u8.into())] _wider: u64,
    #[tractor(default = Some(vec!["a".into()]))] _nested: Option<Vec<String>>,
    #[tractor(default = panic!("it has to be given"))] _never: u8,
) {
}

#[tractor::actor_fn]
async fn coerced(
    #[tractor(default = Box::new([1, 2, 3]))] _unsized: Box<[u8]>,
    #[tractor(default = if cfg!(unix) { Box::from([1]) } else { Box::new([]) })] _either: Box<[u8]>,
    #[tractor(default = &"x".to_owned())] _text: &str,
    #[tractor(default = &[1, 2])] _list: &[u16],
    #[tractor(default = b"x")] _bytes: &[u8],
) {
}
