"""A second peer, written from PROTOCOL.md alone: it goes through each kind of dialog once and prints the results.

Arguments: the path of a socket, the module of the endpoints, and the extension `credit`, without which it is a base peer.
"""

import io
import os
import socket
import struct
import sys
import uuid

WINDOW_INITIAL, OVERHEAD = 262_144, 64
CONSTANTS = {0xC0: None, 0xC2: False, 0xC3: True}
HEADS = {
    **{head: (int, form) for head, form in zip(range(0xCC, 0xD4), "BHIQbhiq")},
    **{head: (bytes, form) for head, form in zip(range(0xC4, 0xC7), "BHI")},
    **{head: (str, form) for head, form in zip(range(0xD9, 0xDC), "BHI")},
    **{0xCA: (float, "f"), 0xCB: (float, "d")},
    **{0xDC: (list, "H"), 0xDD: (list, "I"), 0xDE: (dict, "H"), 0xDF: (dict, "I")},
}
SHORT = {str: (0xA0, 32), list: (0x90, 16), dict: (0x80, 16), bytes: (0, 0)}


def head_of(kind, number):
    """The shortest head of a kind with this length or number."""
    if kind is int and -32 <= number < 128:
        return bytes([number & 255])
    if kind is not int and number < SHORT[kind][1]:
        return bytes([SHORT[kind][0] | number])
    for head, form in ((head, form) for head, (of, form) in HEADS.items() if of is kind):
        try:
            return bytes([head]) + struct.pack(">" + form, number)
        except struct.error:
            continue  # with a wider one


def pack(value):
    kind = type(value)
    if value is None or kind is bool:
        return bytes(head for head, constant in CONSTANTS.items() if constant is value)
    if kind is int:
        return head_of(int, value)
    if kind is list or kind is dict:
        items = value if kind is list else [part for item in value.items() for part in item]
        return head_of(kind, len(value)) + b"".join(map(pack, items))
    body = value.encode() if kind is str else value
    return head_of(kind, len(body)) + body


def unpack(data):
    head = data.read(1)[0]
    if head < 0x80 or head >= 0xE0:
        return head if head < 0x80 else head - 256
    if head in CONSTANTS:
        return CONSTANTS[head]
    if head in HEADS:
        kind, form = HEADS[head]
        (length,) = struct.unpack(">" + form, data.read(struct.calcsize(form)))
    else:
        kind = dict if head < 0x90 else list if head < 0xA0 else str
        length = head - SHORT[kind][0]
    if kind is list:
        return [unpack(data) for _ in range(length)]
    if kind is dict:
        return {unpack(data): unpack(data) for _ in range(length)}
    if kind is bytes:
        return data.read(length)
    return data.read(length).decode() if kind is str else length


class Peer:
    def __init__(self, path, *caps):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.stream = self.socket.makefile("rb")
        self.uid, self.open = ["second", str(uuid.uuid4())], {}
        aid = {"name": self.uid[0], "uuid": self.uid[1], "pid": os.getpid(), "is_registrar": False, "is_probe": False}
        self.send("Aid", **aid, **({"caps": list(caps)} if caps else {}))
        self.actor = self.receive()
        self.credit = "credit" in caps and "credit" in (self.actor["caps"] or [])

    def send(self, msg_type, **fields):
        body = pack({"msg_type": msg_type, **fields})
        self.socket.sendall(struct.pack("<I", len(body)) + body)

    def receive(self):
        (length,) = struct.unpack("<I", self.stream.read(4))
        return unpack(io.BytesIO(self.stream.read(length)))

    def next(self, cid, *wanted):
        """The next message of a dialog. Messages of other dialogs wait; unwanted credit is dropped."""
        while not self.open[cid]:
            message = self.receive()
            if message["msg_type"] in wanted or message["msg_type"] != "Credit":
                self.open[message["cid"]].append(message)
        message = self.open[cid].pop(0)
        assert message["msg_type"] in wanted, message
        return message

    def start(self, functype, ns, func, **kwargs):
        cid = f"c{len(self.open)}"
        self.open[cid] = []
        self.send("Start", cid=cid, ns=ns, func=func, kwargs=kwargs, uid=self.uid, pld_spec="typing.Any")
        assert self.next(cid, "StartAck")["functype"] == functype
        return cid

    def take(self, message):
        if self.credit:
            self.send("Credit", cid=message["cid"], bytes=len(pack(message["pld"])) + OVERHEAD)
        return message["pld"]


def converse(peer, cid, values):
    """Sends all values and takes an answer to each; then the stream is over in both directions."""
    account, answers, unsent = WINDOW_INITIAL, [], list(values)
    while len(answers) < len(values):
        while unsent and (account > 0 or not peer.credit):
            account -= len(pack(unsent[0])) + OVERHEAD
            peer.send("Yield", cid=cid, pld=unsent.pop(0))
            if not unsent and peer.credit:  # `Stop` ends this direction only
                peer.send("Stop", cid=cid)
        message = peer.next(cid, "Yield", "Credit")
        account += message.get("bytes", 0)
        if message["msg_type"] == "Yield":
            answers.append(peer.take(message))
    if peer.credit:
        peer.next(cid, "Stop")
    else:  # `Stop` ends both directions
        peer.send("Stop", cid=cid)
    return answers


def main(path, module, *caps):
    peer = Peer(path, *caps)
    print("actor:", peer.actor["name"])
    print("call:", peer.next(peer.start("asyncfunc", module, "add", a=2, b=40), "Return")["pld"])
    error = peer.next(peer.start("asyncfunc", module, "fails", text="no luck"), "Error")
    print("error:", error["boxed_type_str"], error["message"])

    cid, lengths = peer.start("asyncgen", module, "texts", count=40, length=20_000), []
    while (message := peer.next(cid, "Yield", "Stop"))["msg_type"] == "Yield":
        lengths.append(len(peer.take(message)))
    print("stream:", len(lengths), "values,", sum(lengths), "bytes")

    cid = peer.start("context", module, "measures", unit=1000)
    print("started:", peer.next(cid, "Started")["pld"])
    print("answers:", *converse(peer, cid, ["x" * 1000 * n for n in range(60, 68)]))
    print("result:", peer.next(cid, "Return")["pld"])

    cid = peer.start("asyncfunc", module, "waits")
    cancel = peer.start("asyncfunc", "self", "_cancel_task", cid=cid)
    error = peer.next(cid, "Error")
    print("cancelled:", error["boxed_type_str"], "by", "this peer" if error["canceller"] == peer.uid else error)
    print("acknowledged:", peer.next(cancel, "CancelAck")["pld"])

    cid = peer.start("context", module, "left_open")
    print("left open:", peer.next(cid, "Started")["pld"])
    peer.next(cid, "Return")
    peer.socket.close()


main(*sys.argv[1:])
