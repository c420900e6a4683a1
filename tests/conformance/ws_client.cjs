// A conversation by npm's ws, told as one line of JSON. Arguments: path of the package, address, number of bytes.
const WebSocket = require(process.argv[2]);
const bytes = Number(process.argv[4]);
const command = (id) => JSON.stringify({ type: "order", id, data: { giftId: 7 } });
const story = { answers: [], pongs: [] };
const socket = new WebSocket(process.argv[3], { perMessageDeflate: true });

socket.on("open", () => {
  story.extensions = socket.extensions;
  socket.send(command("whole"));
  const parts = command("分片").match(/.{1,9}/gs);
  parts.forEach((part, number) => {
    socket.send(part, { fin: number === parts.length - 1 });
    socket.ping(`ping ${number}`);
  });
  story.pings = parts.map((_, number) => `ping ${number}`);
  socket.send(command("big").padEnd(bytes));
  socket.send(command("too big").padEnd(bytes + 1));
  socket.send(Buffer.from("{}"));
  socket.ping("last");
});
socket.on("message", (data, isBinary) => {
  const answer = JSON.parse(data.toString());
  story.answers.push(isBinary ? "binary" : answer.error || answer.id);
  if (story.answers.length === 5) socket.close(4321, "再见");
});
socket.on("pong", (data) => story.pongs.push(data.toString()));
socket.on("error", (error) => { story.error = String(error); });
socket.on("close", (code) => {
  story.code = code;
  console.log(JSON.stringify(story));
});
