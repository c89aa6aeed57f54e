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

/** What outsiders said: witnesses on the file's checkpoint, and anchors with whether their word was checked. */
function wordRows({ witnesses, anchors, log }) {
  const { words, kinds } = tables;
  const seen = witnesses.map(({ name, time }) => [name, "cosignature", time, log.size, true]);
  const anchored = anchors.map(({ name, kind, time, size, word }) => [name, kind, time, size, word !== null]);
  return [...seen, ...anchored].map(([name, kind, time, size, isChecked]) => {
    const state = isChecked ? "passed" : "skipped";
    const item = line("li", state, "");
    const said = written(words.said, { kind: kinds[kind], name, time, size: size.toLocaleString(document.documentElement.lang) });
    item.append(line("strong", "", `${isChecked ? words.checked : words.unchecked}: `), said);
    return item;
  });
}

/** A key alone on a line is a log's. */
const asPolicy = (text) => text.replace(/^[ \t]*(\S+)[ \t]*$/gm, (whole, word) => (word.startsWith("#") ? whole : `log ${word}`));

async function judgeFile(file) {
  const day = by("day").value;
  try {
    const policy = await parsePolicy(asPolicy(by("policy").value.replaceAll("\r", "")));
    const data = new Uint8Array(await file.arrayBuffer());
    const asked = { now: new Date(), maxAge: null, at: day ? new Date(`${day}T00:00:00Z`) : null };
    const found = await verifyEvidence(data, policy, asked);
    const { timeline, record, log } = found.facts;
    const about = [timeline?.edition?.template.title, record?.name, log && `${log.origin}, ${log.size}`].filter(Boolean);
    if (policy.passedOver) about.push(written(tables.words.passed_over, { count: policy.passedOver }));
    by("words").replaceChildren(...(log ? wordRows(found.facts) : []));
    by("outside").hidden = !by("words").children.length;
    show(found.verdict, tables.verdicts[found.verdict], sentenceOf(found, tables), found.checks.map(row), about);
  } catch (error) {
    by("outside").hidden = true;
    const known = error instanceof Refused;
    show("unknown", tables.verdicts.unknown, known ? `${tables.refused} (${error.message})` : String(error));
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
