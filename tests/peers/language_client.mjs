// Asks a language server on stdio what an editor would: node language_client.mjs SERVER FILE QUESTION...
// A question is `hover:LINE:COLUMN`, `complete:LINE:COLUMN` (both from 0) or `problems`. Each gets a line of JSON.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [server, file, ...questions] = process.argv.slice(2);
const child = spawn(process.execPath, [server, "--stdio"], { stdio: ["pipe", "pipe", "inherit"] });
const settings = { yaml: { hover: true, completion: true, validate: true, schemaStore: { enable: false } } };
const waiting = new Map();
let asked = 0;
let problems;
let checked;
const isChecked = new Promise((done) => (checked = done));

let buffer = Buffer.alloc(0);
child.stdout.on("data", (data) => {
  buffer = Buffer.concat([buffer, data]);
  for (;;) {
    const head = buffer.indexOf("\r\n\r\n");
    if (head < 0) return;
    const length = Number(/Content-Length: (\d+)/i.exec(buffer.subarray(0, head).toString())[1]);
    if (buffer.length < head + 4 + length) return;
    const message = JSON.parse(buffer.subarray(head + 4, head + 4 + length).toString());
    buffer = buffer.subarray(head + 4 + length);
    if (message.id !== undefined && message.method) {
      const sections = message.params?.items ?? [];
      const result = message.method === "workspace/configuration" ? sections.map((one) => settings[one.section] ?? null) : null;
      send({ id: message.id, result });
    } else if (message.id !== undefined) {
      waiting.get(message.id)?.(message.result);
    } else if (message.method === "textDocument/publishDiagnostics") {
      problems = message.params.diagnostics;
      checked();
    }
  }
});

function send(message) {
  const text = JSON.stringify({ jsonrpc: "2.0", ...message });
  child.stdin.write(`Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
}

function ask(method, params) {
  return new Promise((answer) => {
    waiting.set(++asked, answer);
    send({ id: asked, method, params });
  });
}

const uri = pathToFileURL(resolve(file)).href;
await ask("initialize", {
  processId: null,
  rootUri: pathToFileURL(dirname(resolve(file))).href,
  capabilities: {
    workspace: { configuration: true },
    textDocument: {
      completion: { completionItem: { snippetSupport: true, documentationFormat: ["markdown"] } },
      hover: { contentFormat: ["markdown"] },
    },
  },
});
send({ method: "initialized", params: {} });
send({ method: "workspace/didChangeConfiguration", params: { settings } });
send({ method: "textDocument/didOpen", params: { textDocument: { uri, languageId: "yaml", version: 1, text: readFileSync(file, "utf8") } } });
await isChecked;
for (const question of questions) {
  const [what, line, character] = question.split(":");
  const params = { textDocument: { uri }, position: { line: Number(line), character: Number(character) } };
  let answer = problems.map((one) => one.message);
  if (what === "hover") answer = (await ask("textDocument/hover", params))?.contents?.value ?? null;
  if (what === "complete") {
    const found = await ask("textDocument/completion", params);
    answer = (found?.items ?? found).map((one) => ({ label: one.label, text: one.textEdit?.newText ?? one.insertText }));
  }
  console.log(JSON.stringify(answer));
}
child.kill();
process.exit(0);
