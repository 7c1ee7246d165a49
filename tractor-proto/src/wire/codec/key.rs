//! The names of all fields. Those of the most frequent messages come first, because names are looked up in order.

/// Declares [`Key`] with the names of its members on the wire.
macro_rules! keys {
    ($($key:ident = $name:literal,)*) => {
        /// A field of a message, or of the runtime variables.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Key {
            $($key,)*
        }

        impl Key {
            /// The number of keys.
            pub(super) const COUNT: usize = [$(Self::$key,)*].len();

            /// The name on the wire.
            pub(super) const fn name(self) -> &'static str {
                match self {
                    $(Self::$key => $name,)*
                }
            }

            /// The field with this name on the wire.
            pub(super) fn from_name(name: &[u8]) -> Option<Self> {
                // Lengths and bytes become constants in the code, which a loop over a table would compare by calls.
                match name {
                    $(name if name == $name.as_bytes() => Some(Self::$key),)*
                    _ => None,
                }
            }
        }
    };
}

keys! {
    MsgType = "msg_type",
    Cid = "cid",
    Pld = "pld",
    Ns = "ns",
    Func = "func",
    Kwargs = "kwargs",
    Uid = "uid",
    PldSpec = "pld_spec",
    Remaining = "remaining_us",
    Positional = "positional",
    Traceparent = "traceparent",
    Tracestate = "tracestate",
    Functype = "functype",
    Bytes = "bytes",
    SrcUid = "src_uid",
    SrcTypeStr = "src_type_str",
    BoxedTypeStr = "boxed_type_str",
    RelayPath = "relay_path",
    Message = "message",
    TbStr = "tb_str",
    Canceller = "canceller",
    Sender = "sender",
    BadMsg = "_bad_msg",
    BadMsgAsDict = "_bad_msg_as_dict",
    Causes = "causes",
    Value = "value",
    Name = "name",
    Uuid = "uuid",
    Pid = "pid",
    IsRegistrar = "is_registrar",
    IsProbe = "is_probe",
    Caps = "caps",
    FrameBytesMax = "frame_bytes_max",
    Image = "image",
    Nonce = "nonce",
    Proof = "proof",
    ParentMainData = "_parent_main_data",
    RuntimeVars = "_runtime_vars",
    EnableModules = "enable_modules",
    RegAddrs = "reg_addrs",
    BindAddrs = "bind_addrs",
    EnableEndpoints = "enable_endpoints",
    Secret = "secret",
    Limits = "limits",
    Timeouts = "timeouts_us",
    AllowUnauthenticated = "allow_unauthenticated_peers",
    IsRoot = "_is_root",
    RootMailbox = "_root_mailbox",
    RootAddrs = "_root_addrs",
    EnableTpts = "_enable_tpts",
    RegistryAddrs = "_registry_addrs",
    DebugMode = "_debug_mode",
    ReplFixture = "repl_fixture",
    UseGreenback = "use_greenback",
    UseStackscope = "use_stackscope",
    IsInfectedAio = "_is_infected_aio",
}
