// The line «verified by your browser»: fetches the evidence and the newest checkpoint from this site, verifies both here, and says
// so, or says what does not hold. The log's key is the one that this browser saw at its first visit; a new one is told of.

import { MAX_FILE_BYTES, Refused, hasEd25519, parsePolicy, readCheckpoint, verifyEvidence } from "./verify.mjs";
import { sentenceOf, written } from "./sentence.mjs";

/** Checks whose failure means that what the server gave does not hold together, whatever became of the award. */
const INTEGRITY = /^(?:log\.(?!fresh)|status\.(?:history|bits|agreement)$|issuer\.known$|genuine\.)/;

/** Check, and say in *place* what was found. */
export async function check(place) {
  const { dataset } = place;
  const texts = Object.fromEntries(Array.from(place.querySelectorAll("[data-said]"), (one) => [one.dataset.said, one.textContent]));
  const tables = JSON.parse(dataset.sentences);
  const say = (state, word, detail, values = {}) => {
    place.classList.add(state);
    place.dataset.found = word;
    place.querySelector(".own-word").textContent = texts[word];
    place.querySelector(".own-detail").textContent = written(texts[detail] ?? detail, values);
  };
  place.hidden = false;
  if (!(await hasEd25519())) return say("unknown", "no_ed25519", "no_ed25519_detail");
  if (!isKnownKey(dataset.vkey)) {
    offerKey(place);
    return say("unknown", "new_key", "new_key_detail");
  }
  let evidence, checkpoint;
  try {
    [evidence, checkpoint] = await Promise.all([fetched(dataset.evidence), fetched("/log/checkpoint")]);
  } catch {
    return say("unknown", "unreachable", "unreachable_detail");
  }
  const found = await judge(evidence, checkpoint, dataset);
  const reason = found.sentence ?? sentenceOf(found, tables);
  if (found.isAltered) return say("invalid", "differs", "altered", { reason });
  if (found.verdict === "unknown") return say("unknown", "unknown", reason);
  const page = tables.verdicts[dataset.verdict];
  if (dataset.verdict !== found.verdict && dataset.verdict !== "unknown") return say("invalid", "differs", "differs_detail", { page });
  if (found.verdict === "invalid") return say("invalid", "invalid", "agrees_detail", { reason });
  return say("valid", "valid", "valid_detail", { entries: found.facts.entries, time: found.facts.spoken });
}

async function fetched(path) {
  const answer = await fetch(path, { cache: "no-store", credentials: "omit" });
  if (!answer.ok) throw new Error(`${answer.status}`);
  const data = new Uint8Array(await answer.arrayBuffer());
  if (data.length > MAX_FILE_BYTES) throw new Error("too much");
  return data;
}

async function judge(evidence, checkpoint, { vkey, credential, at }) {
  try {
    const policy = await parsePolicy(`log ${vkey}`);
    const found = await verifyEvidence(evidence, policy, { now: new Date(), at: at ? new Date(at) : null });
    const wrong = found.checks.find((one) => one.state === "failed" && INTEGRITY.test(one.code));
    if (wrong) return { ...found, ...wrong, isAltered: true };
    const about = JSON.parse(new TextDecoder().decode(evidence)).credential;
    if (about !== credential) return { isAltered: true, sentence: about };
    const newest = await readCheckpoint(new TextDecoder().decode(checkpoint), policy);
    const { log } = found.facts;
    const isSplit = log && (!newest || newest.origin !== log.origin || (newest.size === log.size && newest.root !== log.root));
    return isSplit ? { isAltered: true, sentence: "/log/checkpoint" } : found;
  } catch (error) {
    return error instanceof Refused ? { isAltered: true, sentence: error.message } : { verdict: "unknown", sentence: `${error}` };
  }
}

/** One for the whole site: a key of another name is another key as well, or whoever serves a false log would give it a name of its own. */
const KEPT = "cairn log key";

/** Whoever knows why the key is another one can take it; then everything is checked again. */
function offerKey(place) {
  const button = place.querySelector("button");
  button.hidden = false;
  button.addEventListener("click", () => {
    localStorage.setItem(KEPT, place.dataset.vkey);
    location.reload();
  });
}

/** Whether the key is the one of the first visit. Where nothing can be kept, every visit is the first. */
function isKnownKey(vkey) {
  try {
    const before = localStorage.getItem(KEPT);
    if (before === null) localStorage.setItem(KEPT, vkey);
    return before === null || before === vkey;
  } catch {
    return true;
  }
}
