// A carrier's SMSC for tests: strict about who binds, and scripted over a second port, one JSON object a line.
//
//   node smsc.js SMPP_PORT CONTROL_PORT [KEY CERTIFICATE]
//
// It is told:  {"do": "deliver", "tag": …, "command": "deliver_sm", "pdu": {…}}   values {"hex": "…"} become bytes
//              {"do": "raw_deliver", "tag": …, "hex": "…"}   a delivery with this body, byte for byte
//              {"do": "raw", "hex": "…"}         bytes as they are, to the newest session
//              {"do": "next", "answers": [88, "silent", "hang_up", …]}   how the next submits end: a status, or worse
//              {"do": "drop"}  {"do": "unbind"}  {"do": "enquire"}  {"do": "bind", "status": 14}  {"do": "deaf"}
// It tells:    bound, submitted, delivered (with the status of our answer), enquired, alive, unbound, closed

const net = require("net");
const fs = require("fs");
const smpp = require("smpp");

const [smppPort, controlPort, key, certificate] = process.argv.slice(2);
const secrets = { balagh: "secret" };
const sessions = [];
const consoles = [];
const answers = [];
let bindStatus = 0;
let deaf = false;
let lastId = 0x7a;

function tell(event, what) {
  for (const line of consoles) line.write(JSON.stringify({ event, ...what }) + "\n");
}

function plain(value) {
  if (Buffer.isBuffer(value)) return { hex: value.toString("hex") };
  if (Array.isArray(value)) return value.map(plain);
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, plain(item)]));
  }
  return value;
}

function bytes(value) {
  if (value && typeof value === "object" && "hex" in value) return Buffer.from(value.hex, "hex");
  if (Array.isArray(value)) return value.map(bytes);
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, bytes(item)]));
  }
  return value;
}

function bind(session, pdu, kind) {
  let status = bindStatus;
  if (!(pdu.system_id in secrets)) status = smpp.ESME_RINVSYSID;
  else if (pdu.password !== secrets[pdu.system_id]) status = smpp.ESME_RINVPASWD;
  session.send(pdu.response({ command_status: status, system_id: "SMSC" }));
  if (status) return;
  session.bound = kind;
  tell("bound", { kind, system_type: pdu.system_type });
}

function submit(session, pdu) {
  if (session.bound !== "transceiver" && session.bound !== "transmitter") {
    session.send(pdu.response({ command_status: smpp.ESME_RINVBNDSTS }));
    return;
  }
  tell("submitted", { pdu: plain({ ...pdu }) });
  const how = answers.length ? answers.shift() : 0;
  if (how === "silent") return;
  if (how === "hang_up") return session.destroy();
  const id = how ? "" : (++lastId).toString();
  session.send(pdu.response({ command_status: how, message_id: id }));
}

const options = key ? { key: fs.readFileSync(key), cert: fs.readFileSync(certificate) } : {};
const server = smpp.createServer(options, (session) => {
  sessions.push(session);
  for (const kind of ["transceiver", "transmitter", "receiver"]) {
    session.on(`bind_${kind}`, (pdu) => bind(session, pdu, kind));
  }
  session.on("submit_sm", (pdu) => submit(session, pdu));
  session.on("enquire_link", (pdu) => {
    tell("enquired", {});
    if (!deaf) session.send(pdu.response());
  });
  session.on("unbind", (pdu) => {
    session.send(pdu.response());
    session.close();
    tell("unbound", {});
  });
  session.on("error", () => {});
  session.on("close", () => {
    sessions.splice(sessions.indexOf(session), 1);
    tell("closed", {});
  });
});

const verbs = {
  deliver({ tag, command = "deliver_sm", pdu }) {
    const session = sessions.filter((one) => one.bound === "transceiver").pop();
    const request = new smpp.PDU(command, bytes(pdu));
    session.send(request, (answer) => {
      tell("delivered", { tag, status: answer.command_status, answer: answer.command_id });
    });
  },
  // A delivery whose body the library does not write, so that it can be as odd as a carrier's.
  raw_deliver({ tag, hex }) {
    const session = sessions.filter((one) => one.bound === "transceiver").pop();
    if (!session) return;
    const body = Buffer.from(hex, "hex");
    const header = Buffer.alloc(16);
    const sequence = (session.sequence += 1);
    [16 + body.length, 5, 0, sequence].forEach((value, at) => header.writeUInt32BE(value, at * 4));
    session._callbacks[sequence] = (answer) => tell("delivered", { tag, status: answer.command_status });
    session.socket.write(Buffer.concat([header, body]));
  },
  raw: ({ hex }) => sessions[sessions.length - 1].socket.write(Buffer.from(hex, "hex")),
  next: (what) => answers.push(...what.answers),
  drop: () => [...sessions].forEach((session) => session.destroy()),
  unbind: () => sessions[sessions.length - 1].unbind(),
  enquire: () => sessions[sessions.length - 1].enquire_link(() => tell("alive", {})),
  bind: ({ status }) => (bindStatus = status),
  deaf: () => (deaf = true),
};

const desk = net.createServer((line) => {
  consoles.push(line);
  line.on("error", () => {});
  let rest = "";
  line.on("data", (data) => {
    const lines = (rest + data).split("\n");
    rest = lines.pop();
    for (const one of lines) {
      const command = JSON.parse(one);
      verbs[command.do](command);
      line.write(JSON.stringify({ event: "done", do: command.do }) + "\n");
    }
  });
});
server.listen(Number(smppPort), "127.0.0.1", () => desk.listen(Number(controlPort), "127.0.0.1"));
