// The verifier as one file: what follows verify.mjs and sentence.mjs in it. Nothing here reaches for a network.

const tables = JSON.parse(document.getElementById("tables").textContent);
const by = (id) => document.getElementById(id);

function line(tag, className, content) {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = content;
  return made;
}

function show(verdict, word, sentence, rows = [], about = []) {
  by("answer").className = `verdict ${verdict}`;
  by("word").textContent = word;
  by("sentence").textContent = sentence;
  by("about").replaceChildren(...about.map((one) => line("p", "", one)));
  by("checks").replaceChildren(...rows);
  by("answer").hidden = false;
  by("answer").focus();
}

function row(check) {
  const item = line("li", check.state, "");
  item.append(line("strong", "", `${tables.states[check.state]}: `), sentenceOf(check, tables), line("code", "", ` ${check.code}`));
  return item;
}

async function judgeFile(file) {
  const keys = by("keys").value.split("\n").map((key) => key.trim()).filter(Boolean);
  const day = by("day").value;
  try {
    const data = new Uint8Array(await file.arrayBuffer());
    const asked = { now: new Date(), maxAge: null, at: day ? new Date(`${day}T00:00:00Z`) : null };
    const found = await verifyEvidence(data, keys, asked);
    const { timeline, record, log } = found.facts;
    const about = [timeline?.edition?.template.title, record?.name, log && `${log.origin}, ${log.size}`].filter(Boolean);
    show(found.verdict, tables.verdicts[found.verdict], sentenceOf(found, tables), found.checks.map(row), about);
  } catch (error) {
    show("unknown", tables.verdicts.unknown, error instanceof Refused ? `${tables.refused} (${error.message})` : String(error));
  }
}

hasEd25519().then((has) => {
  by("missing").hidden = has;
});
by("form").addEventListener("submit", (event) => {
  event.preventDefault();
  if (by("evidence").files.length) judgeFile(by("evidence").files[0]);
});
by("evidence").addEventListener("change", () => by("form").requestSubmit());
document.addEventListener("dragover", (event) => event.preventDefault());
document.addEventListener("drop", (event) => {
  event.preventDefault();
  by("evidence").files = event.dataTransfer.files;
  by("form").requestSubmit();
});
