//! User-defined names that equal names of std, of the library, of its crates, of the macros' own items, or of type
//! parameters.

pub mod alloc {}
pub mod bytes {}
pub mod core {}
pub mod diagnostic {}
pub mod inventory {}
pub mod serde {}
pub mod std {}
pub mod tokio {}
pub mod tractor {}

pub trait Allows {}
pub trait Any {}
pub trait Clone {}
pub trait ContextEndpoint {}
pub trait Debug {}
pub trait Default {}
pub trait Endpoint {}
pub trait EndpointBody {}
pub trait FnEndpoint {}
pub trait From {}
pub trait Future {}
pub trait Into {}
pub trait Iterator {}
pub trait PartialEq {}
pub trait Payload {}
pub trait Send {}
pub trait Sized {}
pub trait StreamEndpoint {}
pub trait ToOwned {}

pub struct Actor;
pub struct Box;
pub struct Bytes;
pub struct Call;
pub struct Context;
pub struct EndpointEntry;
pub struct EndpointResult;
pub struct Err;
pub struct Error;
pub struct None;
pub struct Ok;
pub struct Option;
pub struct PayloadError;
pub struct Result;
pub struct RuntimeOptions;
pub struct Some;
pub struct StreamSender;
pub struct String;
pub struct Vec;
pub struct bool;
pub struct str;
pub struct u8;
pub struct usize;

pub struct A;
pub struct E;
pub struct F;
pub struct Lead;
pub struct Output;
pub struct R;
pub struct T;
pub struct U;
pub struct V;

pub const args: i64 = 1;
pub const bound: i64 = 1;
pub const bytes: i64 = 1;
pub const ctx: i64 = 1;
pub const depth_max: i64 = 1;
pub const error: i64 = 1;
pub const f: i64 = 1;
pub const format: i64 = 1;
pub const one: i64 = 1;
pub const options: i64 = 1;
pub const other: i64 = 1;
pub static out: i64 = 1;
pub static output: i64 = 1;
pub static position: i64 = 1;
pub static run: i64 = 1;
pub static sender: i64 = 1;
pub static some: i64 = 1;
pub static two: i64 = 1;
pub static value: i64 = 1;

pub fn body() {}
pub fn context() {}
pub fn default() {}
pub fn default_arg() {}
pub fn drop() {}
pub fn fallible() {}
pub fn main() {}
pub fn run_main() {}
pub fn run_test() {}
pub fn stream() {}

macro_rules! concat { ($($any:tt)*) => { ::core::compile_error!("a macro of the user's") }; }
macro_rules! error_value { ($($any:tt)*) => { ::core::compile_error!("a macro of the user's") }; }
macro_rules! matches { ($($any:tt)*) => { ::core::compile_error!("a macro of the user's") }; }
macro_rules! module_path { ($($any:tt)*) => { ::core::compile_error!("a macro of the user's") }; }
macro_rules! panic { ($($any:tt)*) => { ::core::compile_error!("a macro of the user's") }; }
macro_rules! submit { ($($any:tt)*) => { ::core::compile_error!("a macro of the user's") }; }
macro_rules! unreachable { ($($any:tt)*) => { ::core::compile_error!("a macro of the user's") }; }

/// Methods on every type, which a method call would find before those of std.
pub trait Everywhere: ::core::marker::Sized {
    fn begin(self) {}
    fn borrow(self) {}
    fn clone(self) {}
    fn debug_tuple(self, _: &::core::primitive::str) {}
    fn decode_payload(self) {}
    fn encode_payload(self) {}
    fn field(self, _: &dyn ::core::fmt::Debug) {}
    fn finish(self) {}
    fn from(self) {}
    fn hold(self) {}
    fn into(self) {}
    fn into_future(self) {}
    fn map(self) {}
    fn poll(self) {}
    fn to_owned(self) {}
    fn write_str(self, _: &::core::primitive::str) {}
}

impl<Anything> Everywhere for Anything {}
